//! Functions of each element, and of each pair of elements.

use super::Row;
use tenfold_core as tf;

/// Rows of this family.
pub(super) const ROWS: &[Row] = &[
    unary!("tf.math.negative", negative),
    unary!("tf.math.sqrt", sqrt),
    binary!("tf.math.add", add),
    binary!("tf.math.subtract", subtract),
    binary!("tf.math.multiply", multiply),
    binary!("tf.math.divide", divide),
    unary!("tf.zeros_like", zeros_like),
    unary!("tf.ones_like", ones_like),
    ("tf.broadcast_to", |a| vec![tf::broadcast_to(a.first(), a.sizes("shape").unwrap_or_default())]),
    ("tf.fill", |a| {
        let value = a.float("value").unwrap_or_default() as f32;
        vec![tf::fill(a.sizes("dims").unwrap_or_default(), value)]
    }),
];
