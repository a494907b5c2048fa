use crate::door::apply1;
use crate::op::{
    Attrs, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, bools, err, ints, ok, rule, sig,
};
use crate::tensor::faces;

/// Whether both hold.
pub static LOGICAL_AND: OpDef = OpDef {
    name: "logical_and",
    tf: &[Tf::same("LogicalAnd")],
    sig: sig!(x: T bool, y: T bool),
    effect: Effect::Pure,
    infer: rule::broadcast,
    cpu: Cpu::Elementwise(blocks!([x, y] bool => x & y)),
    gpu: Gpu::Elementwise(&[(Class::Bool, "x && y")]),
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
    /// Whether both hold, with broadcasting.
    ///
    /// Source: `tf.math.logical_and`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([true, false]).logical_and(true).to_vec::<bool>().unwrap(), [true, false]);
    /// ```
    pub fn logical_and / try_logical_and(operand x, operand y) = apply1(&LOGICAL_AND, &[x, y], Attrs::new());
}
