use crate::cpu::math::special::Special;
use crate::door::apply1;
use crate::op::{Attrs, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, err, floats, ints, ok, rule, sig};
use crate::tensor::faces;

/// Modified Bessel function of the second kind of order 0.
pub static BESSEL_K0: OpDef = OpDef {
    name: "bessel_k0",
    tf: &[Tf::same("BesselK0")],
    sig: sig!(x: _ float),
    effect: Effect::Pure,
    infer: rule::same_as_first,
    cpu: Cpu::Elementwise(blocks!([x] slow => Special::bessel_k0(x))),
    gpu: Gpu::CpuOnly("its series need f64, which WGSL has not"),
    grad: Grad::Rule(|g| g.one(-(g.dy() * g.x().bessel_k1()))),
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
    /// The modified Bessel function `K₀(x)` of each element; ∞ at 0, NaN below. The gradient is `-dy·K₁(x)`.
    ///
    /// Source: `tf.math.special.bessel_k0`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let y = tf::constant([1.0]).bessel_k0().to_vec::<f32>().unwrap();
    /// assert!((y[0] - 0.421_024_44).abs() < 1e-6);
    /// ```
    pub fn bessel_k0 / try_bessel_k0(x: &Tensor) = apply1(&BESSEL_K0, &[x], Attrs::new());
}
