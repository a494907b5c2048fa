use super::reduce_max::to_the_chosen;
use super::reduction::{extents, reducing};
use crate::cpu::reduce::{Min, reduce};
use crate::door::apply1;
use crate::op::{Cpu, Effect, Exact, Gpu, Grad, OpDef, ReduceKind, Tf, err, floats, ok, rule, sig};
use crate::tensor::{Axes, faces};
use crate::with_store;

/// The least elements over axes.
pub static REDUCE_MIN: OpDef = OpDef {
    name: "reduce_min",
    tf: &[Tf::differs("Min", "the axes are an input there")],
    sig: sig!(x: _ number; axes: Ints, keepdims: Bool),
    effect: Effect::Pure,
    infer: rule::reduce,
    cpu: Cpu::Kernel(|call| {
        let extents = extents(call);
        let (x, y) = (&call.inputs[0], &mut call.outputs[0]);
        with_store!(x.dtype, T => reduce::<Min, T>(&extents, x.cast::<T>(), y.cast::<T>()));
        Ok(())
    }),
    gpu: Gpu::Reduce(ReduceKind::Min),
    grad: Grad::Rule(|g| g.one(to_the_chosen(g))),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        let x = || floats([2, 3], &[1.0, 5.0, 3.0, 4.0, 2.0, 6.0]);
        vec![
            ok([x()]).attr("axes", vec![0]).attr("keepdims", false),
            ok([x()]).attr("axes", vec![-1, 0]).attr("keepdims", true),
            ok([floats([4], &[2.0, 1.0, 1.0, 3.0])]).attr("axes", vec![0]).attr("keepdims", false).kink(),
            ok([floats([], &[2.0])]).attr("axes", vec![]).attr("keepdims", false),
            ok([floats([0, 2], &[])]).attr("axes", vec![0]).attr("keepdims", false),
            err([x()], "axis 2 is out of range").attr("axes", vec![2]).attr("keepdims", false),
        ]
    },
};

faces! {
    /// The least element over `axes` (`..` for all); with `keepdims` they stay as size 1. NaN if there is one; of
    /// nothing it is ∞ or the highest integer. The gradient goes to the least, evenly among equals.
    ///
    /// Source: `tf.reduce_min`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([[1, 5], [3, 4]]).reduce_min(0, false).to_vec::<i32>().unwrap(), [1, 4]);
    /// ```
    pub fn reduce_min / try_reduce_min(x: &Tensor, axes: impl Into<Axes>, keepdims: bool) =
        apply1(&REDUCE_MIN, &[x], reducing(x, axes, keepdims));
    /// The least of all elements. Short for [`reduce_min`](crate::reduce_min) over every axis.
    pub fn min / try_min(x: &Tensor) = x.try_reduce_min(.., false);
}
