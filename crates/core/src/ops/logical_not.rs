use crate::door::apply1;
use crate::op::{
    Attrs, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, bools, err, ints, ok, rule, sig,
};
use crate::tensor::faces;

/// Whether it does not hold.
pub static LOGICAL_NOT: OpDef = OpDef {
    name: "logical_not",
    tf: &[Tf::same("LogicalNot")],
    sig: sig!(x: _ bool),
    effect: Effect::Pure,
    infer: rule::same_as_first,
    cpu: Cpu::Elementwise(blocks!([x] bool => !x)),
    gpu: Gpu::Elementwise(&[(Class::Bool, "!x")]),
    grad: Grad::None("a truth value has no gradient"),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        vec![
            ok([bools([2], &[true, false])]),
            ok([bools([2, 0, 3], &[])]),
            ok([bools([], &[true])]),
            err([ints([1], &[1])], "x must be bool"),
        ]
    },
};

faces! {
    /// Whether each element does not hold.
    ///
    /// Source: `tf.math.logical_not`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([true, false]).logical_not().to_vec::<bool>().unwrap(), [false, true]);
    /// ```
    pub fn logical_not / try_logical_not(x: &Tensor) = apply1(&LOGICAL_NOT, &[x], Attrs::new());
}
