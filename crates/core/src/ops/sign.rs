use crate::cpu::math::Real;
use crate::door::apply1;
use crate::op::{
    Attrs, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, bools, err, floats, ok, rule, sig,
};
use crate::tensor::faces;

/// Sign.
pub static SIGN: OpDef = OpDef {
    name: "sign",
    tf: &[Tf::same("Sign")],
    sig: sig!(x: _ signed),
    effect: Effect::Pure,
    infer: rule::same_as_first,
    cpu: Cpu::Elementwise(blocks!([x] float => Real::sign(x), sint => x.signum())),
    gpu: Gpu::Elementwise(&[(Class::Signed, "sign(x)")]),
    grad: Grad::Rule(|g| g.one(super::zeros_like(g.x()))),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        vec![
            ok([floats([4], &[1.0, 2.0, 30.0, 100.0])]),
            ok([floats([4], &[0.0, -0.0, -1.5, f64::NAN])]).kink(),
            ok([floats([2, 0, 3], &[])]),
            ok([floats([], &[1.0])]),
            err([bools([1], &[true])], "x must be a signed number"),
        ]
    },
};

faces! {
    /// -1, 0 or 1 by the sign of each element; NaN stays. The gradient is 0.
    ///
    /// Source: `tf.math.sign`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([1.5, 0.0, -2.0]).sign().to_vec::<f32>().unwrap(), [1.0, 0.0, -1.0]);
    /// ```
    pub fn sign / try_sign(x: &Tensor) = apply1(&SIGN, &[x], Attrs::new());
}
