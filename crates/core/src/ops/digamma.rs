use crate::cpu::math::special::Special;
use crate::door::apply1;
use crate::op::{
    Attrs, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, err, floats, ints, ok, rule, sig,
};
use crate::tensor::faces;

/// Derivative of the logarithm of the gamma function.
pub static DIGAMMA: OpDef = OpDef {
    name: "digamma",
    tf: &[Tf::same("Digamma")],
    sig: sig!(x: _ float),
    effect: Effect::Pure,
    infer: rule::same_as_first,
    cpu: Cpu::Elementwise(blocks!([x] slow => Special::digamma(x))),
    gpu: Gpu::Elementwise(&[(Class::Float, "digamma(x)")]),
    grad: Grad::Rule(|g| g.one(g.dy() * super::polygamma(1.0, g.x()))),
    exact: Exact::Relative(1e-4),
    composed: None,
    samples: || {
        vec![
            ok([floats([4], &[0.5, 1.25, 4.0, -0.5])]),
            ok([floats([3], &[0.0, -1.0, f64::INFINITY])]).kink(),
            ok([floats([2, 0, 3], &[])]),
            ok([floats([], &[0.5])]),
            err([ints([1], &[4])], "x must be float"),
        ]
    },
};

faces! {
    /// `ψ(x) = Γ'(x)/Γ(x)` of each element; NaN at 0 and the negative integers. The gradient is `dy·ψ'(x)`.
    ///
    /// Source: `tf.math.digamma`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let y = tf::constant([1.0]).digamma().to_vec::<f32>().unwrap();
    /// assert!((y[0] - -0.577_215_7).abs() < 1e-6);
    /// ```
    pub fn digamma / try_digamma(x: &Tensor) = apply1(&DIGAMMA, &[x], Attrs::new());
}
