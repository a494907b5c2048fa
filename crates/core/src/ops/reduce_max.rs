use super::reduction::{extents, keep, reducing};
use crate::cpu::reduce::{Max, reduce};
use crate::door::apply1;
use crate::op::{Backward, Cpu, Effect, Exact, Gpu, Grad, OpDef, ReduceKind, Tf, err, floats, ok, rule, sig};
use crate::tensor::{Axes, Tensor, faces};
use crate::with_store;

/// The greatest elements over axes.
pub static REDUCE_MAX: OpDef = OpDef {
    name: "reduce_max",
    tf: &[Tf::differs("Max", "the axes are an input there")],
    sig: sig!(x: _ number; axes: Ints, keepdims: Bool),
    effect: Effect::Pure,
    infer: rule::reduce,
    cpu: Cpu::Kernel(|call| {
        let extents = extents(call);
        let (x, y) = (&call.inputs[0], &mut call.outputs[0]);
        with_store!(x.dtype, T => reduce::<Max, T>(&extents, x.cast::<T>(), y.cast::<T>()));
        Ok(())
    }),
    gpu: Gpu::Reduce(ReduceKind::Max),
    grad: Grad::Rule(|g| g.one(to_the_chosen(g))),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        let x = || floats([2, 3], &[1.0, 5.0, 3.0, 4.0, 2.0, 6.0]);
        vec![
            ok([x()]).attr("axes", vec![0]).attr("keepdims", false),
            ok([x()]).attr("axes", vec![-1, 0]).attr("keepdims", true),
            ok([floats([4], &[2.0, 1.0, 2.0, 0.0])]).attr("axes", vec![0]).attr("keepdims", false).kink(),
            ok([floats([], &[2.0])]).attr("axes", vec![]).attr("keepdims", false),
            ok([floats([0, 2], &[])]).attr("axes", vec![0]).attr("keepdims", false),
            err([x()], "axis 2 is out of range").attr("axes", vec![2]).attr("keepdims", false),
        ]
    },
};

/// The cotangent at the elements that equal the result, shared evenly: the rule of `reduce_max` and `reduce_min`.
pub(crate) fn to_the_chosen(g: &Backward<'_>) -> Tensor {
    let chosen = crate::ops::equal(g.x(), keep(g, g.y())).cast(g.x().dtype());
    let many = chosen.reduce_sum(g.attrs().ints("axes"), true);
    chosen / many * keep(g, &g.dy())
}

faces! {
    /// The greatest element over `axes` (`..` for all); with `keepdims` they stay as size 1. NaN if there is one; of
    /// nothing it is -∞ or the lowest integer. The gradient goes to the greatest, evenly among equals.
    ///
    /// Source: `tf.reduce_max`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([[1, 5], [3, 4]]).reduce_max(0, false).to_vec::<i32>().unwrap(), [3, 5]);
    /// ```
    pub fn reduce_max / try_reduce_max(x: &Tensor, axes: impl Into<Axes>, keepdims: bool) =
        apply1(&REDUCE_MAX, &[x], reducing(x, axes, keepdims));
    /// The greatest of all elements. Short for [`reduce_max`](crate::reduce_max) over every axis.
    pub fn max / try_max(x: &Tensor) = x.try_reduce_max(.., false);
}
