use crate::cpu::math::special::Special;
use crate::door::apply1;
use crate::op::{Attrs, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, err, floats, ints, ok, rule, sig};
use crate::tensor::faces;

/// Exponential integral.
pub static EXPINT: OpDef = OpDef {
    name: "expint",
    tf: &[Tf::same("Expint")],
    sig: sig!(x: _ float),
    effect: Effect::Pure,
    infer: rule::same_as_first,
    cpu: Cpu::Elementwise(blocks!([x] slow => Special::expint(x))),
    gpu: Gpu::CpuOnly("its series need f64, which WGSL has not"),
    grad: Grad::Rule(|g| g.one(g.dy() * (g.x().exp() / g.x()))),
    exact: Exact::Relative(1e-5),
    composed: None,
    samples: || {
        vec![
            ok([floats([4], &[0.5, 1.0, 2.5, 6.0])]),
            ok([floats([3], &[0.0, -1.0, f64::INFINITY])]).kink(),
            ok([floats([2, 0, 3], &[])]),
            ok([floats([], &[0.5])]),
            err([ints([1], &[4])], "x must be float"),
        ]
    },
};

faces! {
    /// The exponential integral `Ei(x) = ∫ e^t/t dt` from -∞ to each element; -∞ at 0, NaN below. The
    /// gradient is `dy·e^x/x`.
    ///
    /// Source: `tf.math.special.expint`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let y = tf::constant([1.0]).expint().to_vec::<f32>().unwrap();
    /// assert!((y[0] - 1.895_117_8).abs() < 1e-6);
    /// ```
    pub fn expint / try_expint(x: &Tensor) = apply1(&EXPINT, &[x], Attrs::new());
}
