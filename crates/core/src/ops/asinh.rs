use crate::cpu::math::Real;
use crate::door::apply1;
use crate::op::{
    Attrs, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, err, floats, ints, ok, rule, sig,
};
use crate::tensor::faces;

/// Inverse hyperbolic sine.
pub static ASINH: OpDef = OpDef {
    name: "asinh",
    tf: &[Tf::same("Asinh")],
    sig: sig!(x: _ float),
    effect: Effect::Pure,
    infer: rule::same_as_first,
    cpu: Cpu::Elementwise(blocks!([x] float => Real::asinh(x))),
    gpu: Gpu::Elementwise(&[(Class::Float, "asinh(x)")]),
    grad: Grad::Rule(|g| g.one(g.dy() / g.y().cosh())),
    exact: Exact::Relative(1e-5),
    composed: None,
    samples: || {
        vec![
            ok([floats([4], &[0.0, -0.5, 1.0, 9.0])]),
            ok([floats([1], &[f64::INFINITY])]).kink(),
            ok([floats([2, 0, 3], &[])]),
            ok([floats([], &[0.0])]),
            err([ints([1], &[4])], "x must be float"),
        ]
    },
};

faces! {
    /// The inverse hyperbolic sine of each element. The gradient is `dy/cosh y`.
    ///
    /// Source: `tf.math.asinh`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([0.0]).asinh().to_vec::<f32>().unwrap(), [0.0]);
    /// ```
    pub fn asinh / try_asinh(x: &Tensor) = apply1(&ASINH, &[x], Attrs::new());
}
