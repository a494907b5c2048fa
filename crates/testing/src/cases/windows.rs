//! Convolution and pooling.

use super::{Args, Row};
use tenfold_core::{Padding, Spatial};

impl Args<'_> {
    /// How a windowed function is padded: a word, or pairs for all axes.
    fn padding(&self) -> Padding {
        match self.attr("padding").and_then(|p| p.as_str()) {
            Some("SAME") => Padding::Same,
            Some(_) => Padding::Valid,
            None => {
                let pairs = self.pairs("padding");
                let inner = pairs[1..pairs.len() - 1].iter().map(|[a, b]| (*a as usize, *b as usize));
                Padding::Explicit(inner.collect())
            }
        }
    }
    /// A number for each spatial axis, or 1.
    fn spatial(&self, name: &str) -> Spatial {
        if self.has(name) { Spatial::from(self.ints(name).as_slice()) } else { 1.into() }
    }
}

macro_rules! conv {
    ($name:literal, $f:ident, $strides:literal) => {
        ($name, |a| {
            let (strides, dilations) = (a.spatial($strides), a.spatial("dilations"));
            vec![tenfold_core::$f(a.first(), a.second(), strides, a.padding(), dilations)]
        })
    };
}

macro_rules! transpose {
    ($name:literal, $f:ident) => {
        ($name, |a| {
            let shape = a.sizes("output_shape");
            vec![tenfold_core::$f(a.first(), a.second(), shape, a.spatial("strides"), a.padding())]
        })
    };
}

macro_rules! pool {
    ($name:literal, $f:ident) => {
        ($name, |a| vec![tenfold_core::$f(a.first(), a.spatial("ksize"), a.spatial("strides"), a.padding())])
    };
}

/// Rows of this family.
pub(super) const ROWS: &[Row] = &[
    conv!("tf.nn.conv1d", conv1d_with, "stride"),
    conv!("tf.nn.conv2d", conv2d_with, "strides"),
    conv!("tf.nn.conv3d", conv3d_with, "strides"),
    conv!("tf.nn.depthwise_conv2d", depthwise_conv2d_with, "strides"),
    transpose!("tf.nn.conv1d_transpose", conv1d_transpose),
    transpose!("tf.nn.conv2d_transpose", conv2d_transpose),
    transpose!("tf.nn.conv3d_transpose", conv3d_transpose),
    pool!("tf.nn.max_pool1d", max_pool1d),
    pool!("tf.nn.max_pool2d", max_pool2d),
    pool!("tf.nn.max_pool3d", max_pool3d),
    pool!("tf.nn.avg_pool1d", avg_pool1d),
    pool!("tf.nn.avg_pool2d", avg_pool2d),
    pool!("tf.nn.avg_pool3d", avg_pool3d),
    ("tf.nn.separable_conv2d", |a| {
        let (depth, point) = (a.tensor("depthwise_filter"), a.tensor("pointwise_filter"));
        vec![tenfold_core::separable_conv2d(a.first(), depth, point, a.spatial("strides"), a.padding())]
    }),
    ("tf.nn.max_pool_with_argmax", |a| {
        let (ksize, strides) = (a.spatial("ksize"), a.spatial("strides"));
        let batch = a.flag("include_batch_in_index");
        let (y, places) = tenfold_core::max_pool_with_argmax(a.first(), ksize, strides, a.padding(), batch);
        vec![y, places]
    }),
];
