use crate::door::apply1;
use crate::op::{
    Attrs, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, bools, err, ints, ok, rule, sig,
};
use crate::tensor::faces;

/// Whether at least one of them holds.
pub static LOGICAL_OR: OpDef = OpDef {
    name: "logical_or",
    tf: &[Tf::same("LogicalOr")],
    sig: sig!(x: T bool, y: T bool),
    effect: Effect::Pure,
    infer: rule::broadcast,
    cpu: Cpu::Elementwise(blocks!([x, y] bool => x | y)),
    gpu: Gpu::Elementwise(&[(Class::Bool, "x || y")]),
    grad: Grad::None("a truth value has no gradient"),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        vec![
            ok([bools([4], &[true, false, true, false]), bools([4], &[true, true, false, false])]),
            ok([bools([2, 1, 2], &[true, false, true, false]), bools([3, 1], &[true, true, false])]),
            ok([bools([], &[true]), bools([0, 2], &[])]),
            err([bools([2], &[true, false]), bools([3], &[true, true, false])], "2 ≠ 3"),
            err([ints([1], &[1]), ints([1], &[1])], "x must be bool"),
        ]
    },
};

faces! {
    /// Whether at least one of them holds, with broadcasting.
    ///
    /// Source: `tf.math.logical_or`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([true, false]).logical_or(true).to_vec::<bool>().unwrap(), [true, true]);
    /// ```
    pub fn logical_or / try_logical_or(operand x, operand y) = apply1(&LOGICAL_OR, &[x, y], Attrs::new());
}
