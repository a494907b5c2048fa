use crate::cpu::math::special::Special;
use crate::door::apply1;
use crate::op::{Attrs, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, err, floats, ints, ok, rule, sig};
use crate::tensor::faces;

/// Spence's integral.
pub static SPENCE: OpDef = OpDef {
    name: "spence",
    tf: &[Tf::same("Spence")],
    sig: sig!(x: _ float),
    effect: Effect::Pure,
    infer: rule::same_as_first,
    cpu: Cpu::Elementwise(blocks!([x] slow => Special::spence(x))),
    gpu: Gpu::CpuOnly("its series need f64, which WGSL has not"),
    grad: Grad::Rule(|g| {
        g.one({
            let x = g.x();
            let one = x.equal(1.0);
            let safe = super::select(&one, 2.0, x);
            g.dy() * super::select(&one, -1.0, safe.log() / (1.0 - &safe))
        })
    }),
    exact: Exact::Relative(1e-5),
    composed: None,
    samples: || {
        vec![
            ok([floats([4], &[0.5, 1.5, 2.5, 6.0])]),
            ok([floats([3], &[0.0, 1.0, -1.0])]).kink(),
            ok([floats([2, 0, 3], &[])]),
            ok([floats([], &[0.5])]),
            err([ints([1], &[4])], "x must be float"),
        ]
    },
};

faces! {
    /// Spence's integral `-∫₁ˣ ln t/(t - 1) dt` of each element; NaN below 0. The gradient is `dy·ln x/(1 -
    /// x)`, -1 at 1.
    ///
    /// Source: `tf.math.special.spence`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let y = tf::constant([2.0]).spence().to_vec::<f32>().unwrap();
    /// assert!((y[0] - -0.822_467_03).abs() < 1e-6);
    /// ```
    pub fn spence / try_spence(x: &Tensor) = apply1(&SPENCE, &[x], Attrs::new());
}
