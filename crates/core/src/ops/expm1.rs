use crate::cpu::math::Real;
use crate::door::apply1;
use crate::op::{
    Attrs, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, err, floats, ints, ok, rule, sig,
};
use crate::tensor::faces;

/// Exponential minus one.
pub static EXPM1: OpDef = OpDef {
    name: "expm1",
    tf: &[Tf::same("Expm1")],
    sig: sig!(x: _ float),
    effect: Effect::Pure,
    infer: rule::same_as_first,
    cpu: Cpu::Elementwise(blocks!([x] float => Real::expm1(x))),
    gpu: Gpu::Elementwise(&[(Class::Float, "expm1(x)")]),
    grad: Grad::Rule(|g| g.one(g.dy() * g.x().exp())),
    exact: Exact::Relative(1e-5),
    composed: None,
    samples: || {
        vec![
            ok([floats([4], &[0.0, -1.0, 2.0, 0.001])]),
            ok([floats([2], &[f64::INFINITY, f64::NEG_INFINITY])]).kink(),
            ok([floats([2, 0, 3], &[])]),
            ok([floats([], &[0.0])]),
            err([ints([1], &[4])], "x must be float"),
        ]
    },
};

faces! {
    /// `e^x - 1` of each element, with all its digits near 0. The gradient is `dy·e^x`.
    ///
    /// Source: `tf.math.expm1`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([0.0]).expm1().to_vec::<f32>().unwrap(), [0.0]);
    /// ```
    pub fn expm1 / try_expm1(x: &Tensor) = apply1(&EXPM1, &[x], Attrs::new());
}
