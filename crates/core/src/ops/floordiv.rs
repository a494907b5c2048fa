use crate::cpu::int::{Int, run_unless_zero};
use crate::cpu::math::Real;
use crate::door::apply1;
use crate::op::{
    Attrs, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, bools, err, floats, ints, ok, rule, sig,
};
use crate::tensor::faces;

/// Quotient rounded down.
pub static FLOORDIV: OpDef = OpDef {
    name: "floordiv",
    tf: &[Tf::same("FloorDiv")],
    sig: sig!(x: T number, y: T number),
    effect: Effect::MayFail,
    infer: rule::broadcast,
    cpu: Cpu::Kernel(|call| {
        run_unless_zero(call, blocks!([x, y] float => Real::floor_div(x, y), int => Int::floor_div(x, y)))
    }),
    gpu: Gpu::Elementwise(&[(Class::Number, "floor_div(x, y)")]),
    grad: Grad::None("the quotient rounded down moves in steps"),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        vec![
            ok([floats([4], &[7.5, 10.5, 3.5, 8.5]), floats([4], &[3.0, 4.0, 5.0, 7.0])]).kink(),
            ok([floats([2, 1, 2], &[7.5, 10.5, 3.5, 8.5]), floats([3, 1], &[3.0, 4.0, 5.0])]).kink(),
            ok([floats([], &[7.5]), floats([0, 2], &[])]),
            ok([floats([3], &[7.5, 6.0, 5.5]), floats([3], &[2.0, 4.0, 5.5])]).kink(),
            err([ints([2], &[7, 8]), ints([2], &[1, 0])], "division by zero"),
            ok([ints([4], &[7, -7, 7, -7]), ints([4], &[3, 3, -3, -3])]),
            err([floats([2], &[7.5, 10.5]), floats([3], &[3.0, 4.0, 5.0])], "2 ≠ 3"),
            err([bools([1], &[true]), bools([1], &[true])], "x must be a number"),
        ]
    },
};

faces! {
    /// The quotient rounded towards -∞, with broadcasting: `//` of Python. Dividing an integer by 0 is an
    /// error when it runs. There is no gradient: the result moves in steps.
    ///
    /// Source: `tf.math.floordiv`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([7, -7]).floordiv(2).to_vec::<i32>().unwrap(), [3, -4]);
    /// ```
    pub fn floordiv / try_floordiv(operand x, operand y) = apply1(&FLOORDIV, &[x, y], Attrs::new());
}
