use crate::cpu::math::special::Special;
use crate::door::apply1;
use crate::op::{Attrs, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, err, floats, ints, ok, rule, sig};
use crate::tensor::faces;

/// Modified Bessel function of order 0.
pub static BESSEL_I0: OpDef = OpDef {
    name: "bessel_i0",
    tf: &[Tf::same("BesselI0")],
    sig: sig!(x: _ float),
    effect: Effect::Pure,
    infer: rule::same_as_first,
    cpu: Cpu::Elementwise(blocks!([x] slow => Special::bessel_i0(x))),
    gpu: Gpu::CpuOnly("its series need f64, which WGSL has not"),
    grad: Grad::Rule(|g| g.one(g.dy() * g.x().bessel_i1())),
    exact: Exact::Relative(1e-5),
    composed: None,
    samples: || {
        vec![
            ok([floats([4], &[0.5, -1.0, 2.5, 6.0])]),
            ok([floats([2], &[0.0, f64::INFINITY])]).kink(),
            ok([floats([2, 0, 3], &[])]),
            ok([floats([], &[0.5])]),
            err([ints([1], &[4])], "x must be float"),
        ]
    },
};

faces! {
    /// The modified Bessel function `I₀(x)` of each element. The gradient is `dy·I₁(x)`.
    ///
    /// Source: `tf.math.bessel_i0`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let y = tf::constant([0.0]).bessel_i0().to_vec::<f32>().unwrap();
    /// assert!((y[0] - 1.0).abs() < 1e-6);
    /// ```
    pub fn bessel_i0 / try_bessel_i0(x: &Tensor) = apply1(&BESSEL_I0, &[x], Attrs::new());
}
