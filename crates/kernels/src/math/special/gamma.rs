//! The derivatives of ln Γ, and Hurwitz' zeta function, which gives all but the first.

use crate::math::kernel64::horner;
use std::f64::consts::PI;

/// ln Γ(a) - [(a-½) ln a - a + ½ ln 2π], Stirling's rest, for a >= 10.
pub(super) fn stirling_rest(a: f64) -> f64 {
    let z = 1.0 / (a * a);
    horner!(f64, z;
        1.0 / 12.0, -1.0 / 360.0, 1.0 / 1260.0, -1.0 / 1680.0, 1.0 / 1188.0, -691.0 / 360_360.0, 1.0 / 156.0)
        / a
}

/// Recurrence up to 10, then ln x - 1/2x - Σ B_2k/(2k x^2k); reflection for negative x.
pub(super) fn digamma(x: f64) -> f64 {
    if x <= 0.0 {
        // cot has period π: its argument is taken in [-½, ½]·π, exactly.
        let near = x - x.round_ties_even();
        if near == 0.0 || x.is_infinite() {
            return f64::NAN;
        }
        return digamma(1.0 - x) - PI / libm::tan(PI * near);
    }
    let (mut x, mut shift) = (x, 0.0);
    while x < 10.0 {
        shift -= 1.0 / x;
        x += 1.0;
    }
    let z = 1.0 / (x * x);
    let tail = z * horner!(f64, z;
        1.0 / 12.0, -1.0 / 120.0, 1.0 / 252.0, -1.0 / 240.0, 1.0 / 132.0, -691.0 / 32_760.0, 1.0 / 12.0);
    shift + (libm::log(x) - 0.5 / x - tail)
}

pub(super) fn polygamma(n: f64, x: f64) -> f64 {
    if n == 0.0 {
        return digamma(x);
    }
    if n < 0.0 || n != n.trunc() {
        return f64::NAN;
    }
    let sign = if n % 2.0 == 0.0 { -1.0 } else { 1.0 };
    let zeta = zeta(n + 1.0, x);
    // n! overflows from 171 on, where the product need not.
    if n > 170.0 {
        sign * libm::exp(libm::lgamma(n + 1.0) + libm::log(zeta))
    } else {
        sign * libm::tgamma(n + 1.0) * zeta
    }
}

/// B_2j / (2j)!
const BERNOULLI: [f64; 12] = [
    0.08333333333333333,
    -0.001388888888888889,
    3.306878306878307e-05,
    -8.267195767195768e-07,
    2.08767569878681e-08,
    -5.284190138687493e-10,
    1.3382536530684679e-11,
    -3.3896802963225827e-13,
    8.586062056277845e-15,
    -2.174868698558062e-16,
    5.5090028283602295e-18,
    -1.3954464685812522e-19,
];

pub(super) fn zeta(s: f64, q: f64) -> f64 {
    if s.is_nan() || q.is_nan() || s < 1.0 {
        return f64::NAN;
    }
    if s == 1.0 {
        return f64::INFINITY;
    }
    if q > 0.0 {
        return hurwitz(s, q);
    }
    let (integer, even) = (s == s.trunc(), s % 2.0 == 0.0);
    if q == q.floor() {
        return if integer && even { f64::INFINITY } else { f64::NAN };
    }
    if !integer {
        return f64::NAN;
    }
    // The terms at negative q+k are those of two other sums with the sign of (-1)^s.
    let fraction = q - q.floor();
    let negative = hurwitz(s, 1.0 - fraction) - hurwitz(s, 1.0 - q);
    hurwitz(s, fraction) + if even { negative } else { -negative }
}

/// The sum for q > 0, s > 1: at least ten terms as they are, the rest by Euler and Maclaurin.
fn hurwitz(s: f64, q: f64) -> f64 {
    if q.is_infinite() {
        return 0.0;
    }
    let (mut a, mut sum, mut k) = (q, 0.0, 0);
    while k < 10 || a < 12.0 {
        let term = libm::pow(a, -s);
        sum += term;
        if term <= 1e-18 * sum {
            return sum;
        }
        a += 1.0;
        k += 1;
    }
    let power = libm::pow(a, -s);
    sum += power * a / (s - 1.0) + 0.5 * power;
    let (mut factor, mut order) = (power * s / a, s + 1.0);
    for b in BERNOULLI {
        let term = b * factor;
        sum += term;
        if term.abs() <= 1e-18 * sum {
            break;
        }
        factor *= order * (order + 1.0) / (a * a);
        order += 2.0;
    }
    sum
}
