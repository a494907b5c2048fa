//! Dawson's, the exponential, Fresnel's and Spence's integrals.

use super::{asymptotic, series};
use crate::math::kernel64::horner;
use std::f64::consts::{FRAC_PI_2, PI};

/// e^-x² Σ x^(2k+1)/(k!(2k+1)) below 6.5, where nothing cancels; Σ (2k-1)!!/(2x²)^k / 2x beyond.
pub(super) fn dawsn(x: f64) -> f64 {
    let z = x * x;
    if x.abs() < 6.5 {
        let mut power = x;
        let sum = series(x, |_, k| {
            power *= z / k;
            power / (2.0 * k + 1.0)
        });
        return libm::exp(-z) * sum;
    }
    0.5 / x * asymptotic(|term, k| term * (2.0 * k - 1.0) / (2.0 * z))
}

/// γ + ln x + Σ x^k/(k·k!) below 40, e^x/x Σ k!/x^k beyond.
pub(super) fn expint(x: f64) -> f64 {
    if x < 0.0 {
        return f64::NAN;
    }
    if x < 40.0 {
        let mut power = 1.0;
        let sum = series(0.0, |_, k| {
            power *= x / k;
            power / k
        });
        return (0.577_215_664_901_532_9 + libm::log(x)) + sum;
    }
    if x == f64::INFINITY {
        return x;
    }
    // e^x in two factors: it overflows before the quotient does.
    let half = libm::exp(0.5 * x);
    half / x * asymptotic(|term, k| term * k / x) * half
}

/// ∫ sin(πt²/2) and ∫ cos(πt²/2) from 0 to x.
pub(super) fn fresnel(x: f64) -> (f64, f64) {
    let a = x.abs();
    if a.is_nan() {
        return (x, x);
    }
    let (s, c) = if a < 1.5 { fresnel_series(a) } else { fresnel_fraction(a) };
    (s.copysign(x), c.copysign(x))
}

/// The power series, in w = (πx²/2)².
fn fresnel_series(x: f64) -> (f64, f64) {
    let u = FRAC_PI_2 * x * x;
    let w = u * u;
    let mut power = u;
    let s = series(u / 3.0, |_, k| {
        power *= -w / (2.0 * k * (2.0 * k + 1.0));
        power / (4.0 * k + 3.0)
    });
    let mut power = 1.0;
    let c = series(1.0, |_, k| {
        power *= -w / (2.0 * k * (2.0 * k - 1.0));
        power / (4.0 * k + 1.0)
    });
    (s * x, c * x)
}

/// A complex number: real part, imaginary part.
type Complex = (f64, f64);

fn times(a: Complex, b: Complex) -> Complex {
    (a.0 * b.0 - a.1 * b.1, a.0 * b.1 + a.1 * b.0)
}

fn inverse(a: Complex) -> Complex {
    let norm = a.0 * a.0 + a.1 * a.1;
    (a.0 / norm, -a.1 / norm)
}

/// C + iS = (1+i)/2 · erf(z), z = √π(1-i)x/2, with the continued fraction of erfc, for x >= 1.5.
fn fresnel_fraction(x: f64) -> (f64, f64) {
    if x > 1e15 {
        // What follows is below an ulp of ½, and its phase unknowable.
        return (0.5, 0.5);
    }
    let square = PI * x * x;
    // Lentz' method for 1/(b - 1·2/(b+4 - 3·4/(b+8 - ..))) with b = 1 + 2z² = 1 - iπx².
    let mut b: Complex = (1.0, -square);
    let mut c: Complex = (1e300, 0.0);
    let mut d = inverse(b);
    let mut h = d;
    let mut n = -1.0;
    while n < 2_000.0 {
        n += 2.0;
        let numerator = -n * (n + 1.0);
        b.0 += 4.0;
        d = inverse((numerator * d.0 + b.0, numerator * d.1 + b.1));
        let quotient = inverse(c);
        c = (b.0 + numerator * quotient.0, b.1 + numerator * quotient.1);
        let step = times(c, d);
        h = times(h, step);
        if (step.0 - 1.0).abs() + step.1.abs() < 1e-16 {
            break;
        }
    }
    let h = times((x, -x), h);
    // e^(iπx²/2): the phase is reduced by whole turns in twice the precision.
    let high = x * x;
    let low = x.mul_add(x, -high);
    let phase = FRAC_PI_2 * (high % 4.0 + low);
    let wave = (libm::cos(phase), libm::sin(phase));
    let rest = times(wave, h);
    let y = times((0.5, 0.5), (1.0 - rest.0, -rest.1));
    (y.1, y.0)
}

/// Li₂(1-x) = u - u²/4 + Σ B_2k u^(2k+1)/(2k+1)! with u = -ln x, for ½ <= x <= 2; reflected from elsewhere.
pub(super) fn spence(x: f64) -> f64 {
    if x > 2.0 {
        let log = libm::log(x);
        return -0.5 * log * log - spence(1.0 / x);
    }
    if x < 0.5 {
        const SIXTH: f64 = PI * PI / 6.0;
        return match () {
            _ if x < 0.0 => f64::NAN,
            _ if x == 0.0 => SIXTH,
            _ => SIXTH - libm::log(x) * libm::log1p(-x) - spence(1.0 - x),
        };
    }
    let u = -libm::log(x);
    let z = u * u;
    let tail = horner!(f64, z;
        0.027777777777777776, -0.0002777777777777778, 4.72411186696901e-06, -9.185773074661964e-08, 1.8978869988971e-09, -4.0647616451442256e-11, 8.921691020456452e-13, -1.9939295860721074e-14, 4.518980029619918e-16);
    u - 0.25 * z + u * z * tail
}
