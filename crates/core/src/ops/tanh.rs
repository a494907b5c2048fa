use crate::cpu::math::Real;
use crate::door::apply1;
use crate::op::{
    Attrs, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, err, floats, ints, ok, rule, sig,
};
use crate::tensor::faces;

/// Hyperbolic tangent.
pub static TANH: OpDef = OpDef {
    name: "tanh",
    tf: &[Tf::same("Tanh")],
    sig: sig!(x: _ float),
    effect: Effect::Pure,
    infer: rule::same_as_first,
    cpu: Cpu::Elementwise(blocks!([x] float => Real::tanh(x))),
    gpu: Gpu::Elementwise(&[(Class::Float, "tanh(x)")]),
    grad: Grad::Rule(|g| g.one(g.dy() * (1.0 - g.y() * g.y()))),
    exact: Exact::Relative(1e-5),
    composed: Some(|x, _| super::sigmoid(&(&x[0] * 2.0)) * 2.0 - 1.0),
    samples: || {
        vec![
            ok([floats([4], &[0.0, -0.5, 1.0, 2.0])]),
            ok([floats([3], &[f64::INFINITY, f64::NEG_INFINITY, f64::NAN])]).kink(),
            ok([floats([2, 0, 3], &[])]),
            ok([floats([], &[0.0])]),
            err([ints([1], &[4])], "x must be float"),
        ]
    },
};

faces! {
    /// The hyperbolic tangent of each element. The gradient is `dy·(1 - y²)`.
    ///
    /// Source: `tf.math.tanh`, its gradient `TanhGrad`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([0.0]).tanh().to_vec::<f32>().unwrap(), [0.0]);
    /// ```
    pub fn tanh / try_tanh(x: &Tensor) = apply1(&TANH, &[x], Attrs::new());
}
