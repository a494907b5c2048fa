use crate::cpu::math::Real;
use crate::door::apply1;
use crate::op::{
    Attrs, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, err, floats, ints, ok, rule, sig,
};
use crate::tensor::faces;

/// Complementary error function.
pub static ERFC: OpDef = OpDef {
    name: "erfc",
    tf: &[Tf::same("Erfc")],
    sig: sig!(x: _ float),
    effect: Effect::Pure,
    infer: rule::same_as_first,
    cpu: Cpu::Elementwise(blocks!([x] float => Real::erfc(x))),
    gpu: Gpu::Elementwise(&[(Class::Float, "erfc(x)")]),
    grad: Grad::Rule(|g| g.one(g.dy() * ((-(g.x() * g.x())).exp() * -std::f64::consts::FRAC_2_SQRT_PI))),
    exact: Exact::Relative(1e-5),
    composed: None,
    samples: || {
        vec![
            ok([floats([4], &[0.0, -0.5, 1.0, 2.0])]),
            ok([floats([2], &[f64::INFINITY, f64::NEG_INFINITY])]).kink(),
            ok([floats([2, 0, 3], &[])]),
            ok([floats([], &[0.0])]),
            err([ints([1], &[4])], "x must be float"),
        ]
    },
};

faces! {
    /// `1 - erf x` of each element, with all its digits in the right tail. The gradient is `-dy·2/√π·e^-x²`.
    ///
    /// Source: `tf.math.erfc`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([0.0]).erfc().to_vec::<f32>().unwrap(), [1.0]);
    /// ```
    pub fn erfc / try_erfc(x: &Tensor) = apply1(&ERFC, &[x], Attrs::new());
}
