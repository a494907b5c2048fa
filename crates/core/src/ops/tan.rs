use crate::cpu::math::Real;
use crate::door::apply1;
use crate::op::{
    Attrs, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, err, floats, ints, ok, rule, sig,
};
use crate::tensor::faces;

/// Tangent.
pub static TAN: OpDef = OpDef {
    name: "tan",
    tf: &[Tf::same("Tan")],
    sig: sig!(x: _ float),
    effect: Effect::Pure,
    infer: rule::same_as_first,
    cpu: Cpu::Elementwise(blocks!([x] near => Real::tan_near(x), any => Real::tan(x))),
    gpu: Gpu::Elementwise(&[(Class::Float, "tan(x)")]),
    grad: Grad::Rule(|g| g.one(g.dy() * (g.y() * g.y() + 1.0))),
    exact: Exact::Relative(1e-5),
    composed: None,
    samples: || {
        vec![
            ok([floats([4], &[0.0, -1.0, 0.5, 2.0])]),
            ok([floats([1], &[f64::INFINITY])]).kink(),
            ok([floats([2, 0, 3], &[])]),
            ok([floats([], &[0.0])]),
            err([ints([1], &[4])], "x must be float"),
        ]
    },
};

faces! {
    /// The tangent of each element. The gradient is `dy·(1 + y²)`.
    ///
    /// Source: `tf.math.tan`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([0.0]).tan().to_vec::<f32>().unwrap(), [0.0]);
    /// ```
    pub fn tan / try_tan(x: &Tensor) = apply1(&TAN, &[x], Attrs::new());
}
