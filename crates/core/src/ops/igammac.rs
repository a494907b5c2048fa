use crate::cpu::math::special::Special;
use crate::door::apply1;
use crate::op::{Attrs, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, err, floats, ints, ok, rule, sig};
use crate::tensor::faces;

/// Regularised upper incomplete gamma function.
pub static IGAMMAC: OpDef = OpDef {
    name: "igammac",
    tf: &[Tf::same("Igammac")],
    sig: sig!(a: T float, x: T float),
    effect: Effect::Pure,
    infer: rule::broadcast,
    cpu: Cpu::Elementwise(blocks!([a, x] slow => Special::igammac(a, x))),
    gpu: Gpu::CpuOnly("its series need f64, which WGSL has not"),
    grad: Grad::Rule(|g| {
        let (a, x) = (g.input(0), g.input(1));
        g.two(|| -(g.dy() * super::igamma_grad_a(a, x)), || -(g.dy() * super::igamma_density(a, x)))
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
    /// `Q(a, x) = 1 - P(a, x)` with broadcasting; NaN for `a ≤ 0` or `x < 0`. The gradients are those of
    /// [`igamma`](super::igamma) with the other sign.
    ///
    /// Source: `tf.math.igammac`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let y = tf::igammac(1.0, tf::constant([1.0])).to_vec::<f32>().unwrap();
    /// assert!((y[0] - 0.367_879_44).abs() < 1e-6);
    /// ```
    pub fn igammac / try_igammac(operand a, operand x) = apply1(&IGAMMAC, &[a, x], Attrs::new());
}
