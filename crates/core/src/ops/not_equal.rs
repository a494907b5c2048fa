use crate::door::apply1;
use crate::op::{Attrs, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, err, floats, ok, rule, sig};
use crate::tensor::faces;

/// Whether the elements differ.
pub static NOT_EQUAL: OpDef = OpDef {
    name: "not_equal",
    tf: &[Tf::same("NotEqual")],
    sig: sig!(x: T any, y: T any),
    effect: Effect::Pure,
    infer: rule::compare,
    cpu: Cpu::Elementwise(blocks!([x, y] -> bool; float => x != y, int => x != y, bool => x != y)),
    gpu: Gpu::Elementwise(&[(Class::Any, "x != y")]),
    grad: Grad::None("a truth value has no gradient"),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        vec![
            ok([floats([3], &[1.0, 2.0, 3.0]), floats([3], &[3.0, 2.0, 1.0])]),
            ok([floats([2, 1, 2], &[1.0, 2.0, 3.0, 1.0]), floats([3, 1], &[3.0, 2.0, 1.0])]),
            ok([floats([], &[1.0]), floats([0, 2], &[])]),
            err([floats([2], &[1.0, 2.0]), floats([3], &[3.0, 2.0, 1.0])], "2 ≠ 3"),
        ]
    },
};

faces! {
    /// Whether the elements differ, with broadcasting, as bool. NaN differs from everything.
    ///
    /// Source: `tf.math.not_equal`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([1, 2, 3]).not_equal(2).to_vec::<bool>().unwrap(), [true, false, true]);
    /// ```
    pub fn not_equal / try_not_equal(operand x, operand y) = apply1(&NOT_EQUAL, &[x, y], Attrs::new());
}
