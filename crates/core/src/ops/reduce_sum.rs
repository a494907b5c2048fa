use super::reduction::{extents, reducing, spread};
use crate::cpu::reduce::{Sum, reduce};
use crate::door::apply1;
use crate::op::{Cpu, Effect, Exact, Gpu, Grad, OpDef, ReduceKind, Tf, err, floats, ok, rule, sig};
use crate::tensor::{Axes, faces};
use crate::with_store;

/// Sums over axes.
pub static REDUCE_SUM: OpDef = OpDef {
    name: "reduce_sum",
    tf: &[Tf::differs("Sum", "the axes are an input there")],
    sig: sig!(x: _ number; axes: Ints, keepdims: Bool),
    effect: Effect::Pure,
    infer: rule::reduce,
    cpu: Cpu::Kernel(|call| {
        let extents = extents(call);
        let (x, y) = (&call.inputs[0], &mut call.outputs[0]);
        with_store!(x.dtype, T => reduce::<Sum, T>(&extents, x.cast::<T>(), y.cast::<T>()));
        Ok(())
    }),
    gpu: Gpu::Reduce(ReduceKind::Sum),
    grad: Grad::Rule(|g| g.one(spread(g, &g.dy()))),
    exact: Exact::Relative(1e-5),
    composed: None,
    samples: || {
        let x = || floats([2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        vec![
            ok([x()]).attr("axes", vec![0]).attr("keepdims", false),
            ok([x()]).attr("axes", vec![-1, 0]).attr("keepdims", true),
            ok([x()]).attr("axes", vec![]).attr("keepdims", false),
            ok([floats([], &[2.0])]).attr("axes", vec![]).attr("keepdims", false),
            ok([floats([0, 2], &[])]).attr("axes", vec![0]).attr("keepdims", false),
            err([x()], "axis 2 is out of range").attr("axes", vec![2]).attr("keepdims", false),
            err([x()], "axis 1 is given twice").attr("axes", vec![1, -1]).attr("keepdims", false),
        ]
    },
};

faces! {
    /// The sum over `axes` (`..` for all); with `keepdims` they stay as size 1. Integers wrap; of nothing it is 0.
    ///
    /// Source: `tf.reduce_sum`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let x = tf::constant([[1, 2], [3, 4]]);
    /// assert_eq!(x.reduce_sum(0, false).to_vec::<i32>().unwrap(), [4, 6]);
    /// assert_eq!(x.reduce_sum(.., true).shape().to_vec(), [1, 1]);
    /// ```
    pub fn reduce_sum / try_reduce_sum(x: &Tensor, axes: impl Into<Axes>, keepdims: bool) =
        apply1(&REDUCE_SUM, &[x], reducing(x, axes, keepdims));
}
