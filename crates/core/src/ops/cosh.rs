use crate::cpu::math::Real;
use crate::door::apply1;
use crate::op::{
    Attrs, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, err, floats, ints, ok, rule, sig,
};
use crate::tensor::faces;

/// Hyperbolic cosine.
pub static COSH: OpDef = OpDef {
    name: "cosh",
    tf: &[Tf::same("Cosh")],
    sig: sig!(x: _ float),
    effect: Effect::Pure,
    infer: rule::same_as_first,
    cpu: Cpu::Elementwise(blocks!([x] float => Real::cosh(x))),
    gpu: Gpu::Elementwise(&[(Class::Float, "cosh(x)")]),
    grad: Grad::Rule(|g| g.one(g.dy() * g.x().sinh())),
    exact: Exact::Relative(1e-5),
    composed: None,
    samples: || {
        vec![
            ok([floats([4], &[0.0, -0.5, 1.0, 3.0])]),
            ok([floats([1], &[f64::INFINITY])]).kink(),
            ok([floats([2, 0, 3], &[])]),
            ok([floats([], &[0.0])]),
            err([ints([1], &[4])], "x must be float"),
        ]
    },
};

faces! {
    /// The hyperbolic cosine of each element. The gradient is `dy·sinh x`.
    ///
    /// Source: `tf.math.cosh`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([0.0]).cosh().to_vec::<f32>().unwrap(), [1.0]);
    /// ```
    pub fn cosh / try_cosh(x: &Tensor) = apply1(&COSH, &[x], Attrs::new());
}
