use crate::cpu::math::Real;
use crate::door::apply1;
use crate::op::{
    Attrs, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, err, floats, ints, ok, rule, sig,
};
use crate::tensor::faces;

/// The largest integer not above it.
pub static FLOOR: OpDef = OpDef {
    name: "floor",
    tf: &[Tf::same("Floor")],
    sig: sig!(x: _ float),
    effect: Effect::Pure,
    infer: rule::same_as_first,
    cpu: Cpu::Elementwise(blocks!([x] float => Real::floor(x))),
    gpu: Gpu::Elementwise(&[(Class::Float, "floor(x)")]),
    grad: Grad::None("it moves in steps"),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        vec![
            ok([floats([4], &[0.5, -1.5, 2.0, 7.25])]),
            ok([floats([4], &[-0.0, -0.5, f64::INFINITY, f64::NAN])]).kink(),
            ok([floats([2, 0, 3], &[])]),
            ok([floats([], &[0.5])]),
            err([ints([1], &[4])], "x must be float"),
        ]
    },
};

faces! {
    /// The largest integer not above each element. There is no gradient: the result moves in steps.
    ///
    /// Source: `tf.math.floor`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([1.5, -1.5]).floor().to_vec::<f32>().unwrap(), [1.0, -2.0]);
    /// ```
    pub fn floor / try_floor(x: &Tensor) = apply1(&FLOOR, &[x], Attrs::new());
}
