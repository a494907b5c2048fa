use crate::cpu::math::Real;
use crate::door::apply1;
use crate::op::{Attrs, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, err, floats, ok, rule, sig};
use crate::tensor::faces;

/// The neighbouring float.
pub static NEXTAFTER: OpDef = OpDef {
    name: "nextafter",
    tf: &[Tf::same("NextAfter")],
    sig: sig!(x: T real, y: T real),
    effect: Effect::Pure,
    infer: rule::broadcast,
    cpu: Cpu::Elementwise(blocks!([x, y] real => Real::nextafter(x, y))),
    gpu: Gpu::CpuOnly("a device may flush the smallest floats, which are this function's results near 0"),
    grad: Grad::Rule(|g| g.two(|| g.dy(), || super::zeros_like(&g.dy()))),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        vec![
            ok([floats([3], &[1.0, 2.0, 3.0]), floats([3], &[4.0, 0.0, 1.0])]).kink(),
            ok([floats([2, 1, 2], &[1.0, 2.0, 3.0, 1.0]), floats([3, 1], &[4.0, 0.0, 1.0])]).kink(),
            ok([floats([], &[1.0]), floats([0, 2], &[])]),
            ok([floats([2], &[0.0, 1.0]), floats([2], &[0.0, f64::NAN])]).kink(),
            err([floats([2], &[1.0, 2.0]), floats([3], &[4.0, 0.0, 1.0])], "2 ≠ 3"),
        ]
    },
};

faces! {
    /// The next float after `x` in the direction of `y`, with broadcasting; `y` if they are equal. The
    /// gradients are `dy` and 0.
    ///
    /// Source: `tf.math.nextafter`, its gradient `_NextAfterGrad`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([1.0]).nextafter(2.0).to_vec::<f32>().unwrap(), [1.0 + f32::EPSILON]);
    /// ```
    pub fn nextafter / try_nextafter(operand x, operand y) = apply1(&NEXTAFTER, &[x, y], Attrs::new());
}
