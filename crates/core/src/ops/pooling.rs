//! Poolings as `tf.nn` has them, channels last.

use super::sliding::{Padding, Slide, Spatial};
use super::{AVG_POOL, MAX_POOL, MAX_POOL_WITH_ARGMAX};
use crate::door::{apply1, try_apply};
use crate::error::Result;
use crate::op::OpDef;
use crate::tensor::{Tensor, faces};

fn slide<'a>(function: &'static str, axes: usize, strides: Spatial, padding: &'a Padding) -> Slide<'a> {
    Slide { function, axes, strides, dilations: 1.into(), padding }
}

#[track_caller]
fn pool(op: &'static OpDef, x: &Tensor, ksize: Spatial, slide: Slide<'_>) -> Result<Tensor> {
    apply1(op, &[x], slide.pooled(&ksize, x.shape())?)
}

faces! {
    /// The maximum of each window of `ksize` elements of `x`, `[batch, width, channels]`. The first of equal elements receives the gradient.
    ///
    /// Source: `tf.nn.max_pool1d`.
    pub fn max_pool1d / try_max_pool1d(
        x: &Tensor, ksize: impl Into<Spatial>, strides: impl Into<Spatial>, padding: Padding
    ) = pool(&MAX_POOL, x, ksize.into(), slide("max_pool1d", 1, strides.into(), &padding));
    /// The maximum of each window of `ksize` elements of `x`, `[batch, height, width, channels]`. The first of equal elements receives the gradient.
    ///
    /// Source: `tf.nn.max_pool2d`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let x = tf::constant([1.0, 2.0, 3.0, 4.0]).reshape([1, 2, 2, 1]);
    /// assert_eq!(x.max_pool2d(2, 2, tf::Padding::Valid).to_vec::<f32>().unwrap(), [4.0]);
    /// ```
    pub fn max_pool2d / try_max_pool2d(
        x: &Tensor, ksize: impl Into<Spatial>, strides: impl Into<Spatial>, padding: Padding
    ) = pool(&MAX_POOL, x, ksize.into(), slide("max_pool2d", 2, strides.into(), &padding));
    /// The maximum of each window of `ksize` elements of `x`, `[batch, depth, height, width, channels]`. The first of equal elements receives the gradient.
    ///
    /// Source: `tf.nn.max_pool3d`.
    pub fn max_pool3d / try_max_pool3d(
        x: &Tensor, ksize: impl Into<Spatial>, strides: impl Into<Spatial>, padding: Padding
    ) = pool(&MAX_POOL, x, ksize.into(), slide("max_pool3d", 3, strides.into(), &padding));
    /// The average of each window of `ksize` elements of `x`, `[batch, width, channels]`. Padding does not count.
    ///
    /// Source: `tf.nn.avg_pool1d`.
    pub fn avg_pool1d / try_avg_pool1d(
        x: &Tensor, ksize: impl Into<Spatial>, strides: impl Into<Spatial>, padding: Padding
    ) = pool(&AVG_POOL, x, ksize.into(), slide("avg_pool1d", 1, strides.into(), &padding));
    /// The average of each window of `ksize` elements of `x`, `[batch, height, width, channels]`. Padding does not count.
    ///
    /// Source: `tf.nn.avg_pool2d`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let x = tf::constant([1.0, 2.0, 3.0, 4.0]).reshape([1, 2, 2, 1]);
    /// assert_eq!(x.avg_pool2d(2, 2, tf::Padding::Valid).to_vec::<f32>().unwrap(), [2.5]);
    /// ```
    pub fn avg_pool2d / try_avg_pool2d(
        x: &Tensor, ksize: impl Into<Spatial>, strides: impl Into<Spatial>, padding: Padding
    ) = pool(&AVG_POOL, x, ksize.into(), slide("avg_pool2d", 2, strides.into(), &padding));
    /// The average of each window of `ksize` elements of `x`, `[batch, depth, height, width, channels]`. Padding does not count.
    ///
    /// Source: `tf.nn.avg_pool3d`.
    pub fn avg_pool3d / try_avg_pool3d(
        x: &Tensor, ksize: impl Into<Spatial>, strides: impl Into<Spatial>, padding: Padding
    ) = pool(&AVG_POOL, x, ksize.into(), slide("avg_pool3d", 3, strides.into(), &padding));
    /// [`max_pool2d`] and the places of the maxima in the flattened image, i64: `(y · width + x) · channels + c`; with
    /// `include_batch_in_index` in the flattened batch.
    ///
    /// Source: `tf.nn.max_pool_with_argmax`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let x = tf::constant([1.0, 2.0, 4.0, 3.0]).reshape([1, 2, 2, 1]);
    /// let (_, places) = x.max_pool_with_argmax(2, 2, tf::Padding::Valid, false);
    /// assert_eq!(places.to_vec::<i64>().unwrap(), [2]);
    /// ```
    pub fn max_pool_with_argmax / try_max_pool_with_argmax(
        x: &Tensor,
        ksize: impl Into<Spatial>,
        strides: impl Into<Spatial>,
        padding: Padding,
        include_batch_in_index: bool
    ) -> (Tensor, Tensor) = {
        let attrs = slide("max_pool_with_argmax", 2, strides.into(), &padding).pooled(&ksize.into(), x.shape())?;
        let attrs = attrs.with("include_batch_in_index", include_batch_in_index);
        let mut outputs = try_apply(&MAX_POOL_WITH_ARGMAX, &[x], attrs)?;
        let y = outputs.swap_remove(0);
        Ok((y, outputs.swap_remove(0)))
    };
}
