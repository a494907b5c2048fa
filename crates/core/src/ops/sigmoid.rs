use crate::cpu::math::Real;
use crate::door::apply1;
use crate::op::{
    Attrs, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, err, floats, ints, ok, rule, sig,
};
use crate::tensor::faces;

/// Logistic function.
pub static SIGMOID: OpDef = OpDef {
    name: "sigmoid",
    tf: &[Tf::same("Sigmoid")],
    sig: sig!(x: _ float),
    effect: Effect::Pure,
    infer: rule::same_as_first,
    cpu: Cpu::Elementwise(blocks!([x] float => Real::sigmoid(x))),
    gpu: Gpu::Elementwise(&[(Class::Float, "sigmoid(x)")]),
    grad: Grad::Rule(|g| g.one(g.dy() * (g.y() * (1.0 - g.y())))),
    exact: Exact::Relative(1e-5),
    composed: Some(|x, _| 1.0 / ((-&x[0]).exp() + 1.0)),
    samples: || {
        vec![
            ok([floats([4], &[0.0, -0.5, 1.0, 3.0])]),
            ok([floats([3], &[f64::INFINITY, f64::NEG_INFINITY, f64::NAN])]).kink(),
            ok([floats([2, 0, 3], &[])]),
            ok([floats([], &[0.0])]),
            err([ints([1], &[4])], "x must be float"),
        ]
    },
};

faces! {
    /// `1/(1 + e^-x)` of each element. The gradient is `dy·y·(1 - y)`.
    ///
    /// Source: `tf.math.sigmoid`, its gradient `SigmoidGrad`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([0.0]).sigmoid().to_vec::<f32>().unwrap(), [0.5]);
    /// ```
    pub fn sigmoid / try_sigmoid(x: &Tensor) = apply1(&SIGMOID, &[x], Attrs::new());
}
