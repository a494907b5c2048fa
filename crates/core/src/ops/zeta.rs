use crate::cpu::math::special::Special;
use crate::door::apply1;
use crate::op::{Attrs, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, err, floats, ints, ok, rule, sig};
use crate::tensor::faces;

/// Hurwitz' zeta function.
pub static ZETA: OpDef = OpDef {
    name: "zeta",
    tf: &[Tf::same("Zeta")],
    sig: sig!(x: T float, q: T float),
    effect: Effect::Pure,
    infer: rule::broadcast,
    cpu: Cpu::Elementwise(blocks!([x, q] slow => Special::zeta(x, q))),
    gpu: Gpu::CpuOnly("its series need f64, which WGSL has not"),
    grad: Grad::Rule(|g| {
        let (x, q) = (g.input(0), g.input(1));
        g.two(|| super::no_gradient("zeta", "its exponent x"), || -(g.dy() * x * zeta(x + 1.0, q)))
    }),
    exact: Exact::Relative(1e-5),
    composed: None,
    samples: || {
        vec![
            ok([floats([3], &[2.0, 3.5, 4.0]), floats([3], &[1.5, 3.25, 0.5])]).kink(),
            ok([floats([2, 1], &[2.0, 3.5]), floats([3], &[1.5, 3.25, 0.5])]).kink(),
            ok([floats([], &[1.0]), floats([0, 2], &[])]).kink(),
            ok([floats([2], &[1.0, 0.5]), floats([2], &[1.0, 1.0])]).kink(),
            err([floats([2], &[1.0, 2.0]), floats([3], &[1.0, 2.0, 3.0])], "2 ≠ 3"),
            err([ints([1], &[1]), ints([1], &[1])], "x must be float"),
        ]
    },
};

faces! {
    /// Hurwitz' zeta function `Σ (q + k)^-x` over `k ≥ 0`, with broadcasting; ∞ for exponent 1, NaN below.
    /// The gradient in `q` is `-dy·x·ζ(x + 1, q)`; there is none in `x`, and asking for it is an error.
    ///
    /// Source: `tf.math.zeta`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let y = tf::zeta(2.0, tf::constant([1.0])).to_vec::<f32>().unwrap();
    /// assert!((y[0] - 1.644_934).abs() < 1e-6);
    /// ```
    pub fn zeta / try_zeta(operand x, operand q) = apply1(&ZETA, &[x, q], Attrs::new());
}
