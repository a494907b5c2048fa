use crate::door::apply1;
use crate::op::{Attrs, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, err, floats, ok, rule, sig};
use crate::tensor::faces;

/// Element-wise product.
pub static MULTIPLY: OpDef = OpDef {
    name: "multiply",
    tf: &[Tf::same("Mul")],
    sig: sig!(x: T number, y: T number),
    effect: Effect::Pure,
    infer: rule::broadcast,
    cpu: Cpu::Elementwise(blocks!([x, y] float => x * y, int => x.wrapping_mul(y))),
    gpu: Gpu::Elementwise(&[(Class::Number, "x * y")]),
    grad: Grad::Rule(|g| g.two(|| g.dy() * g.input(1), || g.dy() * g.input(0))),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        vec![
            ok([floats([3], &[1.0, 2.0, 3.0]), floats([3], &[4.0, 5.0, 6.0])]),
            ok([floats([2, 1, 2], &[9.0, 8.0, 7.0, 6.0]), floats([3, 1], &[1.0, 2.0, 3.0])]),
            ok([floats([], &[5.0]), floats([0, 2], &[])]),
            err([floats([2], &[1.0, 2.0]), floats([3], &[1.0, 2.0, 3.0])], "x is"),
        ]
    },
};

faces! {
    /// Element-wise product with broadcasting; integers wrap. The gradients are `dy·y` and `dy·x`.
    ///
    /// Source: `tf.math.multiply`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::multiply(tf::constant([1, 2]), 3).to_vec::<i32>().unwrap(), [3, 6]);
    /// ```
    pub fn multiply / try_multiply(operand x, operand y) = apply1(&MULTIPLY, &[x, y], Attrs::new());
}
