use crate::door::apply1;
use crate::op::{
    Attrs, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, bools, err, floats, ok, rule, sig,
};
use crate::tensor::faces;

/// The bits of both.
pub static BITWISE_AND: OpDef = OpDef {
    name: "bitwise_and",
    tf: &[Tf::same("BitwiseAnd")],
    sig: sig!(x: T int, y: T int),
    effect: Effect::Pure,
    infer: rule::broadcast,
    cpu: Cpu::Elementwise(blocks!([x, y] int => x & y)),
    gpu: Gpu::Elementwise(&[(Class::Int, "x & y")]),
    grad: Grad::None("integers have no gradient"),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        vec![
            ok([floats([4], &[6.0, 3.0, 0.0, 9.0]), floats([4], &[5.0, 5.0, 1.0, 8.0])]),
            ok([floats([2, 1, 2], &[6.0, 3.0, 0.0, 9.0]), floats([3, 1], &[5.0, 5.0, 1.0])]),
            ok([floats([], &[6.0]), floats([0, 2], &[])]),
            err([floats([2], &[6.0, 3.0]), floats([3], &[5.0, 5.0, 1.0])], "2 ≠ 3"),
            err([bools([1], &[true]), bools([1], &[true])], "x must be an integer"),
        ]
    },
};

faces! {
    /// The bits of both, with broadcasting.
    ///
    /// Source: `tf.bitwise.bitwise_and`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([6, 3]).bitwise_and(5).to_vec::<i32>().unwrap(), [4, 1]);
    /// ```
    pub fn bitwise_and / try_bitwise_and(operand x, operand y) = apply1(&BITWISE_AND, &[x, y], Attrs::new());
}
