use crate::door::apply1;
use crate::op::{
    Attrs, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, err, floats, ints, ok, rule, sig,
};
use crate::tensor::faces;

/// Square root.
pub static SQRT: OpDef = OpDef {
    name: "sqrt",
    tf: &[Tf::same("Sqrt")],
    sig: sig!(x: _ float),
    effect: Effect::Pure,
    infer: rule::same_as_first,
    cpu: Cpu::Elementwise(blocks!([x] float => x.sqrt())),
    gpu: Gpu::Elementwise(&[(Class::Float, "sqrt(x)")]),
    grad: Grad::Rule(|g| g.one(g.dy() * 0.5 / g.y())),
    exact: Exact::Ulp(1),
    composed: None,
    samples: || {
        vec![
            ok([floats([4], &[0.25, 1.0, 4.0, 100.0])]),
            ok([floats([3], &[0.0, -1.0, f64::INFINITY])]).kink(),
            ok([floats([2, 0, 3], &[])]),
            err([ints([1], &[4])], "x must be float"),
        ]
    },
};

faces! {
    /// The square root of each element; NaN for negative ones. The gradient is `dy / (2·sqrt(x))`.
    ///
    /// Source: `tf.math.sqrt`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([4.0, 9.0]).sqrt().to_vec::<f32>().unwrap(), [2.0, 3.0]);
    /// ```
    pub fn sqrt / try_sqrt(x: &Tensor) = apply1(&SQRT, &[x], Attrs::new());
}
