use crate::door::apply1;
use crate::op::{
    Attrs, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, bools, err, floats, ok, rule, sig,
};
use crate::tensor::faces;

/// Numerical negation.
pub static NEGATIVE: OpDef = OpDef {
    name: "negative",
    tf: &[Tf::same("Neg")],
    sig: sig!(x: _ number),
    effect: Effect::Pure,
    infer: rule::same_as_first,
    cpu: Cpu::Elementwise(blocks!([x] float => -x, int => x.wrapping_neg())),
    gpu: Gpu::Elementwise(&[(Class::Signed, "-x"), (Class::Number, "(~x) + 1")]),
    grad: Grad::Rule(|g| g.one(-g.dy())),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        vec![
            ok([floats([4], &[0.0, 1.0, 2.0, 100.0])]),
            ok([floats([2, 0], &[])]),
            err([bools([1], &[true])], "x must be a number"),
        ]
    },
};

faces! {
    /// `-x` for each element; unsigned integers wrap. The gradient is `-dy`.
    ///
    /// Source: `tf.math.negative`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([1, -2]).negative().to_vec::<i32>().unwrap(), [-1, 2]);
    /// ```
    pub fn negative / try_negative(x: &Tensor) = apply1(&NEGATIVE, &[x], Attrs::new());
}
