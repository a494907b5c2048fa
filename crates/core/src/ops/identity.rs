use crate::door::apply1;
use crate::op::{Attrs, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, floats, ok, rule, sig};
use crate::tensor::faces;

/// The same values as a tensor of its own.
pub static IDENTITY: OpDef = OpDef {
    name: "identity",
    tf: &[Tf::same("Identity")],
    sig: sig!(x: _ any),
    effect: Effect::Pure,
    infer: rule::same_as_first,
    cpu: Cpu::View,
    gpu: Gpu::View,
    grad: Grad::Rule(|g| g.one(g.dy())),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        vec![ok([floats([3], &[1.0, 0.0, 1.0])]), ok([floats([2, 0], &[])]), ok([floats([], &[1.0])])]
    },
};

faces! {
    /// The same values as a tensor with an identity of its own, sharing the memory. The gradient is `dy`.
    ///
    /// Source: `tf.identity`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([1, 2]).identity().to_vec::<i32>().unwrap(), [1, 2]);
    /// ```
    pub fn identity / try_identity(x: &Tensor) = apply1(&IDENTITY, &[x], Attrs::new());
}
