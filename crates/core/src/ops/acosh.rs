use crate::cpu::math::Real;
use crate::door::apply1;
use crate::op::{
    Attrs, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, err, floats, ints, ok, rule, sig,
};
use crate::tensor::faces;

/// Inverse hyperbolic cosine.
pub static ACOSH: OpDef = OpDef {
    name: "acosh",
    tf: &[Tf::same("Acosh")],
    sig: sig!(x: _ float),
    effect: Effect::Pure,
    infer: rule::same_as_first,
    cpu: Cpu::Elementwise(blocks!([x] float => Real::acosh(x))),
    gpu: Gpu::Elementwise(&[(Class::Float, "acosh(x)")]),
    grad: Grad::Rule(|g| g.one(g.dy() / g.y().sinh())),
    exact: Exact::Relative(1e-5),
    composed: None,
    samples: || {
        vec![
            ok([floats([4], &[1.5, 2.0, 3.0, 9.0])]),
            ok([floats([3], &[1.0, 0.5, f64::INFINITY])]).kink(),
            ok([floats([2, 0, 3], &[])]),
            ok([floats([], &[1.5])]),
            err([ints([1], &[4])], "x must be float"),
        ]
    },
};

faces! {
    /// The inverse hyperbolic cosine of each element; NaN below 1. The gradient is `dy/sinh y`.
    ///
    /// Source: `tf.math.acosh`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([1.0]).acosh().to_vec::<f32>().unwrap(), [0.0]);
    /// ```
    pub fn acosh / try_acosh(x: &Tensor) = apply1(&ACOSH, &[x], Attrs::new());
}
