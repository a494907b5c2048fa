use crate::cpu::math::Real;
use crate::door::apply1;
use crate::op::{
    Attrs, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, bools, err, floats, ok, rule, sig,
};
use crate::tensor::faces;

/// Rectifier.
pub static RELU: OpDef = OpDef {
    name: "relu",
    tf: &[Tf::same("Relu")],
    sig: sig!(x: _ number),
    effect: Effect::Pure,
    infer: rule::same_as_first,
    cpu: Cpu::Elementwise(blocks!([x] float => Real::maximum(x, 0.0), sint => x.max(0), uint => x)),
    gpu: Gpu::Elementwise(&[(Class::Float, "max(x, 0.0)"), (Class::Number, "max(x, 0)")]),
    grad: Grad::Rule(|g| g.one(super::select(&g.y().greater(0.0), g.dy(), 0.0))),
    exact: Exact::Bits,
    composed: Some(|x, _| x[0].maximum(super::zeros_like(&x[0]))),
    samples: || {
        vec![
            ok([floats([4], &[0.5, 1.0, 3.0, 7.0])]),
            ok([floats([4], &[0.0, -1.0, -0.0, f64::NAN])]).kink(),
            ok([floats([2, 0, 3], &[])]),
            ok([floats([], &[0.5])]),
            err([bools([1], &[true])], "x must be a number"),
        ]
    },
};

faces! {
    /// `max(x, 0)` of each element. The gradient is `dy` where `x > 0`, and 0 at 0.
    ///
    /// Source: `tf.nn.relu`, its gradient `ReluGrad`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([-1.0, 2.0]).relu().to_vec::<f32>().unwrap(), [0.0, 2.0]);
    /// ```
    pub fn relu / try_relu(x: &Tensor) = apply1(&RELU, &[x], Attrs::new());
}
