use crate::door::apply1;
use crate::op::{
    Attrs, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, err, floats, ints, ok, rule, sig,
};
use crate::tensor::faces;

/// Element-wise quotient of floats.
pub static DIVIDE: OpDef = OpDef {
    name: "divide",
    tf: &[Tf::same("RealDiv")],
    sig: sig!(x: T float, y: T float),
    effect: Effect::Pure,
    infer: rule::broadcast,
    cpu: Cpu::Elementwise(blocks!([x, y] float => x / y)),
    gpu: Gpu::Elementwise(&[(Class::Float, "x / y")]),
    grad: Grad::Rule(|g| g.two(|| g.dy() / g.input(1), || -(g.dy() * (g.y() / g.input(1))))),
    exact: Exact::Ulp(1),
    composed: None,
    samples: || {
        vec![
            ok([floats([3], &[1.0, 2.0, 3.0]), floats([3], &[4.0, 5.0, 6.0])]),
            ok([floats([2, 1, 2], &[9.0, 8.0, 7.0, 6.0]), floats([3, 1], &[1.0, 2.0, 3.0])]),
            ok([floats([3], &[1.0, -1.0, 0.0]), floats([], &[0.0])]).kink(),
            err([floats([2], &[1.0, 2.0]), floats([3], &[1.0, 2.0, 3.0])], "2 ≠ 3"),
            err([ints([1], &[1]), ints([1], &[1])], "x must be float"),
        ]
    },
};

faces! {
    /// Element-wise quotient of float tensors with broadcasting. The gradients are `dy/y` and `-dy·(x/y)/y`.
    ///
    /// Integers have `floordiv` and `truediv`.
    /// Source: `tf.math.divide`, `tf.realdiv`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::divide(1.0, tf::constant([2.0, 4.0])).to_vec::<f32>().unwrap(), [0.5, 0.25]);
    /// ```
    pub fn divide / try_divide(operand x, operand y) = apply1(&DIVIDE, &[x, y], Attrs::new());
}
