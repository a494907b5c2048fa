//! Functions that move, reduce, sort and look up elements.

use super::{Args, Row};
use crate::fixtures::number;
use serde_json::Value;
use tenfold_core as tf;
use tenfold_core::{Axes, DType, Direction, PadMode, Side, SliceItem, Tensor};

/// The attribute `axis` as axes; all if it was not given.
fn axes(a: &Args<'_>) -> Axes {
    if a.has("axis") { a.ints("axis").into() } else { (..).into() }
}

fn perm(a: &Args<'_>) -> Axes {
    if a.has("perm") { a.ints("perm").into() } else { (..).into() }
}

fn axis(a: &Args<'_>, default: i64) -> i64 {
    a.int_or("axis", default)
}

/// A row for a reduction.
macro_rules! reduction {
    ($name:literal, $f:ident) => {
        ($name, |a| vec![tf::$f(a.first(), axes(a), a.flag("keepdims"))])
    };
}

/// A row for a scan.
macro_rules! scan {
    ($name:literal, $f:ident) => {
        ($name, |a| vec![tf::$f(a.first(), axis(a, 0), a.flag("exclusive"), a.flag("reverse"))])
    };
}

fn spec(a: &Args<'_>) -> Vec<SliceItem> {
    let item = |v: &Value| {
        let at = |i: usize| v.get(i).and_then(Value::as_i64);
        match v.get(0).and_then(Value::as_str) {
            Some("index") => SliceItem::Index(at(1).unwrap_or_default()),
            Some("slice") => SliceItem::Range { begin: at(1), end: at(2), step: at(3).unwrap_or(1) },
            Some("newaxis") => SliceItem::NewAxis,
            _ => SliceItem::Ellipsis,
        }
    };
    a.attr("spec").and_then(Value::as_array).map(|list| list.iter().map(item).collect()).unwrap_or_default()
}

fn strided(a: &Args<'_>) -> Vec<Tensor> {
    let ints = |name: &str| a.ints(name);
    let mask = |name: &str| a.int_or(name, 0);
    let attrs = tf::op::Attrs::new()
        .with("begin", ints("begin"))
        .with("end", ints("end"))
        .with("strides", ints("strides"))
        .with("begin_mask", mask("begin_mask"))
        .with("end_mask", mask("end_mask"))
        .with("ellipsis_mask", mask("ellipsis_mask"))
        .with("new_axis_mask", mask("new_axis_mask"))
        .with("shrink_axis_mask", mask("shrink_axis_mask"));
    match tf::door::try_apply(&tf::ops::STRIDED_SLICE, &[a.first()], attrs) {
        Ok(y) => y.into_vec(),
        Err(error) => tf::error::raise(error),
    }
}

fn pad(a: &Args<'_>) -> Vec<Tensor> {
    let paddings: Vec<[usize; 2]> = a.pairs("paddings").iter().map(|p| p.map(|n| n as usize)).collect();
    let mode = match a.text_or("mode", "CONSTANT") {
        "REFLECT" => PadMode::Reflect,
        "SYMMETRIC" => PadMode::Symmetric,
        _ => PadMode::Constant(a.float_or("constant_values", 0.0)),
    };
    vec![a.first().pad_with(&paddings, mode)]
}

fn split(a: &Args<'_>) -> Vec<Tensor> {
    match a.attr("num_or_size_splits") {
        Some(Value::Array(_)) => a.first().split(a.ints("num_or_size_splits"), axis(a, 0)),
        _ => a.first().split(a.int("num_or_size_splits"), axis(a, 0)),
    }
}

fn one_hot(a: &Args<'_>) -> Vec<Tensor> {
    let depth = a.int("depth") as usize;
    let (on, off) = (a.float_or("on_value", 1.0), a.float_or("off_value", 0.0));
    let dtype = a.dtype_or("dtype", DType::F32);
    vec![a.first().one_hot_with(depth, on, off, axis(a, -1), dtype)]
}

fn range(a: &Args<'_>) -> Vec<Tensor> {
    let bound = |name: &str, or: f64| a.attr(name).and_then(number).unwrap_or(or);
    let whole = a.attr("start").is_some_and(|v| v.is_i64());
    let (start, limit, delta) = (bound("start", 0.0), bound("limit", 0.0), bound("delta", 1.0));
    match whole {
        true => vec![tf::range(start as i32, limit as i32, delta as i32)],
        false => vec![tf::range(start, limit, delta)],
    }
}

fn output_type(a: &Args<'_>) -> DType {
    a.dtype_or("output_type", DType::I64)
}

fn segments(a: &Args<'_>) -> usize {
    a.int("num_segments") as usize
}

/// A row for an op that combines updates into a tensor.
macro_rules! scatter {
    ($name:literal, $f:ident) => {
        ($name, |a| vec![tf::$f(a.first(), a.second(), a.tensor("updates"))])
    };
}

/// Rows of this family.
pub(super) const ROWS: &[Row] = &[
    ("tf.reshape", |a| vec![a.first().reshape(a.ints("shape"))]),
    ("tf.expand_dims", |a| vec![a.first().expand_dims(axis(a, 0))]),
    ("tf.squeeze", |a| vec![a.first().squeeze(axes(a))]),
    ("tf.transpose", |a| vec![a.first().transpose(perm(a))]),
    reduction!("tf.math.reduce_sum", reduce_sum),
    reduction!("tf.math.reduce_mean", reduce_mean),
    reduction!("tf.math.reduce_max", reduce_max),
    reduction!("tf.math.reduce_min", reduce_min),
    reduction!("tf.math.reduce_prod", reduce_prod),
    reduction!("tf.math.reduce_all", reduce_all),
    reduction!("tf.math.reduce_any", reduce_any),
    scan!("tf.math.cumsum", cumsum),
    scan!("tf.math.cumprod", cumprod),
    ("tf.math.argmax", |a| vec![a.first().argmax_as(axis(a, 0), output_type(a))]),
    ("tf.math.argmin", |a| vec![a.first().argmin_as(axis(a, 0), output_type(a))]),
    ("tf.concat", |a| vec![tf::concat(&a.list("values"), axis(a, 0))]),
    ("tf.stack", |a| vec![tf::stack(&a.list("values"), axis(a, 0))]),
    ("tf.unstack", |a| a.first().unstack(axis(a, 0))),
    ("tf.split", split),
    ("tf.Tensor.__getitem__", |a| vec![a.first().slice(spec(a))]),
    ("tf.strided_slice", strided),
    ("tf.slice", |a| vec![a.first().slice_sized(&a.ints("begin"), &a.ints("size"))]),
    ("tf.pad", pad),
    ("tf.tile", |a| vec![a.first().tile(&a.sizes("multiples"))]),
    ("tf.reverse", |a| vec![a.first().reverse(axes(a))]),
    ("tf.roll", |a| vec![a.first().roll(&a.ints("shift"), axes(a))]),
    ("tf.eye", |a| {
        let size = |name: &str| a.int_or(name, 0) as usize;
        let batch = a.sizes("batch_shape");
        vec![tf::eye_of(DType::F32, size("num_rows"), size("num_columns"), batch)]
    }),
    ("tf.range", range),
    ("tf.linspace", |a| {
        let bound = |name: &str| a.float(name);
        vec![tf::linspace(bound("start"), bound("stop"), a.int("num") as usize)]
    }),
    ("tf.one_hot", one_hot),
    ("tf.shape", |a| vec![tf::shape(a.first())]),
    ("tf.size", |a| vec![tf::size(a.first())]),
    ("tf.rank", |a| vec![tf::rank(a.first())]),
    ("tf.math.unsorted_segment_sum", |a| vec![a.first().unsorted_segment_sum(a.second(), segments(a))]),
    ("tf.math.unsorted_segment_max", |a| vec![a.first().unsorted_segment_max(a.second(), segments(a))]),
    ("tf.math.unsorted_segment_min", |a| vec![a.first().unsorted_segment_min(a.second(), segments(a))]),
    ("tf.math.unsorted_segment_prod", |a| vec![a.first().unsorted_segment_prod(a.second(), segments(a))]),
    ("tf.math.unsorted_segment_mean", |a| vec![a.first().unsorted_segment_mean(a.second(), segments(a))]),
    ("tf.math.unsorted_segment_sqrt_n", |a| vec![a.first().unsorted_segment_sqrt_n(a.second(), segments(a))]),
    ("tf.gather", |a| {
        vec![a.first().gather_batched(a.second(), axis(a, 0), a.int_or("batch_dims", 0) as usize)]
    }),
    ("tf.gather_nd", |a| {
        vec![match a.int_or("batch_dims", 0) {
            0 => a.first().gather_nd(a.second()),
            n => a.first().gather_nd_batched(a.second(), n as usize),
        }]
    }),
    ("tf.nn.embedding_lookup", |a| vec![a.first().gather(a.second(), 0)]),
    ("tf.scatter_nd", |a| {
        let shape: Vec<usize> = a.values("shape").iter().map(|n| *n as usize).collect();
        vec![tf::scatter_nd(a.first(), a.second(), shape)]
    }),
    scatter!("tf.tensor_scatter_nd_add", tensor_scatter_nd_add),
    scatter!("tf.tensor_scatter_nd_sub", tensor_scatter_nd_sub),
    scatter!("tf.tensor_scatter_nd_update", tensor_scatter_nd_update),
    scatter!("tf.tensor_scatter_nd_min", tensor_scatter_nd_min),
    scatter!("tf.tensor_scatter_nd_max", tensor_scatter_nd_max),
    binary!("tf.math.segment_sum", segment_sum),
    binary!("tf.math.segment_mean", segment_mean),
    binary!("tf.math.segment_max", segment_max),
    binary!("tf.math.segment_min", segment_min),
    binary!("tf.math.segment_prod", segment_prod),
    ("tf.where", |a| match a.inputs.len() {
        1 => vec![a.first().where_true()],
        _ => vec![tf::select(a.first(), a.tensor("x"), a.tensor("y"))],
    }),
    ("tf.boolean_mask", |a| vec![a.first().boolean_mask(a.second(), axis(a, 0))]),
    ("tf.unique", |a| {
        let (values, places) = a.first().unique();
        vec![values, places]
    }),
    ("tf.unique_with_counts", |a| {
        let (values, places, counts) = a.first().unique_with_counts(a.dtype_or("out_idx", DType::I32));
        vec![values, places, counts]
    }),
    ("tf.dynamic_partition", |a| a.first().dynamic_partition(a.second(), a.int("num_partitions") as usize)),
    ("tf.dynamic_stitch", |a| vec![tf::dynamic_stitch(&a.list("indices"), &a.list("data"))]),
    ("tf.sort", |a| vec![a.first().sort(axis(a, -1), direction(a))]),
    ("tf.argsort", |a| vec![a.first().argsort(axis(a, -1), direction(a))]),
    ("tf.math.top_k", |a| {
        let (values, places) = a.first().top_k(a.int("k") as usize);
        vec![values, places]
    }),
    ("tf.searchsorted", |a| {
        let side = if a.text_or("side", "left") == "right" { Side::Right } else { Side::Left };
        vec![tf::searchsorted(a.first(), a.second(), side)]
    }),
    ("tf.math.in_top_k", |a| {
        vec![tf::in_top_k(a.tensor("targets"), a.tensor("predictions"), a.int("k") as usize)]
    }),
    ("tf.math.bincount", |a| {
        vec![a.first().bincount(a.optional("weights"), a.int_or("minlength", 0) as usize)]
    }),
    ("tf.histogram_fixed_width", |a| {
        vec![a.first().histogram_fixed_width(a.second(), a.int("nbins") as usize)]
    }),
    scan!("tf.math.cumulative_logsumexp", cumulative_logsumexp),
    unary!("tf.math.invert_permutation", invert_permutation),
    ("tf.repeat", |a| {
        let axis = if a.has("axis") { a.int("axis").into() } else { Axes::from(..) };
        vec![match a.attr("repeats") {
            Some(Value::Array(_)) => a.first().repeat(a.sizes("repeats"), axis),
            _ => a.first().repeat(a.int("repeats") as usize, axis),
        }]
    }),
    ("tf.sparse.segment_sum", |a| {
        vec![a.first().sparse_segment_sum(a.tensor("indices"), a.tensor("segment_ids"))]
    }),
];

fn direction(a: &Args<'_>) -> Direction {
    match a.text_or("direction", "ASCENDING") {
        "DESCENDING" => Direction::Descending,
        _ => Direction::Ascending,
    }
}
