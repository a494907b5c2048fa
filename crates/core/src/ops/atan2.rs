use crate::cpu::math::Real;
use crate::door::apply1;
use crate::op::{
    Attrs, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, err, floats, ints, ok, rule, sig,
};
use crate::tensor::faces;

/// Angle of a point.
pub static ATAN2: OpDef = OpDef {
    name: "atan2",
    tf: &[Tf::same("Atan2")],
    sig: sig!(y: T float, x: T float),
    effect: Effect::Pure,
    infer: rule::broadcast,
    cpu: Cpu::Elementwise(blocks!([y, x] float => Real::atan2(y, x))),
    // The text's `x` and `y` are the first and the second input.
    gpu: Gpu::Elementwise(&[(Class::Float, "atan2(x, y)")]),
    grad: Grad::Rule(|g| {
        let (y, x) = (g.input(0), g.input(1));
        let scaled = g.dy() / (y * y + x * x);
        g.two(|| &scaled * x, || -(&scaled * y))
    }),
    exact: Exact::Relative(1e-5),
    composed: None,
    samples: || {
        vec![
            ok([floats([3], &[1.0, -2.0, 3.0]), floats([3], &[4.0, -5.0, 0.5])]),
            ok([floats([2, 1, 2], &[1.0, -2.0, 3.0, 1.0]), floats([3, 1], &[4.0, -5.0, 0.5])]),
            ok([floats([], &[1.0]), floats([0, 2], &[])]),
            ok([floats([3], &[0.0, -0.0, 1.0]), floats([3], &[0.0, -1.0, f64::INFINITY])]).kink(),
            err([floats([2], &[1.0, -2.0]), floats([3], &[4.0, -5.0, 0.5])], "2 ≠ 3"),
            err([ints([1], &[1]), ints([1], &[1])], "y must be float"),
        ]
    },
};

faces! {
    /// The angle of the point (x, y) in [-π, π], with broadcasting. The gradients are `dy·x/(x² + y²)` and
    /// `-dy·y/(x² + y²)`.
    ///
    /// Source: `tf.math.atan2`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::atan2(tf::constant([0.0]), 1.0).to_vec::<f32>().unwrap(), [0.0]);
    /// ```
    pub fn atan2 / try_atan2(operand y, operand x) = apply1(&ATAN2, &[y, x], Attrs::new());
}
