use crate::cpu::math::Real;
use crate::door::apply1;
use crate::op::{
    Attrs, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, err, floats, ints, ok, rule, sig,
};
use crate::tensor::faces;

/// Arctangent.
pub static ATAN: OpDef = OpDef {
    name: "atan",
    tf: &[Tf::same("Atan")],
    sig: sig!(x: _ float),
    effect: Effect::Pure,
    infer: rule::same_as_first,
    cpu: Cpu::Elementwise(blocks!([x] float => Real::atan(x))),
    gpu: Gpu::Elementwise(&[(Class::Float, "atan(x)")]),
    grad: Grad::Rule(|g| g.one(g.dy() / (g.x() * g.x() + 1.0))),
    exact: Exact::Relative(1e-5),
    composed: None,
    samples: || {
        vec![
            ok([floats([4], &[0.0, -0.5, 1.0, 9.0])]),
            ok([floats([2], &[f64::INFINITY, f64::NEG_INFINITY])]).kink(),
            ok([floats([2, 0, 3], &[])]),
            ok([floats([], &[0.0])]),
            err([ints([1], &[4])], "x must be float"),
        ]
    },
};

faces! {
    /// The arctangent of each element. The gradient is `dy/(1 + x²)`.
    ///
    /// Source: `tf.math.atan`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([0.0]).atan().to_vec::<f32>().unwrap(), [0.0]);
    /// ```
    pub fn atan / try_atan(x: &Tensor) = apply1(&ATAN, &[x], Attrs::new());
}
