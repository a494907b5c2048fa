use super::reduction::{count, extents, reducing, spread};
use crate::cpu::reduce::{Mean, reduce};
use crate::door::apply1;
use crate::op::{Cpu, Effect, Exact, Gpu, Grad, OpDef, ReduceKind, Tf, err, floats, ints, ok, rule, sig};
use crate::tensor::{Axes, faces};
use crate::with_store;

/// Means over axes. An op of its own because the number of elements may only be known when the graph is bound.
pub static REDUCE_MEAN: OpDef = OpDef {
    name: "reduce_mean",
    tf: &[Tf::differs("Mean", "the axes are an input there")],
    sig: sig!(x: _ number; axes: Ints, keepdims: Bool),
    effect: Effect::Pure,
    infer: rule::reduce,
    cpu: Cpu::Kernel(|call| {
        let extents = extents(call);
        let (x, y) = (&call.inputs[0], &mut call.outputs[0]);
        with_store!(x.dtype, T => reduce::<Mean, T>(&extents, x.cast::<T>(), y.cast::<T>()));
        Ok(())
    }),
    gpu: Gpu::Reduce(ReduceKind::Mean),
    grad: Grad::Rule(|g| g.one(spread(g, &(g.dy() / count(g.x(), g.attrs().ints("axes")))))),
    exact: Exact::Relative(1e-5),
    composed: None,
    samples: || {
        let x = || floats([2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 7.0]);
        vec![
            ok([x()]).attr("axes", vec![0]).attr("keepdims", false),
            ok([x()]).attr("axes", vec![-1, 0]).attr("keepdims", true),
            ok([floats([], &[2.0])]).attr("axes", vec![]).attr("keepdims", false),
            ok([floats([0, 2], &[])]).attr("axes", vec![0]).attr("keepdims", false).kink(),
            ok([ints([3], &[-1, -1, -3])]).attr("axes", vec![0]).attr("keepdims", false),
            err([x()], "axis -3 is out of range").attr("axes", vec![-3]).attr("keepdims", false),
        ]
    },
};

faces! {
    /// The mean over `axes` (`..` for all); with `keepdims` they stay as size 1. Integers are divided toward zero; the
    /// mean of no floats is NaN.
    ///
    /// Source: `tf.reduce_mean`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let x = tf::constant([[1.0, 2.0], [3.0, 6.0]]);
    /// assert_eq!(x.reduce_mean(-1, false).to_vec::<f32>().unwrap(), [1.5, 4.5]);
    /// ```
    pub fn reduce_mean / try_reduce_mean(x: &Tensor, axes: impl Into<Axes>, keepdims: bool) =
        apply1(&REDUCE_MEAN, &[x], reducing(x, axes, keepdims));
}
