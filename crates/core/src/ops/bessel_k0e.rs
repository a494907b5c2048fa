use crate::cpu::math::special::Special;
use crate::door::apply1;
use crate::op::{Attrs, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, err, floats, ints, ok, rule, sig};
use crate::tensor::faces;

/// Scaled modified Bessel function of the second kind of order 0.
pub static BESSEL_K0E: OpDef = OpDef {
    name: "bessel_k0e",
    tf: &[Tf::same("BesselK0e")],
    sig: sig!(x: _ float),
    effect: Effect::Pure,
    infer: rule::same_as_first,
    cpu: Cpu::Elementwise(blocks!([x] slow => Special::bessel_k0e(x))),
    gpu: Gpu::CpuOnly("its series need f64, which WGSL has not"),
    grad: Grad::Rule(|g| g.one(g.dy() * (g.y() - g.x().bessel_k1e()))),
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
    /// `e^x·K₀(x)` of each element; ∞ at 0, NaN below. The gradient is `dy·(y - e^x·K₁(x))`.
    ///
    /// Source: `tf.math.special.bessel_k0e`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let y = tf::constant([1.0]).bessel_k0e().to_vec::<f32>().unwrap();
    /// assert!((y[0] - 1.144_463_1).abs() < 1e-6);
    /// ```
    pub fn bessel_k0e / try_bessel_k0e(x: &Tensor) = apply1(&BESSEL_K0E, &[x], Attrs::new());
}
