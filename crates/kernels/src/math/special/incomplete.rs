//! The incomplete gamma and beta functions.

use super::gamma::stirling_rest;
use super::series;
use std::f64::consts::PI;

/// μ - ln(1+μ) for 1+μ = x/a, without the cancellation at small μ.
fn excess(a: f64, x: f64) -> f64 {
    let mu = (x - a) / a;
    if mu.abs() > 0.3 {
        return mu - libm::log(x / a);
    }
    // ln(1+μ) = 2 atanh r = 2r + 2r³(1/3 + r²/5 + ..), and μ - 2r = r·μ.
    let r = mu / (2.0 + mu);
    let z = r * r;
    let mut power = 1.0;
    let tail = series(1.0 / 3.0, |_, k| {
        power *= z;
        power / (2.0 * k + 3.0)
    });
    r * mu - 2.0 * r * z * tail
}

/// x^a e^-x / Γ(a+1).
fn gamma_term(a: f64, x: f64) -> f64 {
    if a < 10.0 {
        return if x > 760.0 { 0.0 } else { libm::exp(-x) * libm::pow(x, a) / libm::tgamma(a + 1.0) };
    }
    libm::exp(-a * excess(a, x) - stirling_rest(a)) / (2.0 * PI * a).sqrt()
}

/// P by its power series, for x not much above a.
fn lower_series(a: f64, x: f64) -> f64 {
    gamma_term(a, x) * series(1.0, |term, k| term * x / (a + k))
}

/// Q by Legendre's continued fraction (evaluated by Lentz' method), for x not below a or 1.
fn upper_fraction(a: f64, x: f64) -> f64 {
    let mut b = x + 1.0 - a;
    let mut c = f64::INFINITY;
    let mut d = 1.0 / b;
    let mut h = d;
    let mut k = 0.0;
    while k < 20_000.0 {
        k += 1.0;
        let numerator = -k * (k - a);
        b += 2.0;
        d = 1.0 / away_from_zero(numerator * d + b);
        c = away_from_zero(b + numerator / c);
        let step = d * c;
        h *= step;
        if (step - 1.0).abs() < 1e-16 {
            break;
        }
    }
    gamma_term(a, x) * a * h
}

/// What Lentz' method divides by must not be 0.
fn away_from_zero(x: f64) -> f64 {
    if x.abs() < 1e-300 { 1e-300 } else { x }
}

/// P and Q for a >= 10^5, where the series are long: Temme's uniform expansion, two terms.
fn temme(a: f64, x: f64) -> (f64, f64) {
    let mu = (x - a) / a;
    let half_square = excess(a, x);
    let eta = (2.0 * half_square).sqrt().copysign(mu);
    let (c0, c1) = if mu.abs() < 1e-3 {
        let c0 = -1.0 / 3.0 + eta * (1.0 / 12.0 + eta * (-2.0 / 135.0 + eta / 864.0));
        (c0, -1.0 / 540.0 - eta / 288.0)
    } else {
        let c1 = 1.0 / (eta * eta * eta) - 1.0 / (mu * mu * mu) - 1.0 / (mu * mu) - 1.0 / (12.0 * mu);
        (1.0 / mu - 1.0 / eta, c1)
    };
    let rest = libm::exp(-a * half_square) / (2.0 * PI * a).sqrt() * (c0 + c1 / a);
    let y = eta * (0.5 * a).sqrt();
    (0.5 * libm::erfc(-y) - rest, 0.5 * libm::erfc(y) + rest)
}

/// ln Γ(1+a) for |a| < 0.1: -γa + Σ ζ(k)(-a)^k/k.
fn ln_gamma_1p(a: f64) -> f64 {
    let mut power = -a;
    let tail = series(0.0, |_, k| {
        power *= -a;
        power * super::gamma::zeta(k + 1.0, 1.0) / (k + 1.0)
    });
    tail - 0.577_215_664_901_532_9 * a
}

/// Q for a < 0.1 and x < 1, where 1 - P would cancel: x^a/Γ(1+a) is taken from 1 by expm1.
fn upper_small(a: f64, x: f64) -> f64 {
    let exponent = a * libm::log(x) - ln_gamma_1p(a);
    let mut power = 1.0;
    let sum = series(0.0, |_, n| {
        power *= -x / n;
        power / (a + n)
    });
    -libm::expm1(exponent) - libm::exp(exponent) * a * sum
}

pub(super) fn igamma(a: f64, x: f64) -> f64 {
    if a.is_nan() || x.is_nan() {
        return f64::NAN;
    }
    if x == 0.0 {
        return 0.0;
    }
    if x < 0.0 || a <= 0.0 {
        return f64::NAN;
    }
    match () {
        _ if x.is_infinite() => {
            if a.is_infinite() {
                f64::NAN
            } else {
                1.0
            }
        }
        _ if a.is_infinite() => 0.0,
        _ if a >= 1e5 => temme(a, x).0,
        _ if x > 1.0 && x > a => 1.0 - upper_fraction(a, x),
        _ => lower_series(a, x),
    }
}

pub(super) fn igammac(a: f64, x: f64) -> f64 {
    if !(x >= 0.0 && a > 0.0) {
        return f64::NAN;
    }
    match () {
        _ if x == 0.0 => 1.0,
        _ if x.is_infinite() => {
            if a.is_infinite() {
                f64::NAN
            } else {
                0.0
            }
        }
        _ if a.is_infinite() => 1.0,
        _ if a >= 1e5 => temme(a, x).1,
        _ if x >= 1.0 && x >= a => upper_fraction(a, x),
        _ if a < 0.1 => upper_small(a, x),
        _ => 1.0 - lower_series(a, x),
    }
}

/// ∂P/∂a, from the power series differentiated term by term: P = t·S, t' = t·(ln x - ψ(a+1)).
pub(super) fn igamma_grad_a(a: f64, x: f64) -> f64 {
    if !(a > 0.0 && x >= 0.0) || a.is_infinite() {
        return f64::NAN;
    }
    if a >= 1e5 {
        // P is smooth on the scale of √a, where this difference has its best step.
        let h = 1e-3 * a.sqrt();
        return (temme(a + h, x).0 - temme(a - h, x).0) / (2.0 * h);
    }
    // Far right of a the function is 1 to the last digit, and so are its neighbours.
    if x == 0.0 || x > a + 40.0 * (a + 20.0).sqrt() {
        return 0.0;
    }
    let (mut term, mut slope, mut slopes) = (1.0, 0.0, 0.0);
    let sum = series(1.0, |_, k| {
        slope = (slope - term / (a + k)) * x / (a + k);
        slopes += slope;
        term *= x / (a + k);
        term
    });
    gamma_term(a, x) * ((libm::log(x) - super::gamma::digamma(a + 1.0)) * sum + slopes)
}

/// ln B(a, b).
fn ln_beta(a: f64, b: f64) -> f64 {
    let (small, large) = if a < b { (a, b) } else { (b, a) };
    if large < 10.0 {
        return libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b);
    }
    // ln Γ(small) + ln Γ(large) - ln Γ(small + large), the last two by Stirling so that they do not cancel.
    let sum = small + large;
    libm::lgamma(small) - (large - 0.5) * libm::log1p(small / large) - small * (libm::log(sum) - 1.0)
        + stirling_rest(large)
        - stirling_rest(sum)
}

/// x^a (1-x)^b / B(a, b).
fn beta_term(a: f64, b: f64, x: f64) -> f64 {
    if a < 10.0 || b < 10.0 {
        return libm::exp(a * libm::log(x) + b * libm::log1p(-x) - ln_beta(a, b));
    }
    let n = a + b;
    let off = x - a / n;
    let log = |relative: f64, ratio: f64| {
        if relative.abs() < 0.5 { libm::log1p(relative) } else { libm::log(ratio) }
    };
    let exponent = a * log(off * n / a, x * n / a) + b * log(-off * n / b, (1.0 - x) * n / b);
    let rest = stirling_rest(a) + stirling_rest(b) - stirling_rest(n);
    (a / n * b / (2.0 * PI)).sqrt() * libm::exp(exponent - rest)
}

/// The continued fraction of I_x(a, b) by Lentz' method, for x < (a+1)/(a+b+2).
fn beta_fraction(a: f64, b: f64, x: f64) -> f64 {
    let mut c = 1.0;
    let mut d = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut h = d;
    let mut m = 0.0;
    while m < 20_000.0 {
        m += 1.0;
        let at = a + 2.0 * m;
        let mut step = 1.0;
        for numerator in [m * (b - m) * x / ((at - 1.0) * at), -(a + m) * (a + b + m) * x / (at * (at + 1.0))]
        {
            d = 1.0 / away_from_zero(1.0 + numerator * d);
            c = away_from_zero(1.0 + numerator / c);
            step = d * c;
            h *= step;
        }
        if (step - 1.0).abs() < 1e-16 {
            break;
        }
    }
    h
}

pub(super) fn betainc(a: f64, b: f64, x: f64) -> f64 {
    if !(a > 0.0 && b > 0.0 && (0.0..=1.0).contains(&x)) {
        return f64::NAN;
    }
    if x == 0.0 || x == 1.0 {
        return x;
    }
    let term = beta_term(a, b, x);
    // The fraction is for the side of x that has the smaller part.
    if x < (a + 1.0) / (a + b + 2.0) {
        term * beta_fraction(a, b, x) / a
    } else {
        1.0 - term * beta_fraction(b, a, 1.0 - x) / b
    }
}
