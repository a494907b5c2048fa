use crate::cpu::math::special::Special;
use crate::door::apply1;
use crate::op::{
    Attrs, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, err, floats, ints, ok, rule, sig,
};
use crate::tensor::faces;

/// Logarithm of the gamma function.
pub static LGAMMA: OpDef = OpDef {
    name: "lgamma",
    tf: &[Tf::same("Lgamma")],
    sig: sig!(x: _ float),
    effect: Effect::Pure,
    infer: rule::same_as_first,
    cpu: Cpu::Elementwise(blocks!([x] slow => Special::lgamma(x))),
    gpu: Gpu::Elementwise(&[(Class::Float, "lgamma(x)")]),
    grad: Grad::Rule(|g| g.one(g.dy() * g.x().digamma())),
    exact: Exact::Relative(1e-5),
    composed: None,
    samples: || {
        vec![
            ok([floats([4], &[0.5, 1.5, 4.0, -0.5])]),
            ok([floats([3], &[0.0, -1.0, f64::INFINITY])]).kink(),
            ok([floats([2, 0, 3], &[])]),
            ok([floats([], &[0.5])]),
            err([ints([1], &[4])], "x must be float"),
        ]
    },
};

faces! {
    /// `ln |Γ(x)|` of each element; ∞ at 0 and the negative integers. The gradient is `dy·ψ(x)`.
    ///
    /// Source: `tf.math.lgamma`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let y = tf::constant([1.0]).lgamma().to_vec::<f32>().unwrap();
    /// assert!((y[0] - 0.0).abs() < 1e-6);
    /// ```
    pub fn lgamma / try_lgamma(x: &Tensor) = apply1(&LGAMMA, &[x], Attrs::new());
}
