use crate::door::apply1;
use crate::op::{
    Attrs, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, err, floats, ints, ok, rule, sig,
};
use crate::tensor::faces;

/// Whether it is not a number.
pub static IS_NAN: OpDef = OpDef {
    name: "is_nan",
    tf: &[Tf::same("IsNan")],
    sig: sig!(x: _ float),
    effect: Effect::Pure,
    infer: rule::predicate,
    cpu: Cpu::Elementwise(blocks!([x] -> bool; float => x.is_nan())),
    gpu: Gpu::Elementwise(&[(Class::Float, "is_nan(x)")]),
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
    /// Whether each element is not a number.
    ///
    /// Source: `tf.math.is_nan`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let x = tf::constant([f32::NAN, f32::INFINITY, 1.0]);
    /// assert_eq!(x.is_nan().to_vec::<bool>().unwrap(), [true, false, false]);
    /// ```
    pub fn is_nan / try_is_nan(x: &Tensor) = apply1(&IS_NAN, &[x], Attrs::new());
}
