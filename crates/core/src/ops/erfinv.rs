use crate::cpu::math::special::Special;
use crate::door::apply1;
use crate::op::{
    Attrs, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, err, floats, ints, ok, rule, sig,
};
use crate::tensor::faces;

/// √π/2.
const HALF_SQRT_PI: f64 = 0.886_226_925_452_758;

/// Inverse of the error function.
pub static ERFINV: OpDef = OpDef {
    name: "erfinv",
    tf: &[Tf::same("Erfinv")],
    sig: sig!(x: _ float),
    effect: Effect::Pure,
    infer: rule::same_as_first,
    cpu: Cpu::Elementwise(blocks!([x] slow => Special::erfinv(x))),
    gpu: Gpu::Elementwise(&[(Class::Float, "erfinv(x)")]),
    grad: Grad::Rule(|g| g.one(g.dy() * ((g.y() * g.y()).exp() * HALF_SQRT_PI))),
    exact: Exact::Relative(1e-5),
    composed: None,
    samples: || {
        vec![
            ok([floats([4], &[0.0, -0.5, 0.25, 0.9])]),
            ok([floats([3], &[1.0, -1.0, 1.5])]).kink(),
            ok([floats([2, 0, 3], &[])]),
            ok([floats([], &[0.0])]),
            err([ints([1], &[4])], "x must be float"),
        ]
    },
};

faces! {
    /// The `x` with `erf x` equal to each element; ±∞ at ±1, NaN beyond. The gradient is `dy·√π/2·e^y²`.
    ///
    /// Source: `tf.math.erfinv`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let y = tf::constant([0.0]).erfinv().to_vec::<f32>().unwrap();
    /// assert!((y[0] - 0.0).abs() < 1e-6);
    /// ```
    pub fn erfinv / try_erfinv(x: &Tensor) = apply1(&ERFINV, &[x], Attrs::new());
}
