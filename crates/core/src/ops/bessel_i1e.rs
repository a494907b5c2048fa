use crate::cpu::math::special::Special;
use crate::door::apply1;
use crate::op::{Attrs, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, err, floats, ints, ok, rule, sig};
use crate::tensor::faces;

/// Scaled modified Bessel function of order 1.
pub static BESSEL_I1E: OpDef = OpDef {
    name: "bessel_i1e",
    tf: &[Tf::same("BesselI1e")],
    sig: sig!(x: _ float),
    effect: Effect::Pure,
    infer: rule::same_as_first,
    cpu: Cpu::Elementwise(blocks!([x] slow => Special::bessel_i1e(x))),
    gpu: Gpu::CpuOnly("its series need f64, which WGSL has not"),
    grad: Grad::Rule(|g| {
        g.one({
            let (x, y) = (g.x(), g.y());
            let zero = x.equal(0.0);
            let safe = super::select(&zero, 1.0, x);
            g.dy() * super::select(&zero, 0.5, x.bessel_i0e() - y * (safe.sign() + safe.reciprocal()))
        })
    }),
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
    /// `e^-|x|·I₁(x)` of each element. The gradient is `dy·(e^-|x|·I₀(x) - y·(sign(x) + 1/x))`, 1/2 at 0.
    ///
    /// Source: `tf.math.bessel_i1e`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let y = tf::constant([0.0]).bessel_i1e().to_vec::<f32>().unwrap();
    /// assert!((y[0] - 0.0).abs() < 1e-6);
    /// ```
    pub fn bessel_i1e / try_bessel_i1e(x: &Tensor) = apply1(&BESSEL_I1E, &[x], Attrs::new());
}
