use crate::door::apply1;
use crate::op::{Attrs, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, err, floats, ok, rule, sig};
use crate::tensor::faces;

/// Element-wise sum.
pub static ADD: OpDef = OpDef {
    name: "add",
    tf: &[Tf::same("AddV2"), Tf::same("Add")],
    sig: sig!(x: T number, y: T number),
    effect: Effect::Pure,
    infer: rule::broadcast,
    cpu: Cpu::Elementwise(blocks!([x, y] float => x + y, int => x.wrapping_add(y))),
    gpu: Gpu::Elementwise(&[(Class::Number, "x + y")]),
    grad: Grad::Rule(|g| g.two(|| g.dy(), || g.dy())),
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
    /// Element-wise sum with broadcasting; integers wrap.
    ///
    /// Either side may be a Rust number, which adopts the tensor's dtype. The gradient is `dy` for both sides.
    /// Source: `tf.math.add`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let y = tf::add(&tf::constant([1.0, 2.0]), 0.5);
    /// assert_eq!(y.to_vec::<f32>().unwrap(), [1.5, 2.5]);
    /// ```
    pub fn add / try_add(operand x, operand y) = apply1(&ADD, &[x, y], Attrs::new());
}
