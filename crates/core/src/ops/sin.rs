use crate::cpu::math::Real;
use crate::door::apply1;
use crate::op::{
    Attrs, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, err, floats, ints, ok, rule, sig,
};
use crate::tensor::faces;

/// Sine.
pub static SIN: OpDef = OpDef {
    name: "sin",
    tf: &[Tf::same("Sin")],
    sig: sig!(x: _ float),
    effect: Effect::Pure,
    infer: rule::same_as_first,
    cpu: Cpu::Elementwise(blocks!([x] near => Real::sin_near(x), any => Real::sin(x))),
    gpu: Gpu::Elementwise(&[(Class::Float, "sin(x)")]),
    grad: Grad::Rule(|g| g.one(g.dy() * g.x().cos())),
    exact: Exact::Relative(1e-5),
    composed: None,
    samples: || {
        vec![
            ok([floats([4], &[0.0, -1.0, 2.0, 20.0])]),
            ok([floats([1], &[f64::INFINITY])]).kink(),
            ok([floats([2, 0, 3], &[])]),
            ok([floats([], &[0.0])]),
            err([ints([1], &[4])], "x must be float"),
        ]
    },
};

faces! {
    /// The sine of each element. The gradient is `dy·cos x`.
    ///
    /// Source: `tf.math.sin`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([0.0]).sin().to_vec::<f32>().unwrap(), [0.0]);
    /// ```
    pub fn sin / try_sin(x: &Tensor) = apply1(&SIN, &[x], Attrs::new());
}
