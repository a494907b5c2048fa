use crate::cpu::math::Real;
use crate::door::apply1;
use crate::op::{
    Attrs, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, err, floats, ints, ok, rule, sig,
};
use crate::tensor::faces;

/// Logarithm of one more.
pub static LOG1P: OpDef = OpDef {
    name: "log1p",
    tf: &[Tf::same("Log1p")],
    sig: sig!(x: _ float),
    effect: Effect::Pure,
    infer: rule::same_as_first,
    cpu: Cpu::Elementwise(blocks!([x] float => Real::log1p(x))),
    gpu: Gpu::Elementwise(&[(Class::Float, "log1p(x)")]),
    grad: Grad::Rule(|g| g.one(g.dy() / (g.x() + 1.0))),
    exact: Exact::Relative(1e-5),
    composed: None,
    samples: || {
        vec![
            ok([floats([4], &[0.0, -0.5, 2.0, 0.001])]),
            ok([floats([3], &[-1.0, -2.0, f64::INFINITY])]).kink(),
            ok([floats([2, 0, 3], &[])]),
            ok([floats([], &[0.0])]),
            err([ints([1], &[4])], "x must be float"),
        ]
    },
};

faces! {
    /// `ln(1 + x)` of each element, with all its digits near 0. The gradient is `dy/(1 + x)`.
    ///
    /// Source: `tf.math.log1p`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([0.0]).log1p().to_vec::<f32>().unwrap(), [0.0]);
    /// ```
    pub fn log1p / try_log1p(x: &Tensor) = apply1(&LOG1P, &[x], Attrs::new());
}
