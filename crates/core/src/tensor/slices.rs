//! What `x.slice(s![..])` takes: TensorFlow's `x[...]` as a value.

use crate::op::Attrs;
use std::ops::{Range, RangeFrom, RangeFull, RangeInclusive, RangeTo, RangeToInclusive};

/// One entry of `x[...]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SliceItem {
    /// One position; the axis goes away.
    Index(i64),
    /// From, up to but without, by steps of; what is left out is an end of the axis.
    Range {
        /// The first position.
        begin: Option<i64>,
        /// The position before which it stops.
        end: Option<i64>,
        /// The step, not 0; negative goes backwards.
        step: i64,
    },
    /// A new axis of size 1.
    NewAxis,
    /// As many whole axes as are not named.
    Ellipsis,
}

impl SliceItem {
    /// A range with another step.
    pub fn step(self, step: i64) -> SliceItem {
        match self {
            SliceItem::Range { begin, end, .. } => SliceItem::Range { begin, end, step },
            other => other,
        }
    }
}

/// Slice items; [`s!`](crate::s) makes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slices(pub Vec<SliceItem>);

impl<const N: usize> From<[SliceItem; N]> for Slices {
    fn from(items: [SliceItem; N]) -> Slices {
        Slices(items.into())
    }
}

impl From<Vec<SliceItem>> for Slices {
    fn from(items: Vec<SliceItem>) -> Slices {
        Slices(items)
    }
}

impl Slices {
    /// The attributes of TensorFlow's `StridedSlice`.
    pub(crate) fn attrs(&self) -> Attrs {
        let (mut begin, mut end, mut strides) = (vec![], vec![], vec![]);
        let [mut begin_mask, mut end_mask, mut ellipsis, mut new_axis, mut shrink] = [0i64; 5];
        for (i, item) in self.0.iter().enumerate() {
            let (mut b, mut e, mut s) = (0, 0, 1);
            let bit = 1i64 << i;
            match *item {
                SliceItem::Index(at) => {
                    (b, e) = (at, at.wrapping_add(1));
                    shrink |= bit;
                }
                SliceItem::Range { begin, end, step } => {
                    b = begin.unwrap_or(0);
                    e = end.unwrap_or(0);
                    s = step;
                    begin_mask |= if begin.is_none() { bit } else { 0 };
                    end_mask |= if end.is_none() { bit } else { 0 };
                }
                SliceItem::NewAxis => new_axis |= bit,
                SliceItem::Ellipsis => ellipsis |= bit,
            }
            begin.push(b);
            end.push(e);
            strides.push(s);
        }
        Attrs::new()
            .with("begin", begin)
            .with("end", end)
            .with("strides", strides)
            .with("begin_mask", begin_mask)
            .with("end_mask", end_mask)
            .with("ellipsis_mask", ellipsis)
            .with("new_axis_mask", new_axis)
            .with("shrink_axis_mask", shrink)
    }
}

impl From<RangeFull> for SliceItem {
    fn from(_: RangeFull) -> SliceItem {
        SliceItem::Range { begin: None, end: None, step: 1 }
    }
}

/// The end of an inclusive range; `..=-1` goes through the last position.
fn after(last: i64) -> Option<i64> {
    if last == -1 { None } else { Some(last + 1) }
}

macro_rules! items {
    ($($t:ty)*) => { $(
        impl From<$t> for SliceItem {
            fn from(at: $t) -> SliceItem { SliceItem::Index(at as i64) }
        }
        impl From<Range<$t>> for SliceItem {
            fn from(r: Range<$t>) -> SliceItem {
                SliceItem::Range { begin: Some(r.start as i64), end: Some(r.end as i64), step: 1 }
            }
        }
        impl From<RangeFrom<$t>> for SliceItem {
            fn from(r: RangeFrom<$t>) -> SliceItem {
                SliceItem::Range { begin: Some(r.start as i64), end: None, step: 1 }
            }
        }
        impl From<RangeTo<$t>> for SliceItem {
            fn from(r: RangeTo<$t>) -> SliceItem {
                SliceItem::Range { begin: None, end: Some(r.end as i64), step: 1 }
            }
        }
        impl From<RangeInclusive<$t>> for SliceItem {
            fn from(r: RangeInclusive<$t>) -> SliceItem {
                SliceItem::Range { begin: Some(*r.start() as i64), end: after(*r.end() as i64), step: 1 }
            }
        }
        impl From<RangeToInclusive<$t>> for SliceItem {
            fn from(r: RangeToInclusive<$t>) -> SliceItem {
                SliceItem::Range { begin: None, end: after(r.end as i64), step: 1 }
            }
        }
    )* };
}

items!(i32 i64 usize);

/// The entries of `x[...]`, for `x.slice(s![..])`.
///
/// An integer takes one position and drops the axis; a range keeps it; `range; step` goes by steps (which may be
/// negative); negative positions count from the back; `..` is a whole axis (Python's `:`); `NewAxis` puts an axis of
/// size 1; `Ellipsis` (Python's `...`) stands for all axes that are not named. Axes after the last entry stay whole.
///
/// ```
/// # use tenfold_core as tf;
/// let x = tf::constant([[1, 2, 3], [4, 5, 6]]);
/// assert_eq!(x.slice(tf::s![1]).to_vec::<i32>().unwrap(), [4, 5, 6]);
/// assert_eq!(x.slice(tf::s![.., -1]).to_vec::<i32>().unwrap(), [3, 6]);
/// assert_eq!(x.slice(tf::s![0, ..;-1]).to_vec::<i32>().unwrap(), [3, 2, 1]);
/// assert_eq!(x.slice(tf::s![NewAxis, Ellipsis, 0..=1]).shape().to_vec(), [1, 2, 2]);
/// ```
#[macro_export]
macro_rules! s {
    (@items [$($done:expr,)*]) => { $crate::Slices::from([$($done),*]) };
    (@items [$($done:expr,)*] NewAxis $(, $($rest:tt)*)?) => {
        $crate::s!(@items [$($done,)* $crate::SliceItem::NewAxis,] $($($rest)*)?)
    };
    (@items [$($done:expr,)*] Ellipsis $(, $($rest:tt)*)?) => {
        $crate::s!(@items [$($done,)* $crate::SliceItem::Ellipsis,] $($($rest)*)?)
    };
    (@items [$($done:expr,)*] $e:expr; $step:expr $(, $($rest:tt)*)?) => {
        $crate::s!(@items [$($done,)* $crate::SliceItem::from($e).step($step),] $($($rest)*)?)
    };
    (@items [$($done:expr,)*] $e:expr $(, $($rest:tt)*)?) => {
        $crate::s!(@items [$($done,)* $crate::SliceItem::from($e),] $($($rest)*)?)
    };
    // `1..-1` is a range from 1 to the last: not empty, as the linter thinks.
    ($($items:tt)*) => {{
        #[allow(clippy::reversed_empty_ranges)]
        let slices = $crate::s!(@items [] $($items)*);
        slices
    }};
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings() {
        let range = |begin, end, step| SliceItem::Range { begin, end, step };
        let spec = s![.., NewAxis, 1..-1;2, Ellipsis, ..=-1, 1..=3, ..2usize, -1];
        let wanted = [
            range(None, None, 1),
            SliceItem::NewAxis,
            range(Some(1), Some(-1), 2),
            SliceItem::Ellipsis,
            range(None, None, 1),
            range(Some(1), Some(4), 1),
            range(None, Some(2), 1),
            SliceItem::Index(-1),
        ];
        assert_eq!(spec.0, wanted);
        assert_eq!(spec.attrs().int("begin_mask"), 0b0101_0001);
        assert_eq!(spec.attrs().int("shrink_axis_mask"), 0b1000_0000);
    }
}
