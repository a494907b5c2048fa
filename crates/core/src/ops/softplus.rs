use crate::cpu::math::Real;
use crate::door::apply1;
use crate::op::{
    Attrs, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, err, floats, ints, ok, rule, sig,
};
use crate::tensor::faces;

/// Smooth rectifier.
pub static SOFTPLUS: OpDef = OpDef {
    name: "softplus",
    tf: &[Tf::same("Softplus")],
    sig: sig!(x: _ float),
    effect: Effect::Pure,
    infer: rule::same_as_first,
    cpu: Cpu::Elementwise(blocks!([x] float => Real::softplus(x))),
    gpu: Gpu::Elementwise(&[(Class::Float, "softplus(x)")]),
    grad: Grad::Rule(|g| g.one(g.dy() * g.x().sigmoid())),
    exact: Exact::Relative(1e-5),
    composed: Some(|x, _| x[0].maximum(0.0) + (-x[0].abs()).exp().log1p()),
    samples: || {
        vec![
            ok([floats([4], &[0.0, -0.5, 1.0, 3.0])]),
            ok([floats([2], &[f64::INFINITY, f64::NEG_INFINITY])]).kink(),
            ok([floats([2, 0, 3], &[])]),
            ok([floats([], &[0.0])]),
            err([ints([1], &[4])], "x must be float"),
        ]
    },
};

faces! {
    /// `ln(1 + e^x)` of each element, without overflow. The gradient is `dy·sigmoid(x)`.
    ///
    /// Source: `tf.math.softplus`, its gradient `SoftplusGrad`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([100.0]).softplus().to_vec::<f32>().unwrap(), [100.0]);
    /// ```
    pub fn softplus / try_softplus(x: &Tensor) = apply1(&SOFTPLUS, &[x], Attrs::new());
}
