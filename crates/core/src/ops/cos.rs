use crate::cpu::math::Real;
use crate::door::apply1;
use crate::op::{
    Attrs, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, err, floats, ints, ok, rule, sig,
};
use crate::tensor::faces;

/// Cosine.
pub static COS: OpDef = OpDef {
    name: "cos",
    tf: &[Tf::same("Cos")],
    sig: sig!(x: _ float),
    effect: Effect::Pure,
    infer: rule::same_as_first,
    cpu: Cpu::Elementwise(blocks!([x] near => Real::cos_near(x), any => Real::cos(x))),
    gpu: Gpu::Elementwise(&[(Class::Float, "cos(x)")]),
    grad: Grad::Rule(|g| g.one(-(g.dy() * g.x().sin()))),
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
    /// The cosine of each element. The gradient is `-dy·sin x`.
    ///
    /// Source: `tf.math.cos`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([0.0]).cos().to_vec::<f32>().unwrap(), [1.0]);
    /// ```
    pub fn cos / try_cos(x: &Tensor) = apply1(&COS, &[x], Attrs::new());
}
