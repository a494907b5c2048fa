use crate::cpu::math::Real;
use crate::door::apply1;
use crate::op::{
    Attrs, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, bools, err, floats, ok, rule, sig,
};
use crate::tensor::faces;

/// Rectifier up to 6.
pub static RELU6: OpDef = OpDef {
    name: "relu6",
    tf: &[Tf::same("Relu6")],
    sig: sig!(x: _ number),
    effect: Effect::Pure,
    infer: rule::same_as_first,
    cpu: Cpu::Elementwise(
        blocks!([x] float => Real::minimum(Real::maximum(x, 0.0), 6.0), int => x.clamp(0, 6)),
    ),
    gpu: Gpu::Elementwise(&[(Class::Float, "min(max(x, 0.0), 6.0)"), (Class::Number, "min(max(x, 0), 6)")]),
    grad: Grad::Rule(|g| g.one(super::select(&g.y().greater(0.0).logical_and(g.y().less(6.0)), g.dy(), 0.0))),
    exact: Exact::Bits,
    composed: Some(|x, _| x[0].maximum(0).minimum(6)),
    samples: || {
        vec![
            ok([floats([4], &[0.5, -1.0, 5.0, 7.0])]),
            ok([floats([4], &[0.0, 6.0, -0.0, f64::NAN])]).kink(),
            ok([floats([2, 0, 3], &[])]),
            ok([floats([], &[0.5])]),
            err([bools([1], &[true])], "x must be a number"),
        ]
    },
};

faces! {
    /// `min(max(x, 0), 6)` of each element. The gradient is `dy` where `0 < x < 6`, and 0 elsewhere.
    ///
    /// Source: `tf.nn.relu6`, its gradient `Relu6Grad`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([-1.0, 2.0, 9.0]).relu6().to_vec::<f32>().unwrap(), [0.0, 2.0, 6.0]);
    /// ```
    pub fn relu6 / try_relu6(x: &Tensor) = apply1(&RELU6, &[x], Attrs::new());
}
