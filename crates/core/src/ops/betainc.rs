use crate::cpu::math::special::Special;
use crate::door::apply1;
use crate::op::{Attrs, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, err, floats, ok, rule, sig};
use crate::tensor::{Tensor, free_faces};
use smallvec::smallvec;

/// Regularised incomplete beta function.
pub static BETAINC: OpDef = OpDef {
    name: "betainc",
    tf: &[Tf::same("Betainc")],
    sig: sig!(a: T float, b: T float, x: T float),
    effect: Effect::Pure,
    infer: rule::broadcast,
    cpu: Cpu::Elementwise(blocks!([a, b, x] slow => Special::betainc(a, b, x))),
    gpu: Gpu::CpuOnly("its series need f64, which WGSL has not"),
    grad: Grad::Rule(|g| {
        let (a, b, x) = (g.input(0), g.input(1), g.input(2));
        let density = || {
            let log =
                (b - 1.0).xlog1py(-x) + (a - 1.0).xlogy(x) - (a.lgamma() + b.lgamma() - (a + b).lgamma());
            g.unbroadcast(2, &(g.dy() * log.exp()))
        };
        smallvec![
            g.needs(0).then(|| super::no_gradient("betainc", "its parameter a")),
            g.needs(1).then(|| super::no_gradient("betainc", "its parameter b")),
            g.needs(2).then(density),
        ]
    }),
    exact: Exact::Relative(1e-5),
    composed: None,
    samples: || {
        vec![
            ok([floats([2], &[1.0, 2.5]), floats([2], &[1.5, 3.25]), floats([2], &[0.5, 0.25])]).kink(),
            ok([floats([2, 1], &[1.0, 2.5]), floats([], &[1.5]), floats([3], &[0.0, 0.25, 1.0])]).kink(),
            ok([floats([], &[1.0]), floats([], &[1.0]), floats([0, 2], &[])]).kink(),
            err([floats([2], &[1.0; 2]), floats([3], &[1.0; 3]), floats([], &[0.5])], "2 ≠ 3"),
        ]
    },
};

free_faces! {
    /// The regularised incomplete beta function `I_x(a, b)` with broadcasting; NaN unless `a` and `b` are
    /// positive and `x` is in [0, 1].
    ///
    /// The gradient in `x` is `dy·x^(a-1)·(1-x)^(b-1)/B(a, b)`; there is none in `a` and `b`, and asking for
    /// one is an error.
    ///
    /// Source: `tf.math.betainc`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let one = tf::constant(1.0);
    /// assert_eq!(tf::betainc(&one, &one, &tf::constant([0.25])).to_vec::<f32>().unwrap(), [0.25]);
    /// ```
    pub fn betainc / try_betainc(a: &Tensor, b: &Tensor, x: &Tensor) =
        apply1(&BETAINC, &[a, b, x], Attrs::new());
}
