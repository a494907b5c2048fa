use crate::dim::Dim;
use crate::error::{Error, Kind, Place};
use crate::tensor::{Axes, Tensor, faces};

/// How often elements are repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Repeats {
    /// Each so often.
    Each(usize),
    /// The `i`th along the axis so often.
    Per(Vec<usize>),
}

impl From<usize> for Repeats {
    fn from(n: usize) -> Repeats {
        Repeats::Each(n)
    }
}

impl<const N: usize> From<[usize; N]> for Repeats {
    fn from(n: [usize; N]) -> Repeats {
        Repeats::Per(n.to_vec())
    }
}

impl From<Vec<usize>> for Repeats {
    fn from(n: Vec<usize>) -> Repeats {
        Repeats::Per(n)
    }
}

faces! {
    /// `x` with each element (along `axis`) repeated in place: each equally often, or by a number of its own; `..` repeats
    /// the elements of the flat `x`.
    ///
    /// Source: `tf.repeat`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([1, 2]).repeat(2, 0).to_vec::<i32>().unwrap(), [1, 1, 2, 2]);
    /// assert_eq!(tf::constant([1, 2]).repeat([0, 3], 0).to_vec::<i32>().unwrap(), [2, 2, 2]);
    /// ```
    pub fn repeat / try_repeat(x: &Tensor, repeats: impl Into<Repeats>, axis: impl Into<Axes>) = {
        let axis: Axes = axis.into();
        let (x, axis) = match axis.is_all() {
            true => (x.try_reshape([-1])?, 0),
            false => (x.clone(), axis.of_rank(x.rank()).first().copied().unwrap_or(i64::MAX)),
        };
        let Some(at) = x.shape().axis(axis) else {
            let text = format!("axis {axis} is out of range: x is {}", x.meta());
            return Err(Error::invalid("repeat", text).at(Place::caller()));
        };
        let times = match repeats.into() {
            Repeats::Each(n) => n,
            Repeats::Per(many) => {
                if !x.shape()[at].may_equal(Dim::from(many.len())) {
                    let text = format!("{} numbers for axis {at}: x is {}", many.len(), x.meta());
                    return Err(Error::invalid("repeat", text).at(Place::caller()));
                }
                let from = many.iter().enumerate().flat_map(|(i, n)| std::iter::repeat_n(i as i32, *n));
                let total = many.iter().try_fold(0usize, |sum, n| sum.checked_add(*n)).unwrap_or(usize::MAX);
                let mut indices: Vec<i32> = vec![];
                if indices.try_reserve_exact(total).is_err() {
                    let text = format!("the result is too large: {total} slices along axis {at}");
                    return Err(Error::new(Kind::ResourceExhausted, "repeat", text).at(Place::caller()));
                }
                indices.extend(from);
                let (n, from) = (total, indices);
                let from = super::reduction::beside(&x, Tensor::from_vec(from, [n])?);
                return x.try_gather(&from, at as i64);
            }
        };
        let mut wide = x.shape().clone();
        wide.insert(at + 1, times);
        let mut long = x.shape().clone();
        long.dims_mut()[at] = long[at] * Dim::from(times);
        x.try_expand_dims(at as i64 + 1)?.try_broadcast_to(wide)?.try_reshape(long)
    };
}
