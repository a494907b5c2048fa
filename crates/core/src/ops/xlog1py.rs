use crate::cpu::math::Real;
use crate::door::apply1;
use crate::op::{
    Attrs, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, err, floats, ints, ok, rule, sig,
};
use crate::tensor::faces;

/// Product with the logarithm of one more.
pub static XLOG1PY: OpDef = OpDef {
    name: "xlog1py",
    tf: &[Tf::same("Xlog1py")],
    sig: sig!(x: T float, y: T float),
    effect: Effect::Pure,
    infer: rule::broadcast,
    cpu: Cpu::Elementwise(blocks!([x, y] float => Real::xlog1py(x, y))),
    gpu: Gpu::Elementwise(&[(Class::Float, "select(x * log1p(y), 0.0, x == 0.0)")]),
    grad: Grad::Rule(|g| {
        let (x, y) = (g.input(0), g.input(1));
        let used = x.not_equal(0.0).cast(x.dtype());
        g.two(|| g.dy() * used.xlog1py(y), || g.dy() * x.xdivy(y + 1.0))
    }),
    exact: Exact::Relative(1e-5),
    composed: None,
    samples: || {
        vec![
            ok([floats([3], &[1.0, -2.0, 3.0]), floats([3], &[4.0, 0.25, 1.5])]),
            ok([floats([2, 1, 2], &[1.0, -2.0, 3.0, 1.0]), floats([3, 1], &[4.0, 0.25, 1.5])]),
            ok([floats([], &[1.0]), floats([0, 2], &[])]),
            ok([floats([3], &[0.0, 0.0, 1.0]), floats([3], &[-1.0, f64::NAN, -1.0])]).kink(),
            err([floats([2], &[1.0, -2.0]), floats([3], &[4.0, 0.25, 1.5])], "2 ≠ 3"),
            err([ints([1], &[1]), ints([1], &[1])], "x must be float"),
        ]
    },
};

faces! {
    /// `x·ln(1 + y)` with broadcasting, 0 where `x` is 0 whatever `y` is. The gradients are `dy·ln(1 + y)`
    /// and `dy·x/(1 + y)`, both 0 where `x` is 0.
    ///
    /// Source: `tf.math.xlog1py`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let y = tf::constant([0.0, 2.0]).xlog1py(tf::constant([-1.0, 0.0]));
    /// assert_eq!(y.to_vec::<f32>().unwrap(), [0.0, 0.0]);
    /// ```
    pub fn xlog1py / try_xlog1py(operand x, operand y) = apply1(&XLOG1PY, &[x, y], Attrs::new());
}
