//! Arguments that name axes, sizes and parts.

use crate::dim::Dim;
use crate::error::{Error, Place, Result};
use crate::op::Attr;
use crate::shape::Shape;
use smallvec::SmallVec;
use std::ops::RangeFull;

/// Axes of a tensor: one (`-1`), several (`[0, 2]`), or all (`..`). Negative ones count from the back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Axes(Option<SmallVec<[i64; 4]>>);

impl Axes {
    /// The axes as given, or all of a tensor of this rank.
    pub fn of_rank(self, rank: usize) -> SmallVec<[i64; 4]> {
        self.0.unwrap_or_else(|| (0..rank as i64).collect())
    }
    /// Whether this is `..`.
    pub fn is_all(&self) -> bool {
        self.0.is_none()
    }
}

impl From<RangeFull> for Axes {
    fn from(_: RangeFull) -> Axes {
        Axes(None)
    }
}

impl From<SmallVec<[i64; 4]>> for Attr {
    fn from(v: SmallVec<[i64; 4]>) -> Attr {
        Attr::Ints(v)
    }
}

/// A size of a new shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Size {
    Is(Dim),
    /// `-1`: what is left.
    Rest,
    /// Any other negative number, to be refused.
    Bad(i64),
}

/// Sizes of which one may be `-1`, "what is left": the argument of `reshape`, and of `split` by sizes.
///
/// Made from arrays, vectors and slices of integers or [`Dim`]s, and from [`Shape`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewShape(SmallVec<[Size; 6]>);

impl NewShape {
    /// The shape with `-1` replaced by `total / (product of the others)`.
    #[track_caller]
    pub(crate) fn of_product(&self, op: &'static str, total: Dim) -> Result<Shape> {
        let known = self.0.iter().fold(Dim::from(1), |n, s| if let Size::Is(d) = s { n * *d } else { n });
        let rest = || match (total.size(), known.size()) {
            (Some(_), Some(0)) => None,
            (Some(a), Some(b)) => (a % b == 0).then(|| Dim::from(a / b)),
            _ => Some(total.floor_div(known)),
        };
        self.fill(op, rest, || format!("-1 cannot be inferred: {total} elements do not divide by {known}"))
    }
    /// The sizes with `-1` replaced by `total - (sum of the others)`.
    #[track_caller]
    pub(crate) fn of_sum(&self, op: &'static str, total: Dim) -> Result<Shape> {
        let known = self.0.iter().fold(Dim::from(0), |n, s| if let Size::Is(d) = s { n + *d } else { n });
        let rest = || match (total.size(), known.size()) {
            (Some(a), Some(b)) => a.checked_sub(b).map(Dim::from),
            _ => Some(total - known),
        };
        self.fill(op, rest, || format!("-1 cannot be inferred: the other sizes are {known} of {total}"))
    }
    #[track_caller]
    fn fill(
        &self,
        op: &'static str,
        rest: impl Fn() -> Option<Dim>,
        why: impl Fn() -> String,
    ) -> Result<Shape> {
        let mut seen = false;
        let mut shape = Shape::scalar();
        for size in &self.0 {
            shape.push(match size {
                Size::Is(d) => *d,
                Size::Bad(n) => {
                    return Err(Error::invalid(op, format!("the size {n} is negative")).at(Place::caller()));
                }
                Size::Rest if seen => {
                    return Err(Error::invalid(op, "only one size may be -1").at(Place::caller()));
                }
                Size::Rest => {
                    seen = true;
                    rest().ok_or_else(|| Error::invalid(op, why()).at(Place::caller()))?
                }
            });
        }
        Ok(shape)
    }
}

fn size(n: i64) -> Size {
    match n {
        -1 => Size::Rest,
        n if n < 0 => Size::Bad(n),
        n => Size::Is(Dim::from(n as usize)),
    }
}

impl From<&Shape> for NewShape {
    fn from(shape: &Shape) -> NewShape {
        NewShape(shape.iter().map(|d| Size::Is(*d)).collect())
    }
}

impl From<Shape> for NewShape {
    fn from(shape: Shape) -> NewShape {
        NewShape::from(&shape)
    }
}

impl From<()> for NewShape {
    fn from((): ()) -> NewShape {
        NewShape(SmallVec::new())
    }
}

/// What `split` cuts an axis into: a number of equal parts (`3`), or parts of these sizes (`[1, 2, -1]`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parts {
    /// So many equal parts.
    Number(usize),
    /// Parts of these sizes.
    Sizes(NewShape),
}

macro_rules! lists {
    ($($t:ty => |$v:ident| $size:expr;)*) => { $(
        impl<const N: usize> From<[$t; N]> for NewShape {
            fn from(sizes: [$t; N]) -> NewShape { NewShape::from(sizes.as_slice()) }
        }
        impl<const N: usize> From<&[$t; N]> for NewShape {
            fn from(sizes: &[$t; N]) -> NewShape { NewShape::from(sizes.as_slice()) }
        }
        impl From<Vec<$t>> for NewShape {
            fn from(sizes: Vec<$t>) -> NewShape { NewShape::from(sizes.as_slice()) }
        }
        impl From<&[$t]> for NewShape {
            fn from(sizes: &[$t]) -> NewShape { NewShape(sizes.iter().map(|$v| $size).collect()) }
        }
        impl<const N: usize> From<[$t; N]> for Parts {
            fn from(sizes: [$t; N]) -> Parts { Parts::Sizes(sizes.into()) }
        }
        impl From<Vec<$t>> for Parts {
            fn from(sizes: Vec<$t>) -> Parts { Parts::Sizes(sizes.into()) }
        }
        impl From<&[$t]> for Parts {
            fn from(sizes: &[$t]) -> Parts { Parts::Sizes(sizes.into()) }
        }
    )* };
}

lists! {
    i32 => |v| size((*v).into());
    i64 => |v| size(*v);
    usize => |v| Size::Is(Dim::from(*v));
    Dim => |v| Size::Is(*v);
}

macro_rules! integers {
    ($($t:ty)*) => { $(
        impl From<$t> for Axes {
            fn from(axis: $t) -> Axes { Axes(Some(SmallVec::from_elem(axis as i64, 1))) }
        }
        impl<const N: usize> From<[$t; N]> for Axes {
            fn from(axes: [$t; N]) -> Axes { Axes::from(axes.as_slice()) }
        }
        impl<const N: usize> From<&[$t; N]> for Axes {
            fn from(axes: &[$t; N]) -> Axes { Axes::from(axes.as_slice()) }
        }
        impl From<Vec<$t>> for Axes {
            fn from(axes: Vec<$t>) -> Axes { Axes::from(axes.as_slice()) }
        }
        impl From<&[$t]> for Axes {
            fn from(axes: &[$t]) -> Axes { Axes(Some(axes.iter().map(|a| *a as i64).collect())) }
        }
        impl From<$t> for Parts {
            fn from(n: $t) -> Parts { Parts::Number(usize::try_from(n).unwrap_or(0)) }
        }
    )* };
}

integers!(i32 i64 usize);

impl From<&Axes> for Axes {
    fn from(axes: &Axes) -> Axes {
        axes.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_is_inferred() {
        let b = Dim::symbol("b");
        let shape = NewShape::from([2, -1]);
        assert_eq!(shape.of_product("reshape", Dim::from(6)).unwrap(), [2, 3]);
        assert_eq!(NewShape::from([-1, 4]).of_product("reshape", b * Dim::from(8)).unwrap()[0], b + b);
        assert_eq!(NewShape::from([b, Dim::from(4)]).of_product("r", b * Dim::from(4)).unwrap()[0], b);
        assert!(shape.of_product("reshape", Dim::from(5)).is_err());
        assert!(NewShape::from([-1, -1]).of_product("reshape", b).is_err());
        assert!(NewShape::from([-2]).of_product("reshape", b).is_err());
        assert!(NewShape::from([0, -1]).of_product("reshape", Dim::from(0)).is_err());
        assert_eq!(NewShape::from([1, -1]).of_sum("split", Dim::from(4)).unwrap(), [1, 3]);
        assert_eq!(Axes::from([0, -1]).of_rank(5).as_slice(), [0, -1]);
        assert_eq!(Axes::from(..).of_rank(2).as_slice(), [0, 1]);
    }
}
