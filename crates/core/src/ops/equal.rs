use crate::door::apply1;
use crate::op::{Attrs, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, err, floats, ok, rule, sig};
use crate::tensor::faces;

/// Whether the elements are equal.
pub static EQUAL: OpDef = OpDef {
    name: "equal",
    tf: &[Tf::same("Equal")],
    sig: sig!(x: T any, y: T any),
    effect: Effect::Pure,
    infer: rule::compare,
    cpu: Cpu::Elementwise(blocks!([x, y] -> bool; float => x == y, int => x == y, bool => x == y)),
    gpu: Gpu::Elementwise(&[(Class::Any, "x == y")]),
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
    /// Whether the elements are equal, with broadcasting, as bool. NaN equals nothing.
    ///
    /// Source: `tf.math.equal`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([1, 2, 3]).equal(2).to_vec::<bool>().unwrap(), [false, true, false]);
    /// ```
    pub fn equal / try_equal(operand x, operand y) = apply1(&EQUAL, &[x, y], Attrs::new());
}
