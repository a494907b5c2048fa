use crate::door::apply1;
use crate::op::{Attrs, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, err, floats, ok, rule, sig};
use crate::tensor::faces;

/// Element-wise difference.
pub static SUBTRACT: OpDef = OpDef {
    name: "subtract",
    tf: &[Tf::same("Sub")],
    sig: sig!(x: T number, y: T number),
    effect: Effect::Pure,
    infer: rule::broadcast,
    cpu: Cpu::Elementwise(blocks!([x, y] float => x - y, int => x.wrapping_sub(y))),
    gpu: Gpu::Elementwise(&[(Class::Number, "x - y")]),
    grad: Grad::Rule(|g| g.two(|| g.dy(), || -g.dy())),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        vec![
            ok([floats([3], &[1.0, 2.0, 3.0]), floats([3], &[4.0, 5.0, 6.0])]),
            ok([floats([2, 1, 2], &[9.0, 8.0, 7.0, 6.0]), floats([3, 1], &[1.0, 2.0, 3.0])]),
            ok([floats([], &[5.0]), floats([0, 2], &[])]),
            err([floats([2], &[1.0, 2.0]), floats([3], &[1.0, 2.0, 3.0])], "x is"),
        ]
    },
};

faces! {
    /// Element-wise difference with broadcasting; integers wrap. The gradients are `dy` and `-dy`.
    ///
    /// Source: `tf.math.subtract`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::subtract(3, tf::constant([1, 2])).to_vec::<i32>().unwrap(), [2, 1]);
    /// ```
    pub fn subtract / try_subtract(operand x, operand y) = apply1(&SUBTRACT, &[x, y], Attrs::new());
}
