use crate::cpu::int::{Int, run_unless_zero};
use crate::door::apply1;
use crate::op::{
    Attrs, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, bools, err, floats, ints, ok, rule, sig,
};
use crate::tensor::faces;

/// Remainder with the sign of the dividend.
pub static TRUNCATEMOD: OpDef = OpDef {
    name: "truncatemod",
    tf: &[Tf::same("TruncateMod")],
    sig: sig!(x: T number, y: T number),
    effect: Effect::MayFail,
    infer: rule::broadcast,
    cpu: Cpu::Kernel(|call| {
        run_unless_zero(call, blocks!([x, y] float => x % y, int => Int::trunc_mod(x, y)))
    }),
    gpu: Gpu::Elementwise(&[(Class::Number, "trunc_mod(x, y)")]),
    grad: Grad::Rule(|g| g.two(|| g.dy(), || -(g.dy() * g.input(0).truncatediv(g.input(1))))),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        vec![
            ok([floats([4], &[7.5, 10.5, 3.5, 8.5]), floats([4], &[3.0, 4.0, 5.0, 7.0])]),
            ok([floats([2, 1, 2], &[7.5, 10.5, 3.5, 8.5]), floats([3, 1], &[3.0, 4.0, 5.0])]),
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
    /// The remainder that has the sign of the dividend, with broadcasting: `%` of C. A zero integer divisor
    /// is an error when it runs. The gradients are `dy` and `-dy·truncatediv(x, y)`.
    ///
    /// Source: `tf.truncatemod`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([7, -7]).truncatemod(3).to_vec::<i32>().unwrap(), [1, -1]);
    /// ```
    pub fn truncatemod / try_truncatemod(operand x, operand y) = apply1(&TRUNCATEMOD, &[x, y], Attrs::new());
}
