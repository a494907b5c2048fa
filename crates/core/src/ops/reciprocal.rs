use crate::door::apply1;
use crate::op::{
    Attrs, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, err, floats, ints, ok, rule, sig,
};
use crate::tensor::faces;

/// Reciprocal.
pub static RECIPROCAL: OpDef = OpDef {
    name: "reciprocal",
    tf: &[Tf::same("Reciprocal"), Tf::same("Inv")],
    sig: sig!(x: _ float),
    effect: Effect::Pure,
    infer: rule::same_as_first,
    cpu: Cpu::Elementwise(blocks!([x] float => 1.0 / x)),
    gpu: Gpu::Elementwise(&[(Class::Float, "1.0 / x")]),
    grad: Grad::Rule(|g| g.one(-(g.dy() * (g.y() * g.y())))),
    exact: Exact::Ulp(1),
    composed: None,
    samples: || {
        vec![
            ok([floats([4], &[0.5, 1.0, -4.0, 8.0])]),
            ok([floats([3], &[0.0, -0.0, f64::INFINITY])]).kink(),
            ok([floats([2, 0, 3], &[])]),
            ok([floats([], &[0.5])]),
            err([ints([1], &[4])], "x must be float"),
        ]
    },
};

faces! {
    /// `1/x` of each element. The gradient is `-dy·y²`.
    ///
    /// Source: `tf.math.reciprocal`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([2.0, 4.0]).reciprocal().to_vec::<f32>().unwrap(), [0.5, 0.25]);
    /// ```
    pub fn reciprocal / try_reciprocal(x: &Tensor) = apply1(&RECIPROCAL, &[x], Attrs::new());
}
