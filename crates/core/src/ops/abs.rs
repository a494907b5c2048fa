use crate::cpu::math::Real;
use crate::door::apply1;
use crate::op::{
    Attrs, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, bools, err, floats, ok, rule, sig,
};
use crate::tensor::faces;

/// Magnitude.
pub static ABS: OpDef = OpDef {
    name: "abs",
    tf: &[Tf::same("Abs")],
    sig: sig!(x: _ signed),
    effect: Effect::Pure,
    infer: rule::same_as_first,
    cpu: Cpu::Elementwise(blocks!([x] float => Real::abs(x), sint => x.wrapping_abs())),
    gpu: Gpu::Elementwise(&[(Class::Signed, "abs(x)")]),
    grad: Grad::Rule(|g| g.one(g.dy() * g.x().sign())),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        vec![
            ok([floats([4], &[1.0, 2.0, 30.0, 100.0])]),
            ok([floats([4], &[0.0, -0.0, -1.5, f64::INFINITY])]).kink(),
            ok([floats([2, 0, 3], &[])]),
            ok([floats([], &[1.0])]),
            err([bools([1], &[true])], "x must be a signed number"),
        ]
    },
};

faces! {
    /// The magnitude of each element; the smallest signed integer stays what it is. The gradient is
    /// `dy·sign(x)`, which is 0 at 0.
    ///
    /// Source: `tf.math.abs`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([1, -2]).abs().to_vec::<i32>().unwrap(), [1, 2]);
    /// ```
    pub fn abs / try_abs(x: &Tensor) = apply1(&ABS, &[x], Attrs::new());
}
