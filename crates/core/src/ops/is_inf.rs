use crate::door::apply1;
use crate::op::{
    Attrs, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, err, floats, ints, ok, rule, sig,
};
use crate::tensor::faces;

/// Whether it is infinite.
pub static IS_INF: OpDef = OpDef {
    name: "is_inf",
    tf: &[Tf::same("IsInf")],
    sig: sig!(x: _ float),
    effect: Effect::Pure,
    infer: rule::predicate,
    cpu: Cpu::Elementwise(blocks!([x] -> bool; float => x.is_infinite())),
    gpu: Gpu::Elementwise(&[(Class::Float, "is_inf(x)")]),
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
    /// Whether each element is infinite.
    ///
    /// Source: `tf.math.is_inf`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let x = tf::constant([f32::NAN, f32::INFINITY, 1.0]);
    /// assert_eq!(x.is_inf().to_vec::<bool>().unwrap(), [false, true, false]);
    /// ```
    pub fn is_inf / try_is_inf(x: &Tensor) = apply1(&IS_INF, &[x], Attrs::new());
}
