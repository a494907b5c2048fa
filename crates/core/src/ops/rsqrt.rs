use crate::cpu::math::Real;
use crate::door::apply1;
use crate::op::{
    Attrs, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, err, floats, ints, ok, rule, sig,
};
use crate::tensor::faces;

/// Reciprocal square root.
pub static RSQRT: OpDef = OpDef {
    name: "rsqrt",
    tf: &[Tf::same("Rsqrt")],
    sig: sig!(x: _ float),
    effect: Effect::Pure,
    infer: rule::same_as_first,
    cpu: Cpu::Elementwise(blocks!([x] float => Real::rsqrt(x))),
    gpu: Gpu::Elementwise(&[(Class::Float, "rsqrt(x)")]),
    grad: Grad::Rule(|g| g.one(g.dy() * -0.5 * (g.y() * g.y() * g.y()))),
    exact: Exact::Relative(1e-5),
    composed: None,
    samples: || {
        vec![
            ok([floats([4], &[0.25, 1.0, 4.0, 50.0])]),
            ok([floats([3], &[0.0, -1.0, f64::INFINITY])]).kink(),
            ok([floats([2, 0, 3], &[])]),
            ok([floats([], &[0.25])]),
            err([ints([1], &[4])], "x must be float"),
        ]
    },
};

faces! {
    /// `1/√x` of each element: ∞ at 0, NaN below. The gradient is `-dy·y³/2`.
    ///
    /// Source: `tf.math.rsqrt`, its gradient `RsqrtGrad`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([4.0]).rsqrt().to_vec::<f32>().unwrap(), [0.5]);
    /// ```
    pub fn rsqrt / try_rsqrt(x: &Tensor) = apply1(&RSQRT, &[x], Attrs::new());
}
