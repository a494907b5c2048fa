//! What the reductions share: axes as a kernel wants them, and the way back to the shape before.

use crate::cpu::reduce::Extents;
use crate::error::OrRaise;
use crate::op::{Attrs, Backward, Call};
use crate::shape::Shape;
use crate::tensor::{Axes, Scalar, Tensor, faces};
use smallvec::SmallVec;

/// The attributes of a reduction of `x`.
pub(crate) fn reducing(x: &Tensor, axes: impl Into<Axes>, keepdims: bool) -> Attrs {
    Attrs::new().with("axes", axes.into().of_rank(x.rank())).with("keepdims", keepdims)
}

/// The extents of the call's first input under its attribute `axes`.
pub(crate) fn extents(call: &Call<'_, '_>) -> Extents {
    let shape = &call.inputs[0].shape;
    let rank = shape.len() as i64;
    let axes: SmallVec<[usize; 6]> =
        call.attrs.ints("axes").iter().map(|a| a.rem_euclid(rank.max(1)) as usize).collect();
    Extents::new(shape, &axes)
}

/// The shape of a reduction of `x` with its axes kept as size 1.
pub(crate) fn kept(x: &Shape, axes: &[i64]) -> Shape {
    let reduced: Vec<_> = axes.iter().filter_map(|a| x.axis(*a)).collect();
    x.iter().enumerate().map(|(i, d)| if reduced.contains(&i) { 1.into() } else { *d }).collect()
}

/// `t`, of the result's shape, with the reduced axes back as size 1.
pub(crate) fn keep(g: &Backward<'_>, t: &Tensor) -> Tensor {
    t.reshape(kept(g.x().shape(), g.attrs().ints("axes")))
}

/// `t`, of the result's shape, repeated to the input's.
pub(crate) fn spread(g: &Backward<'_>, t: &Tensor) -> Tensor {
    keep(g, t).broadcast_to(g.x().shape())
}

/// How many elements of `x` go into each result, as a scalar of `x`'s dtype beside `x`.
#[track_caller]
pub(crate) fn count(x: &Tensor, axes: &[i64]) -> Tensor {
    let reduced: Shape = axes.iter().filter_map(|a| x.shape().axis(*a)).map(|a| x.shape()[a]).collect();
    elements_as(x, &reduced)
}

/// The number of elements of `shape` as a scalar of `x`'s dtype beside `x`; for symbols it is known at binding.
#[track_caller]
pub(crate) fn elements_as(x: &Tensor, shape: &Shape) -> Tensor {
    match shape.elements().size() {
        Some(n) => beside(x, Scalar::Int(n as i128).tensor(x.dtype())),
        None => crate::ops::num_elements(shape, x.dtype()),
    }
}

/// A new tensor where `x` is, wherever new tensors are made.
#[track_caller]
pub(crate) fn beside(x: &Tensor, new: Tensor) -> Tensor {
    if x.is_symbolic() || new.is_symbolic() {
        return new;
    }
    crate::device::transfer(&new, x.device()).or_raise()
}

faces! {
    /// The sum of all elements. Short for [`reduce_sum`](crate::reduce_sum) over every axis.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([1.0, 2.0]).sum().item::<f32>().unwrap(), 3.0);
    /// ```
    pub fn sum / try_sum(x: &Tensor) = x.try_reduce_sum(.., false);
    /// The mean of all elements. Short for [`reduce_mean`](crate::reduce_mean) over every axis.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([1.0, 2.0]).mean().item::<f32>().unwrap(), 1.5);
    /// ```
    pub fn mean / try_mean(x: &Tensor) = x.try_reduce_mean(.., false);
}
