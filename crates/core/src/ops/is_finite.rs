use crate::door::apply1;
use crate::op::{
    Attrs, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, err, floats, ints, ok, rule, sig,
};
use crate::tensor::faces;

/// Whether it is a number and not infinite.
pub static IS_FINITE: OpDef = OpDef {
    name: "is_finite",
    tf: &[Tf::same("IsFinite")],
    sig: sig!(x: _ float),
    effect: Effect::Pure,
    infer: rule::predicate,
    cpu: Cpu::Elementwise(blocks!([x] -> bool; float => x.is_finite())),
    gpu: Gpu::Elementwise(&[(Class::Float, "is_finite(x)")]),
    grad: Grad::None("a truth value has no gradient"),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        vec![
            ok([floats([5], &[0.5, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0])]),
            ok([floats([2, 0, 3], &[])]),
            ok([floats([], &[0.5])]),
            err([ints([1], &[4])], "x must be float"),
        ]
    },
};

faces! {
    /// Whether each element is a number and not infinite.
    ///
    /// Source: `tf.math.is_finite`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let x = tf::constant([f32::NAN, f32::INFINITY, 1.0]);
    /// assert_eq!(x.is_finite().to_vec::<bool>().unwrap(), [false, false, true]);
    /// ```
    pub fn is_finite / try_is_finite(x: &Tensor) = apply1(&IS_FINITE, &[x], Attrs::new());
}
