use crate::cpu::math::special::Special;
use crate::door::apply1;
use crate::op::{Attrs, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, err, floats, ints, ok, rule, sig};
use crate::tensor::faces;

/// Bessel function of the second kind of order 0.
pub static BESSEL_Y0: OpDef = OpDef {
    name: "bessel_y0",
    tf: &[Tf::same("BesselY0")],
    sig: sig!(x: _ float),
    effect: Effect::Pure,
    infer: rule::same_as_first,
    cpu: Cpu::Elementwise(blocks!([x] slow => Special::bessel_y0(x))),
    gpu: Gpu::CpuOnly("its series need f64, which WGSL has not"),
    grad: Grad::Rule(|g| g.one(-(g.dy() * g.x().bessel_y1()))),
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
    /// The Bessel function `Y₀(x)` of each element; -∞ at 0, NaN below. The gradient is `-dy·Y₁(x)`.
    ///
    /// Source: `tf.math.special.bessel_y0`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let y = tf::constant([1.0]).bessel_y0().to_vec::<f32>().unwrap();
    /// assert!((y[0] - 0.088_256_97).abs() < 1e-6);
    /// ```
    pub fn bessel_y0 / try_bessel_y0(x: &Tensor) = apply1(&BESSEL_Y0, &[x], Attrs::new());
}
