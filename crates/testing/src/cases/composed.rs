//! Functions made of array ops: softmax and its losses, statistics, norms.

use super::{Args, Row};
use serde_json::Value;
use tenfold_core as tf;
use tenfold_core::{Axes, Contract, Indexing, Norm};

/// The attribute `name` as axes; all if it was not given.
fn axes(a: &Args<'_>, name: &str) -> Axes {
    if a.has(name) { a.ints(name).into() } else { (..).into() }
}

fn order(a: &Args<'_>) -> Norm {
    match a.attr("ord") {
        Some(v) if v.is_number() => Norm::P(a.float("ord")),
        _ if a.text_or("ord", "euclidean") == "inf" => Norm::Inf,
        _ => Norm::Euclidean,
    }
}

/// A row for a reduction.
macro_rules! reduction {
    ($name:literal, $f:ident) => {
        ($name, |a| vec![tf::$f(a.first(), axes(a, "axis"), a.flag("keepdims"))])
    };
}

/// Rows of this family.
pub(super) const ROWS: &[Row] = &[
    ("tf.nn.softmax", |a| vec![a.first().softmax(a.int_or("axis", -1))]),
    ("tf.nn.log_softmax", |a| vec![a.first().log_softmax(a.int_or("axis", -1))]),
    ("tf.nn.softmax_cross_entropy_with_logits", |a| {
        vec![tf::softmax_cross_entropy_along(a.tensor("labels"), a.tensor("logits"), a.int_or("axis", -1))]
    }),
    ("tf.nn.sparse_softmax_cross_entropy_with_logits", |a| {
        vec![tf::sparse_softmax_cross_entropy_with_logits(a.tensor("labels"), a.tensor("logits"))]
    }),
    reduction!("tf.math.reduce_logsumexp", reduce_logsumexp),
    reduction!("tf.math.reduce_euclidean_norm", reduce_euclidean_norm),
    reduction!("tf.math.reduce_variance", reduce_variance),
    reduction!("tf.math.reduce_std", reduce_std),
    reduction!("tf.math.count_nonzero", count_nonzero),
    unary!("tf.math.zero_fraction", zero_fraction),
    unary!("tf.nn.l2_loss", l2_loss),
    ("tf.nn.moments", |a| {
        let (mean, variance) = a.first().moments(axes(a, "axes"), a.flag("keepdims"));
        vec![mean, variance]
    }),
    ("tf.nn.weighted_moments", |a| {
        let (mean, variance) = a.first().weighted_moments(axes(a, "axes"), a.second(), a.flag("keepdims"));
        vec![mean, variance]
    }),
    ("tf.nn.batch_normalization", |a| {
        let (offset, scale) = (a.optional("offset"), a.optional("scale"));
        let (mean, variance) = (a.tensor("mean"), a.tensor("variance"));
        vec![tf::batch_normalization(a.first(), mean, variance, offset, scale, a.float("variance_epsilon"))]
    }),
    ("tf.norm", |a| vec![a.first().norm(order(a), axes(a, "axis"), a.flag("keepdims"))]),
    ("tf.linalg.normalize", |a| {
        let (y, norm) = a.first().normalize(order(a), axes(a, "axis"));
        vec![y, norm]
    }),
    ("tf.math.l2_normalize", |a| vec![a.first().l2_normalize(axes(a, "axis"), a.float("epsilon"))]),
    ("tf.clip_by_norm", |a| vec![a.first().clip_by_norm(a.float("clip_norm"), axes(a, "axes"))]),
    ("tf.linalg.global_norm", |a| vec![tf::global_norm(&a.list("t_list"))]),
    ("tf.clip_by_global_norm", |a| {
        let (mut clipped, norm) = tf::clip_by_global_norm(&a.list("t_list"), a.float("clip_norm"));
        clipped.push(norm);
        clipped
    }),
    ("tf.math.add_n", |a| vec![tf::add_n(&a.list("inputs"))]),
    ("tf.math.accumulate_n", |a| vec![tf::add_n(&a.list("inputs"))]),
    unary!("tf.linalg.matrix_transpose", matrix_transpose),
    ("tf.linalg.band_part", |a| vec![a.first().band_part(a.int("num_lower"), a.int("num_upper"))]),
    ("tf.linalg.diag", |a| vec![a.first().diag(a.int_or("k", 0))]),
    unary!("tf.linalg.diag_part", diag_part),
    binary!("tf.linalg.set_diag", set_diag),
    unary!("tf.linalg.trace", trace),
    unary!("tf.linalg.tensor_diag", tensor_diag),
    binary!("tf.linalg.cross", cross),
    ("tf.nn.space_to_depth", |a| vec![a.first().space_to_depth(a.int("block_size") as usize)]),
    ("tf.nn.depth_to_space", |a| vec![a.first().depth_to_space(a.int("block_size") as usize)]),
    ("tf.space_to_batch", |a| vec![a.first().space_to_batch(&a.sizes("block_shape"), &sizes(a, "paddings"))]),
    ("tf.batch_to_space", |a| vec![a.first().batch_to_space(&a.sizes("block_shape"), &sizes(a, "crops"))]),
    ("tf.meshgrid", |a| {
        let indexing = if a.text_or("indexing", "xy") == "ij" { Indexing::Ij } else { Indexing::Xy };
        tf::meshgrid(&[a.first(), a.second()], indexing)
    }),
    ("tf.math.confusion_matrix", |a| {
        vec![tf::confusion_matrix(a.tensor("labels"), a.tensor("predictions"), a.int("num_classes") as usize)]
    }),
    ("tf.reverse_sequence", |a| {
        let (seq, batch) = (a.int("seq_axis"), a.int_or("batch_axis", 0));
        vec![a.first().reverse_sequence(a.second(), seq, batch)]
    }),
    ("tf.sequence_mask", |a| {
        vec![a.first().sequence_mask(a.has("maxlen").then(|| a.int("maxlen") as usize))]
    }),
    ("tf.einsum", |a| vec![tf::einsum(a.text_or("equation", ""), &a.inputs.iter().collect::<Vec<_>>())]),
    ("tf.tensordot", |a| {
        let contracted = match a.attr("axes") {
            Some(v) if v.is_i64() => Contract::Last(a.int("axes") as usize),
            _ => {
                let [x, y]: [Vec<i64>; 2] = lists(a, "axes").try_into().unwrap_or_default();
                Contract::Axes(x, y)
            }
        };
        vec![tf::tensordot(a.first(), a.second(), contracted)]
    }),
];

fn sizes(a: &Args<'_>, name: &str) -> Vec<[usize; 2]> {
    a.pairs(name).into_iter().map(|p| p.map(|n| n as usize)).collect()
}

/// A list of lists of integers.
fn lists(a: &Args<'_>, name: &str) -> Vec<Vec<i64>> {
    let inner = |v: &Value| v.as_array().into_iter().flatten().filter_map(Value::as_i64).collect();
    a.attr(name).and_then(Value::as_array).map(|l| l.iter().map(inner).collect()).unwrap_or_default()
}
