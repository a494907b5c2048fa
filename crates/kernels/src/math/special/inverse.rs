//! The inverses of the error function and of the normal distribution.

use std::f64::consts::{PI, SQRT_2};

/// Newton's method on ln erfc, which is nearly a parabola, so that it converges from any start; for 0 < c <= ½.
fn erfc_inverse(c: f64) -> f64 {
    let log = libm::log(c);
    // From erfc y ≈ e^-y² / (√π y).
    let rough = (-log).sqrt();
    let mut y = (-log - libm::log(PI.sqrt() * rough)).max(0.2).sqrt();
    for _ in 0..20 {
        let value = libm::erfc(y);
        let slope = -2.0 / PI.sqrt() * libm::exp(-y * y);
        let step = value / slope * (libm::log(value) - log);
        y -= step;
        if step.abs() <= 1e-16 * y {
            break;
        }
    }
    y
}

pub(super) fn erfinv(x: f64) -> f64 {
    let a = x.abs();
    if a > 0.5 {
        return match () {
            _ if a > 1.0 => f64::NAN,
            _ if a == 1.0 => f64::INFINITY.copysign(x),
            _ => erfc_inverse(1.0 - a).copysign(x),
        };
    }
    // Halley's method from the first two terms of the series; NaN passes through.
    let k = 0.5 * PI.sqrt();
    let mut y = k * x * (1.0 + PI / 12.0 * x * x);
    for _ in 0..3 {
        let step = (libm::erf(y) - x) * k * libm::exp(y * y);
        y -= step / (1.0 + y * step);
    }
    y
}

pub(super) fn ndtri(p: f64) -> f64 {
    match () {
        _ if p == 0.0 => f64::NEG_INFINITY,
        _ if p == 1.0 => f64::INFINITY,
        // Both differences are exact where they are used.
        _ if p > 0.0 && p < 0.25 => -SQRT_2 * erfc_inverse(2.0 * p),
        _ if p < 1.0 && p > 0.75 => SQRT_2 * erfc_inverse(2.0 * (1.0 - p)),
        _ if (0.25..=0.75).contains(&p) => SQRT_2 * erfinv(2.0 * p - 1.0),
        _ => f64::NAN,
    }
}
