use crate::cpu::math::Real;
use crate::door::apply1;
use crate::op::{
    Attrs, Backward, Class, Cpu, Effect, Exact, Gpu, Grad, Grads, OpDef, Tf, blocks, err, floats, ints, ok,
    rule, sig,
};
use crate::tensor::faces;

/// Power of floats.
pub static POW: OpDef = OpDef {
    name: "pow",
    tf: &[Tf::differs("Pow", "floats only; int_pow has the integers")],
    sig: sig!(x: T float, y: T float),
    effect: Effect::Pure,
    infer: rule::broadcast,
    cpu: Cpu::Elementwise(blocks!([x, y] float => Real::pow(x, y))),
    gpu: Gpu::Elementwise(&[(Class::Float, "pow(x, y)")]),
    grad: Grad::Rule(gradient),
    exact: Exact::Relative(1e-5),
    composed: None,
    samples: || {
        vec![
            ok([floats([3], &[0.5, 2.0, 3.0]), floats([3], &[4.0, -1.5, 0.5])]),
            ok([floats([2, 1, 2], &[0.5, 2.0, 3.0, 0.5]), floats([3, 1], &[4.0, -1.5, 0.5])]),
            ok([floats([], &[0.5]), floats([0, 2], &[])]),
            ok([floats([4], &[0.0, -2.0, -1.0, 1.0]), floats([4], &[2.0, 3.0, 0.5, f64::NAN])]).kink(),
            err([floats([2], &[0.5, 2.0]), floats([3], &[4.0, -1.5, 0.5])], "2 ≠ 3"),
            err([ints([1], &[1]), ints([1], &[1])], "x must be float"),
        ]
    },
};

/// The logarithm is taken where `x > 0` only, as TensorFlow does: elsewhere the power is not differentiable
/// in `y`.
fn gradient(g: &Backward<'_>) -> Grads {
    let (x, y) = (g.input(0), g.input(1));
    g.two(
        || g.dy() * (y * x.pow(y - 1.0)),
        || {
            let positive = x.greater(0.0);
            let log = super::select(&positive, super::select(&positive, x, 1.0).log(), 0.0);
            g.dy() * (g.y() * log)
        },
    )
}

faces! {
    /// `x^y` with broadcasting. Floats follow C99's table of special values; integers wrap, and a negative
    /// exponent is an error when it runs.
    ///
    /// The gradients are `dy·y·x^(y-1)` and `dy·x^y·ln x`, the latter 0 where `x ≤ 0`.
    ///
    /// Source: `tf.math.pow`, its gradient `_PowGrad`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([2.0, 3.0]).pow(2.0).to_vec::<f32>().unwrap(), [4.0, 9.0]);
    /// assert_eq!(tf::pow(2, tf::constant([3, 4])).to_vec::<i32>().unwrap(), [8, 16]);
    /// ```
    pub fn pow / try_pow(operand x, operand y) = {
        let op = if x.dtype().is_int() { &super::INT_POW } else { &POW };
        apply1(op, &[x, y], Attrs::new())
    };
}
