use super::reduction::{extents, reducing};
use crate::cpu::reduce::{Any, reduce};
use crate::door::apply1;
use crate::op::{Cpu, Effect, Exact, Gpu, Grad, OpDef, ReduceKind, Tf, bools, err, floats, ok, rule, sig};
use crate::tensor::{Axes, faces};

/// Whether some element is true, over axes.
pub static REDUCE_ANY: OpDef = OpDef {
    name: "reduce_any",
    tf: &[Tf::differs("Any", "the axes are an input there")],
    sig: sig!(x: _ bool; axes: Ints, keepdims: Bool),
    effect: Effect::Pure,
    infer: rule::reduce,
    cpu: Cpu::Kernel(|call| {
        let extents = extents(call);
        reduce::<Any, u8>(&extents, call.inputs[0].cast(), call.outputs[0].cast());
        Ok(())
    }),
    gpu: Gpu::Reduce(ReduceKind::Any),
    grad: Grad::None("truth values have no gradient"),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        let x = || bools([2, 2], &[true, false, true, true]);
        vec![
            ok([x()]).attr("axes", vec![0]).attr("keepdims", false),
            ok([x()]).attr("axes", vec![-1, 0]).attr("keepdims", true),
            ok([bools([], &[true])]).attr("axes", vec![]).attr("keepdims", false),
            ok([bools([0, 2], &[])]).attr("axes", vec![0]).attr("keepdims", false),
            err([floats([1], &[1.0]).of(crate::DType::F32)], "x must be bool")
                .attr("axes", vec![0])
                .attr("keepdims", false),
        ]
    },
};

faces! {
    /// Whether some element is true, over `axes` (`..` for all); with `keepdims` they stay as size 1. Of nothing it is false.
    ///
    /// Source: `tf.reduce_any`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert!(!tf::constant([false, false]).reduce_any(.., false).item::<bool>().unwrap());
    /// assert!(tf::constant([true, true]).reduce_any(.., false).item::<bool>().unwrap());
    /// ```
    pub fn reduce_any / try_reduce_any(x: &Tensor, axes: impl Into<Axes>, keepdims: bool) =
        apply1(&REDUCE_ANY, &[x], reducing(x, axes, keepdims));
}
