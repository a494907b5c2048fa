use crate::cpu::math::Real;
use crate::door::apply1;
use crate::op::{
    Attrs, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, err, floats, ints, ok, rule, sig,
};
use crate::tensor::faces;

/// Product, 0 where the second factor is.
pub static MULTIPLY_NO_NAN: OpDef = OpDef {
    name: "multiply_no_nan",
    tf: &[Tf::same("MulNoNan")],
    sig: sig!(x: T float, y: T float),
    effect: Effect::Pure,
    infer: rule::broadcast,
    cpu: Cpu::Elementwise(blocks!([x, y] float => Real::multiply_no_nan(x, y))),
    gpu: Gpu::Elementwise(&[(Class::Float, "select(x * y, 0.0, y == 0.0)")]),
    grad: Grad::Rule(|g| g.two(|| g.dy().multiply_no_nan(g.input(1)), || g.input(0).multiply_no_nan(g.dy()))),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        vec![
            ok([floats([3], &[1.0, -2.0, 3.0]), floats([3], &[4.0, 0.25, 1.5])]),
            ok([floats([2, 1, 2], &[1.0, -2.0, 3.0, 1.0]), floats([3, 1], &[4.0, 0.25, 1.5])]),
            ok([floats([], &[1.0]), floats([0, 2], &[])]),
            ok([floats([3], &[0.0, f64::INFINITY, f64::NAN]), floats([3], &[0.0, 0.0, 0.0])]).kink(),
            err([floats([2], &[1.0, -2.0]), floats([3], &[4.0, 0.25, 1.5])], "2 ≠ 3"),
            err([ints([1], &[1]), ints([1], &[1])], "x must be float"),
        ]
    },
};

faces! {
    /// `x·y` with broadcasting, 0 where `y` is 0 even if `x` is infinite or NaN. The gradients are `dy·y` and
    /// `x·dy`, computed in the same way.
    ///
    /// Source: `tf.math.multiply_no_nan`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([f32::NAN, 2.0]).multiply_no_nan(0.0).to_vec::<f32>().unwrap(), [0.0, 0.0]);
    /// ```
    pub fn multiply_no_nan / try_multiply_no_nan(operand x, operand y) =
        apply1(&MULTIPLY_NO_NAN, &[x, y], Attrs::new());
}
