use crate::cpu::math::Real;
use crate::door::apply1;
use crate::op::{
    Attrs, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, err, floats, ints, ok, rule, sig,
};
use crate::tensor::faces;

/// Arcsine.
pub static ASIN: OpDef = OpDef {
    name: "asin",
    tf: &[Tf::same("Asin")],
    sig: sig!(x: _ float),
    effect: Effect::Pure,
    infer: rule::same_as_first,
    cpu: Cpu::Elementwise(blocks!([x] float => Real::asin(x))),
    gpu: Gpu::Elementwise(&[(Class::Float, "asin(x)")]),
    grad: Grad::Rule(|g| g.one(g.dy() / (1.0 - g.x() * g.x()).sqrt())),
    exact: Exact::Relative(1e-5),
    composed: None,
    samples: || {
        vec![
            ok([floats([4], &[0.0, -0.5, 0.25, 0.75])]),
            ok([floats([3], &[1.0, -1.0, 2.0])]).kink(),
            ok([floats([2, 0, 3], &[])]),
            ok([floats([], &[0.0])]),
            err([ints([1], &[4])], "x must be float"),
        ]
    },
};

faces! {
    /// The arcsine of each element; NaN outside [-1, 1]. The gradient is `dy/√(1 - x²)`.
    ///
    /// Source: `tf.math.asin`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([0.0]).asin().to_vec::<f32>().unwrap(), [0.0]);
    /// ```
    pub fn asin / try_asin(x: &Tensor) = apply1(&ASIN, &[x], Attrs::new());
}
