use crate::door::apply1;
use crate::op::{
    Attrs, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, bools, err, floats, ok, rule, sig,
};
use crate::tensor::faces;

/// The other bits.
pub static INVERT: OpDef = OpDef {
    name: "invert",
    tf: &[Tf::same("Invert")],
    sig: sig!(x: _ int),
    effect: Effect::Pure,
    infer: rule::same_as_first,
    cpu: Cpu::Elementwise(blocks!([x] int => !x)),
    gpu: Gpu::Elementwise(&[(Class::Int, "~x")]),
    grad: Grad::None("integers have no gradient"),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        vec![
            ok([floats([3], &[6.0, 3.0, 0.0])]),
            ok([floats([2, 0, 3], &[])]),
            ok([floats([], &[6.0])]),
            err([bools([1], &[true])], "x must be an integer"),
        ]
    },
};

faces! {
    /// Each bit flipped.
    ///
    /// Source: `tf.bitwise.invert`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([0, 5]).invert().to_vec::<i32>().unwrap(), [-1, -6]);
    /// ```
    pub fn invert / try_invert(x: &Tensor) = apply1(&INVERT, &[x], Attrs::new());
}
