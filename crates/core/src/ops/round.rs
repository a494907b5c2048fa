use crate::cpu::math::Real;
use crate::door::apply1;
use crate::op::{
    Attrs, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, bools, err, floats, ok, rule, sig,
};
use crate::tensor::faces;

/// The nearest integer, ties to even.
pub static ROUND: OpDef = OpDef {
    name: "round",
    tf: &[Tf::same("Round"), Tf::differs("Rint", "floats only there")],
    sig: sig!(x: _ number),
    effect: Effect::Pure,
    infer: rule::same_as_first,
    cpu: Cpu::Elementwise(blocks!([x] float => Real::rint(x), int => x)),
    gpu: Gpu::Elementwise(&[(Class::Float, "round(x)"), (Class::Number, "x")]),
    grad: Grad::None("it moves in steps"),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        vec![
            ok([floats([4], &[0.4, -1.6, 2.0, 7.25])]),
            ok([floats([5], &[0.5, -0.5, 2.5, f64::INFINITY, f64::NAN])]).kink(),
            ok([floats([2, 0, 3], &[])]),
            ok([floats([], &[0.4])]),
            err([bools([1], &[true])], "x must be a number"),
        ]
    },
};

faces! {
    /// The integer nearest to each element, ties to the even one. There is no gradient: the result moves in
    /// steps.
    ///
    /// Source: `tf.math.round`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([0.5, 1.5, -2.5]).round().to_vec::<f32>().unwrap(), [0.0, 2.0, -2.0]);
    /// ```
    pub fn round / try_round(x: &Tensor) = apply1(&ROUND, &[x], Attrs::new());
}
