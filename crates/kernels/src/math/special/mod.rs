//! Special functions: scalar, computed in `f64` and rounded once for `f32`.
//!
//! Where the mathematics leaves a choice (poles, arguments outside the domain), the value is TensorFlow's.
//! Errors are the largest that were seen in `f64` against 40 digits; an `f32` result is
//! therefore the exact one rounded, rare near-ties aside.

mod bessel;
mod gamma;
mod incomplete;
mod integrals;
mod inverse;

#[cfg(test)]
mod tests;

use super::Real;

/// The special functions of a [`Real`].
pub trait Special: Real {
    /// ln |Γ(x)|; ∞ at 0 and the negative integers. Relative error 3e-16 for x > 0,
    /// absolute 1e-15 near the zeros left of 0.
    fn lgamma(self) -> Self {
        Self::of(libm::lgamma(self.wide()))
    }
    /// ψ(x) = Γ'(x)/Γ(x); NaN at 0 and the negative integers. Absolute error 4e-16 near its zeros,
    /// relative error 2e-15 elsewhere.
    fn digamma(self) -> Self {
        Self::of(gamma::digamma(self.wide()))
    }
    /// The derivative of order self of ψ at x: (-1)^(n+1) n! ζ(n+1, x); NaN unless the order is a
    /// non-negative integer. Relative error 2e-15.
    fn polygamma(self, x: Self) -> Self {
        Self::of(gamma::polygamma(self.wide(), x.wide()))
    }
    /// Hurwitz' ζ(self, q) = Σ (q+k)^-self over k >= 0.
    ///
    /// ∞ for exponent 1 and NaN below. For q <= 0: at an integer ∞ if the exponent is an even integer, else
    /// NaN; elsewhere the sum if the exponent is an integer, else NaN. Relative error 2e-15 for q > 0; for q < 0 of the
    /// largest term.
    fn zeta(self, q: Self) -> Self {
        Self::of(gamma::zeta(self.wide(), q.wide()))
    }
    /// P(self, x) = γ(self, x)/Γ(self), the lower incomplete gamma function; NaN for self <= 0 or x < 0,
    /// but 0 at x = 0. Relative error 4e-15, 3e-14 in tails below 1e-40, up to 1e-12 there for large parameters.
    fn igamma(self, x: Self) -> Self {
        Self::of(incomplete::igamma(self.wide(), x.wide()))
    }
    /// Q(self, x) = 1 - P(self, x); NaN for self <= 0 or x < 0. Errors as of [`igamma`](Self::igamma).
    fn igammac(self, x: Self) -> Self {
        Self::of(incomplete::igammac(self.wide(), x.wide()))
    }
    /// ∂P(self, x)/∂self, TensorFlow's `IgammaGradA`; NaN for self <= 0 or x < 0. Absolute error 1e-13; for
    /// self >= 10^5 a central difference, relative error 1e-6.
    fn igamma_grad_a(self, x: Self) -> Self {
        Self::of(incomplete::igamma_grad_a(self.wide(), x.wide()))
    }
    /// The regularised incomplete beta function I_x(self, b); NaN unless both are positive and x is in [0, 1].
    /// Relative error 5e-13, 2e-12 for parameters around 10^6; absolute 1e-14.
    fn betainc(self, b: Self, x: Self) -> Self {
        Self::of(incomplete::betainc(self.wide(), b.wide(), x.wide()))
    }
    /// The inverse of erf; ±∞ at ±1, NaN beyond. Relative error 2e-16.
    fn erfinv(self) -> Self {
        Self::of(inverse::erfinv(self.wide()))
    }
    /// The quantile function of the normal distribution; -∞ at 0, ∞ at 1, NaN outside. Relative error 3e-16.
    fn ndtri(self) -> Self {
        Self::of(inverse::ndtri(self.wide()))
    }
    /// I_0(x) as e^|x| · i0e(x), each rounded: ∞ as soon as e^|x| is, and NaN at ±∞, as in TensorFlow.
    /// Relative error 2e-15.
    fn bessel_i0(self) -> Self {
        self.abs().exp() * self.bessel_i0e()
    }
    /// e^-|x| I_0(x). Relative error 2e-15.
    fn bessel_i0e(self) -> Self {
        Self::of(bessel::i0e(self.wide()))
    }
    /// I_1(x) as e^|x| · i1e(x), each rounded: ±∞ as soon as e^|x| is, and NaN at ±∞, as in TensorFlow.
    /// Relative error 2e-15.
    fn bessel_i1(self) -> Self {
        self.abs().exp() * self.bessel_i1e()
    }
    /// e^-|x| I_1(x). Relative error 2e-15.
    fn bessel_i1e(self) -> Self {
        Self::of(bessel::i1e(self.wide()))
    }
    /// J_0(x). Absolute error 1e-16.
    fn bessel_j0(self) -> Self {
        Self::of(libm::j0(self.wide()))
    }
    /// J_1(x). Absolute error 1e-16.
    fn bessel_j1(self) -> Self {
        Self::of(libm::j1(self.wide()))
    }
    /// K_0(x); ∞ at 0, NaN below. Relative error 1e-15.
    fn bessel_k0(self) -> Self {
        Self::of(bessel::k0(self.wide()))
    }
    /// e^x K_0(x); ∞ at 0, NaN below. Relative error 1e-15.
    fn bessel_k0e(self) -> Self {
        Self::of(bessel::k0e(self.wide()))
    }
    /// K_1(x); ∞ at 0, NaN below. Relative error 1e-15.
    fn bessel_k1(self) -> Self {
        Self::of(bessel::k1(self.wide()))
    }
    /// e^x K_1(x); ∞ at 0, NaN below. Relative error 1e-15.
    fn bessel_k1e(self) -> Self {
        Self::of(bessel::k1e(self.wide()))
    }
    /// Y_0(x); -∞ at 0, NaN below. Relative error 2e-15, absolute 1e-16 near its zeros.
    fn bessel_y0(self) -> Self {
        Self::of(libm::y0(self.wide()))
    }
    /// Y_1(x); -∞ at 0, NaN below. Relative error 2e-15, absolute 1e-16 near its zeros.
    fn bessel_y1(self) -> Self {
        Self::of(libm::y1(self.wide()))
    }
    /// Dawson's integral e^-x² ∫₀ˣ e^t² dt. Relative error 2e-15.
    fn dawsn(self) -> Self {
        Self::of(integrals::dawsn(self.wide()))
    }
    /// The exponential integral Ei(x) = ∫ e^t/t dt from -∞ to x; -∞ at 0, NaN below. Relative
    /// error 2e-15, absolute 2e-16 near its zero.
    fn expint(self) -> Self {
        Self::of(integrals::expint(self.wide()))
    }
    /// ∫₀ˣ sin(πt²/2) dt. Relative error 1e-15.
    fn fresnel_sin(self) -> Self {
        Self::of(integrals::fresnel(self.wide()).0)
    }
    /// ∫₀ˣ cos(πt²/2) dt. Relative error 1e-15.
    fn fresnel_cos(self) -> Self {
        Self::of(integrals::fresnel(self.wide()).1)
    }
    /// Spence's integral -∫₁ˣ ln t/(t-1) dt = Li₂(1-x); NaN below 0. Relative error
    /// 3e-16.
    fn spence(self) -> Self {
        Self::of(integrals::spence(self.wide()))
    }
}

impl<T: Real> Special for T {}

/// The sum of the terms that `next` makes from the one before and its number, from `first` (number 0) on,
/// until they no longer count. For terms that shrink in the end.
fn series(first: f64, mut next: impl FnMut(f64, f64) -> f64) -> f64 {
    let (mut sum, mut term, mut k) = (first, first, 0.0);
    while k < 20_000.0 {
        k += 1.0;
        term = next(term, k);
        let before = sum;
        sum += term;
        // NaN ends it, too.
        if sum == before || sum.is_nan() {
            break;
        }
    }
    sum
}

/// As [`series`], but for an asymptotic expansion: ends before the terms grow again.
fn asymptotic(mut next: impl FnMut(f64, f64) -> f64) -> f64 {
    let (mut sum, mut term, mut k) = (1.0, 1.0, 0.0);
    loop {
        k += 1.0;
        let following: f64 = next(term, k);
        if following.abs() < 1e-18 || following.is_nan() || following.abs() >= f64::abs(term) {
            return sum;
        }
        term = following;
        sum += term;
    }
}
