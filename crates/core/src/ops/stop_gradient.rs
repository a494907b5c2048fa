use crate::door::apply1;
use crate::op::{Attrs, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, floats, ok, rule, sig};
use crate::tensor::faces;

/// The same values, cut off from gradients.
pub static STOP_GRADIENT: OpDef = OpDef {
    name: "stop_gradient",
    tf: &[Tf::same("StopGradient")],
    sig: sig!(x: _ any),
    effect: Effect::Pure,
    infer: rule::same_as_first,
    cpu: Cpu::View,
    gpu: Gpu::View,
    grad: Grad::None("stop_gradient hides its input from gradients on purpose"),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        vec![ok([floats([3], &[1.0, 0.0, 1.0])]), ok([floats([2, 0], &[])]), ok([floats([], &[1.0])])]
    },
};

faces! {
    /// The same values, for which no gradient flows back.
    ///
    /// Source: `tf.stop_gradient`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([1, 2]).stop_gradient().to_vec::<i32>().unwrap(), [1, 2]);
    /// ```
    pub fn stop_gradient / try_stop_gradient(x: &Tensor) = apply1(&STOP_GRADIENT, &[x], Attrs::new());
}
