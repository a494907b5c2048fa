use crate::cpu::math::Real;
use crate::door::apply1;
use crate::op::{
    Attrs, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, err, floats, ints, ok, rule, sig,
};
use crate::tensor::faces;

/// Exponential linear unit.
pub static ELU: OpDef = OpDef {
    name: "elu",
    tf: &[Tf::same("Elu")],
    sig: sig!(x: _ float),
    effect: Effect::Pure,
    infer: rule::same_as_first,
    cpu: Cpu::Elementwise(blocks!([x] float => if x < 0.0 { Real::expm1(x) } else { x })),
    gpu: Gpu::Elementwise(&[(Class::Float, "select(x, expm1(x), x < 0.0)")]),
    grad: Grad::Rule(|g| g.one(super::select(&g.y().less(0.0), g.dy() * (g.y() + 1.0), g.dy()))),
    exact: Exact::Relative(1e-5),
    composed: Some(|x, _| super::select(&x[0].less(0.0), x[0].expm1(), &x[0])),
    samples: || {
        vec![
            ok([floats([4], &[0.5, -1.0, 5.0, -3.0])]),
            ok([floats([4], &[0.0, -0.0, f64::NEG_INFINITY, f64::NAN])]).kink(),
            ok([floats([2, 0, 3], &[])]),
            ok([floats([], &[0.5])]),
            err([ints([1], &[4])], "x must be float"),
        ]
    },
};

faces! {
    /// `x` where it is positive, `e^x - 1` elsewhere. The gradient is `dy` and `dy·(y + 1)`.
    ///
    /// Source: `tf.nn.elu`, its gradient `EluGrad`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([0.0, 2.0]).elu().to_vec::<f32>().unwrap(), [0.0, 2.0]);
    /// ```
    pub fn elu / try_elu(x: &Tensor) = apply1(&ELU, &[x], Attrs::new());
}
