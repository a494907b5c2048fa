use crate::cpu::math::Real;
use crate::door::apply1;
use crate::op::{
    Attrs, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, err, floats, ints, ok, rule, sig,
};
use crate::tensor::faces;

/// The scale λ with which mean 0 and variance 1 are a fixed point (Klambauer et al., "Self-Normalizing Neural
/// Networks").
const SCALE: f64 = 1.050_700_987_355_480_5;
/// λ·α of the same paper.
const SCALE_ALPHA: f64 = 1.758_099_340_847_376_9;

/// Scaled exponential linear unit.
pub static SELU: OpDef = OpDef {
    name: "selu",
    tf: &[Tf::same("Selu")],
    sig: sig!(x: _ float),
    effect: Effect::Pure,
    infer: rule::same_as_first,
    cpu: Cpu::Elementwise(blocks!([x] float => function(x))),
    gpu: Gpu::Elementwise(&[(
        Class::Float,
        "select(x * 1.05070098735548049, expm1(x) * 1.75809934084737686, x < 0.0)",
    )]),
    grad: Grad::Rule(|g| {
        let slope = super::select(&g.y().less(0.0), g.y() + SCALE_ALPHA, SCALE);
        g.one(g.dy() * slope)
    }),
    exact: Exact::Relative(1e-5),
    composed: Some(|x, _| super::select(&x[0].less(0.0), x[0].expm1() * SCALE_ALPHA, &x[0] * SCALE)),
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

#[inline(always)]
fn function<T: Real>(x: T) -> T {
    let (negative, positive) = (x.expm1() * T::of(SCALE_ALPHA), x * T::of(SCALE));
    if x < T::ZERO { negative } else { positive }
}

faces! {
    /// `λ·x` where it is positive, `λ·α·(e^x - 1)` elsewhere, with λ = 1.0507 and α = 1.6733. The gradient is
    /// `λ·dy` and `dy·(y + λ·α)`.
    ///
    /// Source: `tf.nn.selu`, its gradient `SeluGrad`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([0.0]).selu().to_vec::<f32>().unwrap(), [0.0]);
    /// ```
    pub fn selu / try_selu(x: &Tensor) = apply1(&SELU, &[x], Attrs::new());
}
