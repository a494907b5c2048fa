use crate::cpu::int::Int;
use crate::door::apply1;
use crate::op::{
    Attrs, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, bools, err, floats, ok, rule, sig,
};
use crate::tensor::faces;

/// Bits shifted to the left.
pub static LEFT_SHIFT: OpDef = OpDef {
    name: "left_shift",
    tf: &[Tf::same("LeftShift")],
    sig: sig!(x: T int, y: T int),
    effect: Effect::Pure,
    infer: rule::broadcast,
    cpu: Cpu::Elementwise(blocks!([x, y] int => Int::shift_left(x, y))),
    gpu: Gpu::Elementwise(&[(Class::Int, "shift_left(x, y, BITS - 1u)")]),
    grad: Grad::None("integers have no gradient"),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        vec![
            ok([floats([4], &[6.0, 3.0, 1.0, 9.0]), floats([4], &[1.0, 2.0, 0.0, 3.0])]),
            ok([floats([2, 1, 2], &[6.0, 3.0, 1.0, 9.0]), floats([3, 1], &[1.0, 2.0, 0.0])]),
            ok([floats([], &[6.0]), floats([0, 2], &[])]),
            err([floats([2], &[6.0, 3.0]), floats([3], &[1.0, 2.0, 0.0])], "2 ≠ 3"),
            err([bools([1], &[true]), bools([1], &[true])], "x must be an integer"),
        ]
    },
};

faces! {
    /// Bits shifted to the left by `y`, with broadcasting. Distances outside 0 .. bits - 1 are brought to the
    /// nearest end.
    ///
    /// Source: `tf.bitwise.left_shift`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([1, 3]).left_shift(2).to_vec::<i32>().unwrap(), [4, 12]);
    /// ```
    pub fn left_shift / try_left_shift(operand x, operand y) = apply1(&LEFT_SHIFT, &[x, y], Attrs::new());
}
