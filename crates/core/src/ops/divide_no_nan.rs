use crate::cpu::math::Real;
use crate::door::apply1;
use crate::op::{
    Attrs, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, err, floats, ints, ok, rule, sig,
};
use crate::tensor::faces;

/// Quotient, 0 where the divisor is.
pub static DIVIDE_NO_NAN: OpDef = OpDef {
    name: "divide_no_nan",
    tf: &[Tf::same("DivNoNan")],
    sig: sig!(x: T float, y: T float),
    effect: Effect::Pure,
    infer: rule::broadcast,
    cpu: Cpu::Elementwise(blocks!([x, y] float => Real::divide_no_nan(x, y))),
    gpu: Gpu::Elementwise(&[(Class::Float, "select(x / y, 0.0, y == 0.0)")]),
    grad: Grad::Rule(|g| {
        let (x, y) = (g.input(0), g.input(1));
        g.two(|| g.dy().divide_no_nan(y), || g.dy() * (-x).divide_no_nan(y).divide_no_nan(y))
    }),
    exact: Exact::Ulp(1),
    composed: None,
    samples: || {
        vec![
            ok([floats([3], &[1.0, -2.0, 3.0]), floats([3], &[4.0, 0.25, 1.5])]),
            ok([floats([2, 1, 2], &[1.0, -2.0, 3.0, 1.0]), floats([3, 1], &[4.0, 0.25, 1.5])]),
            ok([floats([], &[1.0]), floats([0, 2], &[])]),
            ok([floats([3], &[0.0, 1.0, f64::NAN]), floats([3], &[0.0, 0.0, 0.0])]).kink(),
            err([floats([2], &[1.0, -2.0]), floats([3], &[4.0, 0.25, 1.5])], "2 ≠ 3"),
            err([ints([1], &[1]), ints([1], &[1])], "x must be float"),
        ]
    },
};

faces! {
    /// `x/y` with broadcasting, 0 where `y` is 0. The gradients are `dy/y` and `-dy·x/y²`, 0 where `y` is 0.
    ///
    /// Source: `tf.math.divide_no_nan`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([1.0, 2.0]).divide_no_nan(0.0).to_vec::<f32>().unwrap(), [0.0, 0.0]);
    /// ```
    pub fn divide_no_nan / try_divide_no_nan(operand x, operand y) =
        apply1(&DIVIDE_NO_NAN, &[x, y], Attrs::new());
}
