use crate::cpu::math::special::Special;
use crate::door::apply1;
use crate::error::{Error, Kind, raise};
use crate::op::{Attrs, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, err, floats, ints, ok, rule, sig};
use crate::tensor::{Tensor, faces};

/// Derivative of the digamma function.
pub static POLYGAMMA: OpDef = OpDef {
    name: "polygamma",
    tf: &[Tf::same("Polygamma")],
    sig: sig!(a: T float, x: T float),
    effect: Effect::Pure,
    infer: rule::broadcast,
    cpu: Cpu::Elementwise(blocks!([a, x] slow => Special::polygamma(a, x))),
    gpu: Gpu::CpuOnly("its series need f64, which WGSL has not"),
    grad: Grad::Rule(|g| {
        g.two(|| no_gradient("polygamma", "its order a"), || g.dy() * polygamma(g.input(0) + 1.0, g.input(1)))
    }),
    exact: Exact::Relative(1e-5),
    composed: None,
    samples: || {
        vec![
            ok([floats([3], &[1.0, 2.0, 3.0]), floats([3], &[1.5, 3.25, 0.5])]).kink(),
            ok([floats([2, 1], &[1.0, 2.0]), floats([3], &[1.5, 3.25, 0.5])]).kink(),
            ok([floats([], &[1.0]), floats([0, 2], &[])]).kink(),
            ok([floats([3], &[1.0, 0.5, 0.0]), floats([3], &[0.0, 1.0, -1.0])]).kink(),
            err([floats([2], &[1.0, 2.0]), floats([3], &[1.0, 2.0, 3.0])], "2 ≠ 3"),
            err([ints([1], &[1]), ints([1], &[1])], "a must be float"),
        ]
    },
};

/// Ends a gradient rule: nobody knows this derivative in closed form, and TensorFlow has none either.
pub(crate) fn no_gradient(op: &'static str, of: &str) -> Tensor {
    let text = format!("there is no gradient with respect to {of}");
    raise(Error::new(Kind::Unimplemented, op, text).with_hint("hide it from the tape with stop_gradient"))
}

faces! {
    /// The derivative of order `a` of ψ at `x`, with broadcasting; NaN unless the order is a non-negative
    /// integer. The gradient in `x` is `dy·ψ⁽ᵃ⁺¹⁾(x)`; there is none in `a`, and asking for it is an error.
    ///
    /// Source: `tf.math.polygamma`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let y = tf::polygamma(1.0, tf::constant([1.0])).to_vec::<f32>().unwrap();
    /// assert!((y[0] - 1.644_934).abs() < 1e-6);
    /// ```
    pub fn polygamma / try_polygamma(operand a, operand x) = apply1(&POLYGAMMA, &[a, x], Attrs::new());
}
