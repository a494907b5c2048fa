use crate::door::apply1;
use crate::op::{
    Attrs, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, bools, err, floats, ok, rule, sig,
};
use crate::tensor::faces;

/// Whether the first element is greater than or equal to the other.
pub static GREATER_EQUAL: OpDef = OpDef {
    name: "greater_equal",
    tf: &[Tf::same("GreaterEqual")],
    sig: sig!(x: T number, y: T number),
    effect: Effect::Pure,
    infer: rule::compare,
    cpu: Cpu::Elementwise(blocks!([x, y] -> bool; float => x >= y, int => x >= y)),
    gpu: Gpu::Elementwise(&[(Class::Number, "x >= y")]),
    grad: Grad::None("a truth value has no gradient"),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        vec![
            ok([floats([3], &[1.0, 2.0, 3.0]), floats([3], &[3.0, 2.0, 1.0])]),
            ok([floats([2, 1, 2], &[1.0, 2.0, 3.0, 1.0]), floats([3, 1], &[3.0, 2.0, 1.0])]),
            ok([floats([], &[1.0]), floats([0, 2], &[])]),
            err([floats([2], &[1.0, 2.0]), floats([3], &[3.0, 2.0, 1.0])], "2 ≠ 3"),
            err([bools([1], &[true]), bools([1], &[true])], "x must be a number"),
        ]
    },
};

faces! {
    /// Whether the first element is greater than or equal to the other, with broadcasting, as bool. False
    /// where either is NaN.
    ///
    /// Source: `tf.math.greater_equal`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([1, 2, 3]).greater_equal(2).to_vec::<bool>().unwrap(), [false, true, true]);
    /// ```
    pub fn greater_equal / try_greater_equal(operand x, operand y) =
        apply1(&GREATER_EQUAL, &[x, y], Attrs::new());
}
