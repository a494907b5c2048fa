use crate::cpu::math::special::Special;
use crate::door::apply1;
use crate::op::{Attrs, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, err, floats, ints, ok, rule, sig};
use crate::tensor::faces;

/// Scaled modified Bessel function of the second kind of order 1.
pub static BESSEL_K1E: OpDef = OpDef {
    name: "bessel_k1e",
    tf: &[Tf::same("BesselK1e")],
    sig: sig!(x: _ float),
    effect: Effect::Pure,
    infer: rule::same_as_first,
    cpu: Cpu::Elementwise(blocks!([x] slow => Special::bessel_k1e(x))),
    gpu: Gpu::CpuOnly("its series need f64, which WGSL has not"),
    grad: Grad::Rule(|g| g.one(g.dy() * (g.y() * (1.0 - g.x().reciprocal()) - g.x().bessel_k0e()))),
    exact: Exact::Relative(1e-5),
    composed: None,
    samples: || {
        vec![
            ok([floats([4], &[0.5, 1.0, 2.5, 6.0])]),
            ok([floats([2], &[0.0, -1.0])]).kink(),
            ok([floats([2, 0, 3], &[])]),
            ok([floats([], &[0.5])]),
            err([ints([1], &[4])], "x must be float"),
        ]
    },
};

faces! {
    /// `e^x·K₁(x)` of each element; ∞ at 0, NaN below. The gradient is `dy·(y·(1 - 1/x) - e^x·K₀(x))`.
    ///
    /// Source: `tf.math.special.bessel_k1e`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let y = tf::constant([1.0]).bessel_k1e().to_vec::<f32>().unwrap();
    /// assert!((y[0] - 1.636_153_5).abs() < 1e-6);
    /// ```
    pub fn bessel_k1e / try_bessel_k1e(x: &Tensor) = apply1(&BESSEL_K1E, &[x], Attrs::new());
}
