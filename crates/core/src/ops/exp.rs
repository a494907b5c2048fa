use crate::cpu::math::Real;
use crate::door::apply1;
use crate::op::{
    Attrs, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, err, floats, ints, ok, rule, sig,
};
use crate::tensor::faces;

/// Exponential.
pub static EXP: OpDef = OpDef {
    name: "exp",
    tf: &[Tf::same("Exp")],
    sig: sig!(x: _ float),
    effect: Effect::Pure,
    infer: rule::same_as_first,
    cpu: Cpu::Elementwise(blocks!([x] float => Real::exp(x))),
    gpu: Gpu::Elementwise(&[(Class::Float, "exp(x)")]),
    grad: Grad::Rule(|g| g.one(g.dy() * g.y())),
    exact: Exact::Relative(1e-5),
    composed: None,
    samples: || {
        vec![
            ok([floats([4], &[0.0, -1.0, 2.0, 0.5])]),
            ok([floats([3], &[f64::INFINITY, f64::NEG_INFINITY, f64::NAN])]).kink(),
            ok([floats([2, 0, 3], &[])]),
            ok([floats([], &[0.0])]),
            err([ints([1], &[4])], "x must be float"),
        ]
    },
};

faces! {
    /// `e^x` of each element. The gradient is `dy·e^x`.
    ///
    /// Source: `tf.math.exp`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([0.0]).exp().to_vec::<f32>().unwrap(), [1.0]);
    /// ```
    pub fn exp / try_exp(x: &Tensor) = apply1(&EXP, &[x], Attrs::new());
}
