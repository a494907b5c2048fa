//! Convolutions as `tf.nn` has them, channels last.

use super::sliding::{Padding, Slide, Spatial};
use super::{CONV, CONV_INPUT_GRAD, DEPTHWISE_CONV};
use crate::door::apply1;
use crate::error::Result;
use crate::op::Attrs;
use crate::shape::Shape;
use crate::tensor::{Tensor, faces};

#[track_caller]
fn forward(x: &Tensor, filters: &Tensor, slide: Slide<'_>) -> Result<Tensor> {
    apply1(&CONV, &[x, filters], slide.dilated(Attrs::new(), x.shape(), filters)?)
}

#[track_caller]
fn transposed(x: &Tensor, filters: &Tensor, output: Shape, slide: Slide<'_>) -> Result<Tensor> {
    let attrs = slide.dilated(Attrs::new().with("input_shape", &output), &output, filters)?;
    apply1(&CONV_INPUT_GRAD, &[filters, x], attrs)
}

#[track_caller]
fn depthwise(x: &Tensor, filter: &Tensor, slide: Slide<'_>) -> Result<Tensor> {
    apply1(&DEPTHWISE_CONV, &[x, filter], slide.dilated(Attrs::new(), x.shape(), filter)?)
}

fn slide<'a>(
    function: &'static str,
    axes: usize,
    strides: impl Into<Spatial>,
    dilations: impl Into<Spatial>,
    padding: &'a Padding,
) -> Slide<'a> {
    Slide { function, axes, strides: strides.into(), dilations: dilations.into(), padding }
}

faces! {
    /// Convolution of `x`, `[batch, width, channels]`, with `filters`, `[width, in, out]`.
    ///
    /// Source: `tf.nn.conv1d`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let x = tf::constant([1.0, 2.0, 4.0]).reshape([1, 3, 1]);
    /// let y = x.conv1d(&tf::ones([2, 1, 1]), 1, tf::Padding::Same);
    /// assert_eq!(y.to_vec::<f32>().unwrap(), [3.0, 6.0, 4.0]);
    /// ```
    pub fn conv1d / try_conv1d(x: &Tensor, filters: &Tensor, strides: impl Into<Spatial>, padding: Padding) =
        forward(x, filters, slide("conv1d", 1, strides, 1, &padding));
    /// [`conv1d`] with taps `dilations` elements apart.
    pub fn conv1d_with / try_conv1d_with(
        x: &Tensor, filters: &Tensor, strides: impl Into<Spatial>, padding: Padding, dilations: impl Into<Spatial>
    ) = forward(x, filters, slide("conv1d", 1, strides, dilations, &padding));
    /// Convolution of `x`, `[batch, height, width, channels]`, with `filters`, `[height, width, in, out]`.
    ///
    /// `in` divides the channels; if it is smaller, groups of channels are convolved apart. Every sum is a chain of fused
    /// multiply-adds in an order fixed by the shapes. Source: `tf.nn.conv2d`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let x = tf::constant([1.0, 2.0, 3.0, 4.0]).reshape([1, 2, 2, 1]);
    /// let y = x.conv2d(&tf::ones([2, 2, 1, 1]), 1, tf::Padding::Valid);
    /// assert_eq!(y.to_vec::<f32>().unwrap(), [10.0]);
    /// ```
    pub fn conv2d / try_conv2d(x: &Tensor, filters: &Tensor, strides: impl Into<Spatial>, padding: Padding) =
        forward(x, filters, slide("conv2d", 2, strides, 1, &padding));
    /// [`conv2d`] with taps `dilations` elements apart.
    pub fn conv2d_with / try_conv2d_with(
        x: &Tensor, filters: &Tensor, strides: impl Into<Spatial>, padding: Padding, dilations: impl Into<Spatial>
    ) = forward(x, filters, slide("conv2d", 2, strides, dilations, &padding));
    /// Convolution of `x`, `[batch, depth, height, width, channels]`, with `filters`, `[depth, height, width, in, out]`.
    ///
    /// Source: `tf.nn.conv3d`.
    pub fn conv3d / try_conv3d(x: &Tensor, filters: &Tensor, strides: impl Into<Spatial>, padding: Padding) =
        forward(x, filters, slide("conv3d", 3, strides, 1, &padding));
    /// [`conv3d`] with taps `dilations` elements apart.
    pub fn conv3d_with / try_conv3d_with(
        x: &Tensor, filters: &Tensor, strides: impl Into<Spatial>, padding: Padding, dilations: impl Into<Spatial>
    ) = forward(x, filters, slide("conv3d", 3, strides, dilations, &padding));
    /// The gradient of [`conv1d`] for its input, of `output_shape`; `filters` are `[width, out, in]`.
    ///
    /// Source: `tf.nn.conv1d_transpose`.
    pub fn conv1d_transpose / try_conv1d_transpose(
        x: &Tensor, filters: &Tensor, output_shape: impl Into<Shape>, strides: impl Into<Spatial>, padding: Padding
    ) = transposed(x, filters, output_shape.into(), slide("conv1d_transpose", 1, strides, 1, &padding));
    /// The gradient of [`conv2d`] for its input, of `output_shape`; `filters` are `[height, width, out, in]`.
    ///
    /// Source: `tf.nn.conv2d_transpose`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let x = tf::constant([3.0]).reshape([1, 1, 1, 1]);
    /// let y = x.conv2d_transpose(&tf::ones([2, 2, 1, 1]), [1, 2, 2, 1], 2, tf::Padding::Same);
    /// assert_eq!(y.to_vec::<f32>().unwrap(), [3.0; 4]);
    /// ```
    pub fn conv2d_transpose / try_conv2d_transpose(
        x: &Tensor, filters: &Tensor, output_shape: impl Into<Shape>, strides: impl Into<Spatial>, padding: Padding
    ) = transposed(x, filters, output_shape.into(), slide("conv2d_transpose", 2, strides, 1, &padding));
    /// The gradient of [`conv3d`] for its input, of `output_shape`; `filters` are `[depth, height, width, out, in]`.
    ///
    /// Source: `tf.nn.conv3d_transpose`.
    pub fn conv3d_transpose / try_conv3d_transpose(
        x: &Tensor, filters: &Tensor, output_shape: impl Into<Shape>, strides: impl Into<Spatial>, padding: Padding
    ) = transposed(x, filters, output_shape.into(), slide("conv3d_transpose", 3, strides, 1, &padding));
    /// Every channel of `x`, `[batch, height, width, channels]`, convolved with filters of its own: `filter` is
    /// `[height, width, channels, multiplier]`, and output channel `c · multiplier + q` comes from channel `c`.
    ///
    /// Source: `tf.nn.depthwise_conv2d`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let x = tf::constant([1.0, 2.0]).reshape([1, 1, 1, 2]);
    /// let filter = tf::constant([10.0, 100.0]).reshape([1, 1, 2, 1]);
    /// let y = x.depthwise_conv2d(&filter, 1, tf::Padding::Valid);
    /// assert_eq!(y.to_vec::<f32>().unwrap(), [10.0, 200.0]);
    /// ```
    pub fn depthwise_conv2d / try_depthwise_conv2d(
        x: &Tensor, filter: &Tensor, strides: impl Into<Spatial>, padding: Padding
    ) = depthwise(x, filter, slide("depthwise_conv2d", 2, strides, 1, &padding));
    /// [`depthwise_conv2d`] with taps `dilations` elements apart.
    pub fn depthwise_conv2d_with / try_depthwise_conv2d_with(
        x: &Tensor, filter: &Tensor, strides: impl Into<Spatial>, padding: Padding, dilations: impl Into<Spatial>
    ) = depthwise(x, filter, slide("depthwise_conv2d", 2, strides, dilations, &padding));
    /// [`depthwise_conv2d`], then a [`conv2d`] that mixes the channels, with filters `[1, 1, channels · multiplier, out]`.
    ///
    /// Source: `tf.nn.separable_conv2d`.
    pub fn separable_conv2d / try_separable_conv2d(
        x: &Tensor, depthwise_filter: &Tensor, pointwise_filter: &Tensor, strides: impl Into<Spatial>, padding: Padding
    ) = {
        let y = depthwise(x, depthwise_filter, slide("separable_conv2d", 2, strides, 1, &padding))?;
        forward(&y, pointwise_filter, slide("separable_conv2d", 2, 1, 1, &Padding::Valid))
    };
}
