use crate::cpu::math::Real;
use crate::door::apply1;
use crate::op::{
    Attrs, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, err, floats, ints, ok, rule, sig,
};
use crate::tensor::faces;

/// Natural logarithm.
pub static LOG: OpDef = OpDef {
    name: "log",
    tf: &[Tf::same("Log")],
    sig: sig!(x: _ float),
    effect: Effect::Pure,
    infer: rule::same_as_first,
    cpu: Cpu::Elementwise(blocks!([x] float => Real::ln(x))),
    gpu: Gpu::Elementwise(&[(Class::Float, "log(x)")]),
    grad: Grad::Rule(|g| g.one(g.dy() / g.x())),
    exact: Exact::Relative(1e-5),
    composed: None,
    samples: || {
        vec![
            ok([floats([4], &[0.5, 1.0, 3.0, 20.0])]),
            ok([floats([4], &[0.0, -1.0, f64::INFINITY, f64::NAN])]).kink(),
            ok([floats([2, 0, 3], &[])]),
            ok([floats([], &[0.5])]),
            err([ints([1], &[4])], "x must be float"),
        ]
    },
};

faces! {
    /// The natural logarithm of each element: -∞ at 0, NaN below. The gradient is `dy/x`.
    ///
    /// Source: `tf.math.log`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([1.0]).log().to_vec::<f32>().unwrap(), [0.0]);
    /// ```
    pub fn log / try_log(x: &Tensor) = apply1(&LOG, &[x], Attrs::new());
}
