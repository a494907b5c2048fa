use crate::cpu::math::Real;
use crate::door::apply1;
use crate::op::{
    Attrs, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, err, floats, ints, ok, rule, sig,
};
use crate::tensor::faces;

/// A sigmoid with slow tails.
pub static SOFTSIGN: OpDef = OpDef {
    name: "softsign",
    tf: &[Tf::same("Softsign")],
    sig: sig!(x: _ float),
    effect: Effect::Pure,
    infer: rule::same_as_first,
    cpu: Cpu::Elementwise(blocks!([x] float => x / (1.0 + Real::abs(x)))),
    gpu: Gpu::Elementwise(&[(Class::Float, "x / (1.0 + abs(x))")]),
    grad: Grad::Rule(|g| {
        g.one({
            let wide = g.x().abs() + 1.0;
            g.dy() / (&wide * &wide)
        })
    }),
    exact: Exact::Ulp(2),
    composed: Some(|x, _| &x[0] / (x[0].abs() + 1.0)),
    samples: || {
        vec![
            ok([floats([4], &[0.5, -1.0, 5.0, -3.0])]),
            ok([floats([3], &[0.0, f64::INFINITY, f64::NAN])]).kink(),
            ok([floats([2, 0, 3], &[])]),
            ok([floats([], &[0.5])]),
            err([ints([1], &[4])], "x must be float"),
        ]
    },
};

faces! {
    /// `x/(1 + |x|)` of each element. The gradient is `dy/(1 + |x|)²`.
    ///
    /// Source: `tf.nn.softsign`, its gradient `SoftsignGrad`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([1.0, -3.0]).softsign().to_vec::<f32>().unwrap(), [0.5, -0.75]);
    /// ```
    pub fn softsign / try_softsign(x: &Tensor) = apply1(&SOFTSIGN, &[x], Attrs::new());
}
