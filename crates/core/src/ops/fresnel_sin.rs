use crate::cpu::math::special::Special;
use crate::door::apply1;
use crate::op::{Attrs, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, err, floats, ints, ok, rule, sig};
use crate::tensor::faces;

/// Fresnel's sine integral.
pub static FRESNEL_SIN: OpDef = OpDef {
    name: "fresnel_sin",
    tf: &[Tf::same("FresnelSin")],
    sig: sig!(x: _ float),
    effect: Effect::Pure,
    infer: rule::same_as_first,
    cpu: Cpu::Elementwise(blocks!([x] slow => Special::fresnel_sin(x))),
    gpu: Gpu::CpuOnly("its series need f64, which WGSL has not"),
    grad: Grad::Rule(|g| g.one(g.dy() * (g.x() * g.x() * std::f64::consts::FRAC_PI_2).sin())),
    exact: Exact::Relative(1e-5),
    composed: None,
    samples: || {
        vec![
            ok([floats([4], &[0.0, -0.5, 1.0, 2.5])]),
            ok([floats([1], &[f64::INFINITY])]).kink(),
            ok([floats([2, 0, 3], &[])]),
            ok([floats([], &[0.0])]),
            err([ints([1], &[4])], "x must be float"),
        ]
    },
};

faces! {
    /// Fresnel's integral `∫₀ˣ sin(πt²/2) dt` of each element. The gradient is `dy·sin(πx²/2)`.
    ///
    /// Source: `tf.math.special.fresnel_sin`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let y = tf::constant([1.0]).fresnel_sin().to_vec::<f32>().unwrap();
    /// assert!((y[0] - 0.438_259_15).abs() < 1e-6);
    /// ```
    pub fn fresnel_sin / try_fresnel_sin(x: &Tensor) = apply1(&FRESNEL_SIN, &[x], Attrs::new());
}
