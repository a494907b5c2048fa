//! The modified Bessel functions of orders 0 and 1 (J and Y come from `libm`).

use super::{asymptotic, series};
use std::f64::consts::PI;

/// Euler's constant.
const GAMMA: f64 = 0.577_215_664_901_532_9;

/// √(2πx) e^-x I_ν(x) for x >= 20: Hankel's expansion.
fn hankel(order: f64, x: f64) -> f64 {
    let square = 4.0 * order * order;
    asymptotic(|term, k| {
        let odd = 2.0 * k - 1.0;
        term * (odd * odd - square) / (8.0 * k * x)
    })
}

/// Σ (x²/4)^k / (k!)²: every term is positive, so nothing cancels.
fn i0_series(x: f64) -> f64 {
    let z = 0.25 * x * x;
    series(1.0, |term, k| term * z / (k * k))
}

/// x/2 Σ (x²/4)^k / (k! (k+1)!)
fn i1_series(x: f64) -> f64 {
    let z = 0.25 * x * x;
    series(0.5 * x, |term, k| term * z / (k * (k + 1.0)))
}

pub(super) fn i0e(x: f64) -> f64 {
    let x = x.abs();
    if x < 20.0 { libm::exp(-x) * i0_series(x) } else { hankel(0.0, x) / (2.0 * PI * x).sqrt() }
}

pub(super) fn i1e(x: f64) -> f64 {
    let a = x.abs();
    let y = if a < 20.0 { libm::exp(-a) * i1_series(a) } else { hankel(1.0, a) / (2.0 * PI * a).sqrt() };
    y.copysign(x)
}

/// e^x K_ν(x) = ∫ e^(-x (cosh t - 1)) cosh νt dt over t >= 0, for x >= 1.
///
/// The trapezoidal rule converges exponentially here: its error is below e^-40 for these steps.
fn k_integral(order: f64, x: f64) -> f64 {
    let h = if x < 20.0 { 0.125 } else { 0.6 / x.sqrt() };
    let mut t = 0.0;
    let sum = series(0.5, |_, _| {
        t += h;
        // cosh t - 1 = 2 sinh²(t/2)
        let s = libm::sinh(0.5 * t);
        libm::exp(-2.0 * x * s * s) * if order == 0.0 { 1.0 } else { libm::cosh(t) }
    });
    h * sum
}

/// Σ (x²/4)^k/(k!)² (H_k - ln(x/2) - γ), for 0 < x < 1.
fn k0_series(x: f64) -> f64 {
    let z = 0.25 * x * x;
    let log = libm::log(0.5 * x) + GAMMA;
    let (mut power, mut harmonic) = (1.0, 0.0);
    series(-log, |_, k| {
        power *= z / (k * k);
        harmonic += 1.0 / k;
        power * (harmonic - log)
    })
}

/// 1/x + x/2 Σ (x²/4)^k/(k!(k+1)!) (ln(x/2) + γ - (H_k + H_k+1)/2), for 0 < x < 1.
fn k1_series(x: f64) -> f64 {
    let z = 0.25 * x * x;
    let log = libm::log(0.5 * x) + GAMMA;
    let (mut power, mut harmonic) = (1.0, 0.0);
    let sum = series(log - 0.5, |_, k| {
        power *= z / (k * (k + 1.0));
        harmonic += 1.0 / k;
        power * (log - harmonic - 0.5 / (k + 1.0))
    });
    1.0 / x + 0.5 * x * sum
}

/// K_ν below 1 by `small`, above by the integral, times e^x where `scaled`; ∞ at 0, NaN below.
fn k(order: f64, small: fn(f64) -> f64, x: f64, scaled: bool) -> f64 {
    match () {
        _ if x == 0.0 => f64::INFINITY,
        _ if x == f64::INFINITY => 0.0,
        _ if x < 0.0 => f64::NAN,
        _ if x < 1.0 => {
            if scaled {
                libm::exp(x) * small(x)
            } else {
                small(x)
            }
        }
        _ => {
            if scaled {
                k_integral(order, x)
            } else {
                libm::exp(-x) * k_integral(order, x)
            }
        }
    }
}

pub(super) fn k0(x: f64) -> f64 {
    k(0.0, k0_series, x, false)
}

pub(super) fn k0e(x: f64) -> f64 {
    k(0.0, k0_series, x, true)
}

pub(super) fn k1(x: f64) -> f64 {
    k(1.0, k1_series, x, false)
}

pub(super) fn k1e(x: f64) -> f64 {
    k(1.0, k1_series, x, true)
}
