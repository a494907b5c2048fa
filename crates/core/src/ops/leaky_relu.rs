use crate::door::apply1;
use crate::op::{
    Attrs, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, err, floats, ints, ok, rule, sig,
};
use crate::tensor::{AsOperand, Operand, Scalar, faces, operands};

/// Rectifier with a slope below 0.
pub static LEAKY_RELU: OpDef = OpDef {
    name: "leaky_relu",
    tf: &[Tf::differs("LeakyRelu", "alpha is an attribute there")],
    sig: sig!(x: T float, alpha: T float),
    effect: Effect::Pure,
    infer: rule::broadcast,
    cpu: Cpu::Elementwise(blocks!([x, alpha] float => if x > 0.0 { x } else { x * alpha })),
    // The text's `y` is alpha.
    gpu: Gpu::Elementwise(&[(Class::Float, "select(x * y, x, x > 0.0)")]),
    grad: Grad::Rule(|g| {
        let (x, alpha) = (g.input(0), g.input(1));
        let positive = x.greater(0.0);
        g.two(
            || super::select(&positive, g.dy(), g.dy() * alpha),
            || super::select(&positive, 0.0, g.dy() * x),
        )
    }),
    exact: Exact::Bits,
    composed: Some(|x, _| super::select(&x[0].greater(0.0), &x[0], &x[0] * &x[1])),
    samples: || {
        vec![
            ok([floats([4], &[0.5, -1.0, 5.0, -3.0]), floats([], &[0.2])]),
            ok([floats([3], &[0.0, -0.0, f64::NAN]), floats([], &[0.25])]).kink(),
            ok([floats([2, 0, 3], &[]), floats([], &[0.25])]),
            ok([floats([2, 2], &[0.5, -1.0, -2.0, 4.0]), floats([2], &[0.25, 0.5])]),
            err([ints([1], &[4]), floats([], &[0.25])], "x must be float"),
        ]
    },
};

faces! {
    /// `x` where it is positive, `alpha·x` elsewhere; TensorFlow's default for `alpha` is 0.2. A number is
    /// rounded to f32, as TensorFlow's attribute is. A tensor `alpha` broadcasts and can be learnt. The
    /// gradients are `dy` and `alpha·dy`, and `x·dy` where `x ≤ 0` for `alpha`.
    ///
    /// Source: `tf.nn.leaky_relu`, its gradient `LeakyReluGrad`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([-2.0, 2.0]).leaky_relu(0.5).to_vec::<f32>().unwrap(), [-1.0, 2.0]);
    /// ```
    pub fn leaky_relu / try_leaky_relu(x: &Tensor, alpha: impl AsOperand) = {
        let alpha = match alpha.as_operand() {
            Operand::Scalar(Scalar::Float(v)) => Operand::Scalar(Scalar::Float(v as f32 as f64)),
            other => other,
        };
        let (x, alpha) = operands("leaky_relu", x, &alpha)?;
        apply1(&LEAKY_RELU, &[&x, &alpha], Attrs::new())
    };
}
