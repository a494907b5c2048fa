use crate::door::apply1;
use crate::op::{
    Attrs, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, bools, err, floats, ok, rule, sig,
};
use crate::tensor::faces;

/// Square.
pub static SQUARE: OpDef = OpDef {
    name: "square",
    tf: &[Tf::same("Square")],
    sig: sig!(x: _ number),
    effect: Effect::Pure,
    infer: rule::same_as_first,
    cpu: Cpu::Elementwise(blocks!([x] float => x * x, int => x.wrapping_mul(x))),
    gpu: Gpu::Elementwise(&[(Class::Number, "x * x")]),
    grad: Grad::Rule(|g| g.one(g.dy() * (g.x() * 2.0))),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        vec![
            ok([floats([4], &[0.0, 1.0, 2.0, 5.0])]),
            ok([floats([2, 0, 3], &[])]),
            ok([floats([], &[0.0])]),
            err([bools([1], &[true])], "x must be a number"),
        ]
    },
};

faces! {
    /// The square of each element; integers wrap. The gradient is `2·x·dy`.
    ///
    /// Source: `tf.math.square`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([3, -4]).square().to_vec::<i32>().unwrap(), [9, 16]);
    /// ```
    pub fn square / try_square(x: &Tensor) = apply1(&SQUARE, &[x], Attrs::new());
}
