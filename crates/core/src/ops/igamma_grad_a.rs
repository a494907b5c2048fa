use crate::cpu::math::Real;
use crate::cpu::math::special::Special;
use crate::door::apply1;
use crate::op::{Attrs, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, blocks, err, floats, ints, ok, rule, sig};
use crate::tensor::{Tensor, faces};

/// Derivative of the lower incomplete gamma function in its parameter.
pub static IGAMMA_GRAD_A: OpDef = OpDef {
    name: "igamma_grad_a",
    tf: &[Tf::same("IgammaGradA")],
    sig: sig!(a: T float, x: T float),
    effect: Effect::Pure,
    infer: rule::broadcast,
    cpu: Cpu::Elementwise(blocks!([a, x] slow => slope(a, x))),
    gpu: Gpu::CpuOnly("its series need f64, which WGSL has not"),
    grad: Grad::Rule(|g| {
        // Refused rather than left out: a second derivative would be silently wrong without it.
        let refuse = |of| super::no_gradient("igamma_grad_a", of);
        g.two(|| refuse("its parameter a"), || refuse("its parameter x"))
    }),
    exact: Exact::Relative(1e-5),
    composed: None,
    samples: || {
        vec![
            ok([floats([3], &[1.0, 2.5, 4.0]), floats([3], &[1.5, 3.25, 0.5])]).kink(),
            ok([floats([2, 1], &[0.5, 20.0]), floats([3], &[0.0, 30.0, 800.0])]).kink(),
            ok([floats([], &[1.0]), floats([0, 2], &[])]).kink(),
            err([ints([1], &[1]), ints([1], &[1])], "a must be float"),
        ]
    },
};

#[inline]
fn slope<T: Real>(a: T, x: T) -> T {
    T::of(in_f64(a.wide(), x.wide()))
}

/// P(a, x) = Σ t(n) with t(n) = e^-x·x^(a+n)/Γ(a+n+1), term by term: t'(n) = t(n)·(ln x - ψ(a+n+1)).
fn in_f64(a: f64, x: f64) -> f64 {
    if a.is_nan() || x.is_nan() || a <= 0.0 || x < 0.0 {
        return f64::NAN;
    }
    // Far above `a` the function is 1 to the last digit, and the series would count up to `x`.
    if x == 0.0 || a == f64::INFINITY || x > a + 750.0 + 40.0 * Real::sqrt(a) {
        return 0.0;
    }
    // For huge `a` the sum is normal: minus its density, with a relative error of about a^-1/2.
    if a > 1e10 {
        let off = (x - a) / Real::sqrt(a);
        return -Real::exp(-0.5 * off * off) / Real::sqrt(std::f64::consts::TAU * a);
    }
    let log = Real::ln(x);
    let mut term = Real::exp(a * log - x - Special::lgamma(a + 1.0));
    let mut psi = Special::digamma(a + 1.0);
    let (mut sum, mut n) = (0.0, 0.0);
    loop {
        let part = term * (log - psi);
        sum += part;
        n += 1.0;
        psi += 1.0 / (a + n);
        term *= x / (a + n);
        // Behind the largest term, once what is left no longer counts.
        if a + n > x && part.abs() <= f64::EPSILON * 0.01 * f64::abs(sum) {
            return sum;
        }
    }
}

faces! {
    /// The derivative of [`igamma`](super::igamma) in `a`, with broadcasting: the sum of the derivatives of
    /// its power series.
    ///
    /// Source: TensorFlow's node `IgammaGradA`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let y = tf::igamma_grad_a(1.0, tf::constant([0.0]));
    /// assert_eq!(y.to_vec::<f32>().unwrap(), [0.0]);
    /// ```
    pub fn igamma_grad_a / try_igamma_grad_a(operand a, operand x) =
        apply1(&IGAMMA_GRAD_A, &[a, x], Attrs::new());
}

/// The derivative of igamma in x: e^-x·x^(a-1)/Γ(a).
pub(crate) fn igamma_density(a: &Tensor, x: &Tensor) -> Tensor {
    ((a - 1.0) * x.log() - x - a.lgamma()).exp()
}
