use crate::door::apply1;
use crate::op::{
    Attrs, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, bools, err, floats, ok, rule, sig,
};
use crate::tensor::faces;

/// Square of the difference.
pub static SQUARED_DIFFERENCE: OpDef = OpDef {
    name: "squared_difference",
    tf: &[Tf::same("SquaredDifference")],
    sig: sig!(x: T number, y: T number),
    effect: Effect::Pure,
    infer: rule::broadcast,
    cpu: Cpu::Elementwise(
        blocks!([x, y] float => (x - y) * (x - y), int => x.wrapping_sub(y).wrapping_mul(x.wrapping_sub(y))),
    ),
    gpu: Gpu::Elementwise(&[(Class::Number, "squared_difference(x, y)")]),
    grad: Grad::Rule(|g| {
        let slope = g.dy() * ((g.input(0) - g.input(1)) * 2.0);
        g.two(|| slope.clone(), || -&slope)
    }),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        vec![
            ok([floats([3], &[1.0, 2.0, 3.0]), floats([3], &[4.0, 0.0, 1.0])]),
            ok([floats([2, 1, 2], &[1.0, 2.0, 3.0, 1.0]), floats([3, 1], &[4.0, 0.0, 1.0])]),
            ok([floats([], &[1.0]), floats([0, 2], &[])]),
            err([floats([2], &[1.0, 2.0]), floats([3], &[4.0, 0.0, 1.0])], "2 ≠ 3"),
            err([bools([1], &[true]), bools([1], &[true])], "x must be a number"),
        ]
    },
};

faces! {
    /// `(x - y)²` with broadcasting; integers wrap. The gradients are `2·dy·(x - y)` and its negative.
    ///
    /// Source: `tf.math.squared_difference`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([1, 5]).squared_difference(3).to_vec::<i32>().unwrap(), [4, 4]);
    /// ```
    pub fn squared_difference / try_squared_difference(operand x, operand y) =
        apply1(&SQUARED_DIFFERENCE, &[x, y], Attrs::new());
}
