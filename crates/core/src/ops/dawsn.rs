use crate::cpu::math::special::Special;
use crate::door::apply1;
use crate::op::{Attrs, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, err, floats, ints, ok, rule, sig};
use crate::tensor::faces;

/// Dawson's integral.
pub static DAWSN: OpDef = OpDef {
    name: "dawsn",
    tf: &[Tf::same("Dawsn")],
    sig: sig!(x: _ float),
    effect: Effect::Pure,
    infer: rule::same_as_first,
    cpu: Cpu::Elementwise(blocks!([x] slow => Special::dawsn(x))),
    gpu: Gpu::CpuOnly("its series need f64, which WGSL has not"),
    grad: Grad::Rule(|g| g.one(g.dy() * (1.0 - g.x() * g.y() * 2.0))),
    exact: Exact::Relative(1e-5),
    composed: None,
    samples: || {
        vec![
            ok([floats([4], &[0.0, -0.5, 1.0, 3.0])]),
            ok([floats([2], &[f64::INFINITY, f64::NAN])]).kink(),
            ok([floats([2, 0, 3], &[])]),
            ok([floats([], &[0.0])]),
            err([ints([1], &[4])], "x must be float"),
        ]
    },
};

faces! {
    /// Dawson's integral `e^-x² ∫₀ˣ e^t² dt` of each element. The gradient is `dy·(1 - 2·x·y)`.
    ///
    /// Source: `tf.math.special.dawsn`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let y = tf::constant([1.0]).dawsn().to_vec::<f32>().unwrap();
    /// assert!((y[0] - 0.538_079_5).abs() < 1e-6);
    /// ```
    pub fn dawsn / try_dawsn(x: &Tensor) = apply1(&DAWSN, &[x], Attrs::new());
}
