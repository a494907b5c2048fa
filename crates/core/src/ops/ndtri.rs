use crate::cpu::math::special::Special;
use crate::door::apply1;
use crate::op::{
    Attrs, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, err, floats, ints, ok, rule, sig,
};
use crate::tensor::faces;

/// √(2π).
const SQRT_2_PI: f64 = 2.506_628_274_631_000_7;

/// Quantile of the normal distribution.
pub static NDTRI: OpDef = OpDef {
    name: "ndtri",
    tf: &[Tf::same("Ndtri")],
    sig: sig!(x: _ float),
    effect: Effect::Pure,
    infer: rule::same_as_first,
    cpu: Cpu::Elementwise(blocks!([x] slow => Special::ndtri(x))),
    gpu: Gpu::Elementwise(&[(Class::Float, "ndtri(x)")]),
    grad: Grad::Rule(|g| g.one(g.dy() * ((g.y() * g.y() * 0.5).exp() * SQRT_2_PI))),
    exact: Exact::Relative(1e-5),
    composed: None,
    samples: || {
        vec![
            ok([floats([4], &[0.5, 0.25, 0.75, 0.95])]),
            ok([floats([3], &[0.0, 1.0, -0.5])]).kink(),
            ok([floats([2, 0, 3], &[])]),
            ok([floats([], &[0.5])]),
            err([ints([1], &[4])], "x must be float"),
        ]
    },
};

faces! {
    /// The quantile function of the normal distribution: -∞ at 0, ∞ at 1, NaN outside. The gradient is
    /// `dy·√(2π)·e^(y²/2)`.
    ///
    /// Source: `tf.math.ndtri`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let y = tf::constant([0.5]).ndtri().to_vec::<f32>().unwrap();
    /// assert!((y[0] - 0.0).abs() < 1e-6);
    /// ```
    pub fn ndtri / try_ndtri(x: &Tensor) = apply1(&NDTRI, &[x], Attrs::new());
}
