use crate::cpu::math::Real;
use crate::door::apply1;
use crate::op::{
    Attrs, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, err, floats, ints, ok, rule, sig,
};
use crate::tensor::faces;

/// The smallest integer not below it.
pub static CEIL: OpDef = OpDef {
    name: "ceil",
    tf: &[Tf::same("Ceil")],
    sig: sig!(x: _ float),
    effect: Effect::Pure,
    infer: rule::same_as_first,
    cpu: Cpu::Elementwise(blocks!([x] float => Real::ceil(x))),
    gpu: Gpu::Elementwise(&[(Class::Float, "ceil(x)")]),
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
    /// The smallest integer not below each element. There is no gradient: the result moves in steps.
    ///
    /// Source: `tf.math.ceil`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([1.5, -1.5]).ceil().to_vec::<f32>().unwrap(), [2.0, -1.0]);
    /// ```
    pub fn ceil / try_ceil(x: &Tensor) = apply1(&CEIL, &[x], Attrs::new());
}
