use crate::cpu::math::special::Special;
use crate::door::apply1;
use crate::op::{Attrs, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, err, floats, ints, ok, rule, sig};
use crate::tensor::faces;

/// Regularised lower incomplete gamma function.
pub static IGAMMA: OpDef = OpDef {
    name: "igamma",
    tf: &[Tf::same("Igamma")],
    sig: sig!(a: T float, x: T float),
    effect: Effect::Pure,
    infer: rule::broadcast,
    cpu: Cpu::Elementwise(blocks!([a, x] slow => Special::igamma(a, x))),
    gpu: Gpu::CpuOnly("its series need f64, which WGSL has not"),
    grad: Grad::Rule(|g| {
        let (a, x) = (g.input(0), g.input(1));
        g.two(|| g.dy() * super::igamma_grad_a(a, x), || g.dy() * super::igamma_density(a, x))
    }),
    exact: Exact::Relative(1e-5),
    composed: None,
    samples: || {
        vec![
            ok([floats([3], &[1.0, 2.5, 4.0]), floats([3], &[1.5, 3.25, 0.5])]).kink(),
            ok([floats([2, 1], &[1.0, 2.5]), floats([3], &[1.5, 3.25, 0.5])]).kink(),
            ok([floats([], &[1.0]), floats([0, 2], &[])]).kink(),
            ok([floats([3], &[0.0, 1.0, -1.0]), floats([3], &[1.0, -1.0, 0.0])]).kink(),
            err([floats([2], &[1.0, 2.0]), floats([3], &[1.0, 2.0, 3.0])], "2 ≠ 3"),
            err([ints([1], &[1]), ints([1], &[1])], "a must be float"),
        ]
    },
};

faces! {
    /// `P(a, x) = γ(a, x)/Γ(a)` with broadcasting; NaN for `a ≤ 0` or `x < 0`. The gradients are `dy·∂P/∂a`
    /// and `dy·e^-x·x^(a-1)/Γ(a)`.
    ///
    /// Source: `tf.math.igamma`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let y = tf::igamma(1.0, tf::constant([1.0])).to_vec::<f32>().unwrap();
    /// assert!((y[0] - 0.632_120_55).abs() < 1e-6);
    /// ```
    pub fn igamma / try_igamma(operand a, operand x) = apply1(&IGAMMA, &[a, x], Attrs::new());
}
