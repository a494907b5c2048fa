use crate::cpu::math::Real;
use crate::door::apply1;
use crate::op::{
    Attrs, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, bools, err, floats, ok, rule, sig,
};
use crate::tensor::faces;

/// The larger of two.
pub static MAXIMUM: OpDef = OpDef {
    name: "maximum",
    tf: &[Tf::same("Maximum")],
    sig: sig!(x: T number, y: T number),
    effect: Effect::Pure,
    infer: rule::broadcast,
    cpu: Cpu::Elementwise(blocks!([x, y] float => Real::maximum(x, y), int => Ord::max(x, y))),
    gpu: Gpu::Elementwise(&[(Class::Number, "max(x, y)")]),
    grad: Grad::Rule(|g| {
        let first = g.input(0).greater_equal(g.input(1));
        g.two(|| super::select(&first, g.dy(), 0.0), || super::select(&first, 0.0, g.dy()))
    }),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        vec![
            ok([floats([4], &[1.0, 9.0, 3.0, 8.0]), floats([4], &[4.0, 5.0, 6.0, 7.0])]),
            ok([floats([2, 1, 2], &[1.0, 9.0, 3.0, 8.0]), floats([3, 1], &[4.0, 5.0, 6.0])]),
            ok([floats([], &[1.0]), floats([0, 2], &[])]),
            ok([floats([3], &[1.0, 0.0, f64::NAN]), floats([3], &[1.0, -0.0, 2.0])]).kink(),
            err([floats([2], &[1.0, 9.0]), floats([3], &[4.0, 5.0, 6.0])], "2 ≠ 3"),
            err([bools([1], &[true]), bools([1], &[true])], "x must be a number"),
        ]
    },
};

faces! {
    /// The larger of the elements, with broadcasting; NaN if either is. The gradient goes to the larger one,
    /// to `x` if they are equal.
    ///
    /// Source: `tf.math.maximum`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([1, 5]).maximum(3).to_vec::<i32>().unwrap(), [3, 5]);
    /// ```
    pub fn maximum / try_maximum(operand x, operand y) = apply1(&MAXIMUM, &[x, y], Attrs::new());
}
