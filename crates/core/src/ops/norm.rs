//! Norms, and clipping by them.

use super::concat::refs;
use crate::error::{Error, Place};
use crate::tensor::{Axes, Tensor, faces, free_faces};
use std::borrow::Borrow;

/// Which norm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Norm {
    /// The square root of the sum of squares.
    Euclidean,
    /// The `p`th root of the sum of `p`th powers of the absolute values.
    P(f64),
    /// The greatest absolute value.
    Inf,
}

faces! {
    /// The norm over `axes` (`..` for all).
    ///
    /// Source: `tf.norm`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let x = tf::constant([3.0, -4.0]);
    /// assert_eq!(x.norm(tf::Norm::Euclidean, .., false).item::<f32>().unwrap(), 5.0);
    /// assert_eq!(x.norm(tf::Norm::P(1.0), .., false).item::<f32>().unwrap(), 7.0);
    /// assert_eq!(x.norm(tf::Norm::Inf, .., false).item::<f32>().unwrap(), 4.0);
    /// ```
    pub fn norm / try_norm(x: &Tensor, order: Norm, axes: impl Into<Axes>, keepdims: bool) = match order {
        Norm::Euclidean => x.try_square()?.try_reduce_sum(axes, keepdims)?.try_sqrt(),
        Norm::P(2.0) => x.try_square()?.try_reduce_sum(axes, keepdims)?.try_sqrt(),
        Norm::Inf => x.try_abs()?.try_reduce_max(axes, keepdims),
        Norm::P(1.0) => x.try_abs()?.try_reduce_sum(axes, keepdims),
        Norm::P(p) if p > 0.0 => {
            let sum = super::try_pow(&x.try_abs()?, p)?.try_reduce_sum(axes, keepdims)?;
            super::try_pow(&sum, 1.0 / p)
        }
        Norm::P(p) => Err(Error::invalid("norm", format!("the order must be positive, not {p}")).at(Place::caller())),
    };
    /// `x` divided by its norm over `axes`, and the norm, with the axes kept as size 1.
    ///
    /// Source: `tf.linalg.normalize`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let (y, norm) = tf::constant([3.0, 4.0]).normalize(tf::Norm::P(1.0), ..);
    /// assert_eq!((y.slice(tf::s![1]).item::<f32>().unwrap(), norm.item::<f32>().unwrap()), (4.0 / 7.0, 7.0));
    /// ```
    pub fn normalize / try_normalize(x: &Tensor, order: Norm, axes: impl Into<Axes>) -> (Tensor, Tensor) = {
        let norm = x.try_norm(order, axes, true)?;
        Ok((super::try_divide(x, &norm)?, norm))
    };
    /// `x` divided by its Euclidean norm over `axes`; a squared norm below `epsilon` is taken for `epsilon`.
    ///
    /// Source: `tf.math.l2_normalize`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let y = tf::constant([0.0, 4.0]).l2_normalize(0, 1e-12);
    /// assert_eq!(y.to_vec::<f32>().unwrap(), [0.0, 1.0]);
    /// ```
    pub fn l2_normalize / try_l2_normalize(x: &Tensor, axes: impl Into<Axes>, epsilon: f64) = {
        let sum = x.try_square()?.try_reduce_sum(axes, true)?;
        super::try_multiply(x, &super::try_maximum(&sum, epsilon)?.try_rsqrt()?)
    };
    /// `x`, scaled down where its Euclidean norm over `axes` (`..` for all) is above `clip_norm`, to that norm.
    ///
    /// Source: `tf.clip_by_norm`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([3.0, 4.0]).clip_by_norm(10.0, ..).to_vec::<f32>().unwrap(), [3.0, 4.0]);
    /// ```
    pub fn clip_by_norm / try_clip_by_norm(x: &Tensor, clip_norm: f64, axes: impl Into<Axes>) = {
        let sum = x.try_square()?.try_reduce_sum(axes, true)?;
        // The root of zero has no gradient, so it is not taken.
        let some = sum.try_greater(0)?;
        let safe = super::try_select(&some, &sum, &sum.try_ones_like()?)?;
        let norm = super::try_select(&some, &safe.try_sqrt()?, &sum)?;
        super::try_divide(&super::try_multiply(x, clip_norm)?, &super::try_maximum(&norm, clip_norm)?)
    };
}

free_faces! {
    /// The Euclidean norm of all elements of all tensors.
    ///
    /// Source: `tf.linalg.global_norm`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let list = [tf::constant([2.0, 3.0]), tf::constant([[6.0]])];
    /// assert_eq!(tf::global_norm(&list).item::<f32>().unwrap(), 7.0);
    /// ```
    pub fn global_norm / try_global_norm(list: &[impl Borrow<Tensor>]) = {
        let mut halves = vec![];
        for x in refs(list) {
            halves.push(x.try_l2_loss()?);
        }
        let sum = super::try_stack(&halves, 0)?.try_reduce_sum(.., false)?;
        super::try_multiply(&sum, 2.0)?.try_sqrt()
    };
    /// All tensors, scaled down by one factor if their global norm is above `clip_norm`, and that norm before. If it is
    /// not finite, all become NaN.
    ///
    /// Source: `tf.clip_by_global_norm`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let (clipped, norm) = tf::clip_by_global_norm(&[tf::constant([6.0, 8.0])], 5.0);
    /// assert_eq!(norm.item::<f32>().unwrap(), 10.0);
    /// assert_eq!(clipped[0].to_vec::<f32>().unwrap(), [3.0, 4.0]);
    /// ```
    pub fn clip_by_global_norm / try_clip_by_global_norm(list: &[impl Borrow<Tensor>], clip_norm: f64) -> (Vec<Tensor>, Tensor) = {
        let norm = try_global_norm(list)?;
        let bound = super::try_minimum(&super::try_divide(1.0, &norm)?, 1.0 / clip_norm)?;
        // A norm that is not finite makes every element NaN: inf - inf.
        let scale = super::try_add(&super::try_multiply(&bound, clip_norm)?, &super::try_subtract(&norm, &norm)?)?;
        let mut clipped = vec![];
        for x in refs(list) {
            clipped.push(super::try_multiply(x, &scale)?);
        }
        Ok((clipped, norm))
    };
}
