//! The `f32` functions that are computed in `f64` and rounded once: within a hair of half an ulp, still
//! branch-free, at half the lanes.

use super::kernel64::{atan_unit, exp, exp2, flip, horner, ln_of_f32, quarter_turns, sin_cos_quarter};
use std::f64::consts::{FRAC_PI_2, LOG2_E, LOG10_E, PI};

#[inline(always)]
pub(super) fn sin(x: f32) -> f32 {
    let (q, f) = quarter_turns(x as f64);
    let (s, c) = sin_cos_quarter(f);
    let y = flip(if q & 1 == 0 { s } else { c }, q >> 1) as f32;
    if x.abs() < 1e-4 { x } else { y }
}

#[inline(always)]
pub(super) fn cos(x: f32) -> f32 {
    let (q, f) = quarter_turns(x as f64);
    let (s, c) = sin_cos_quarter(f);
    flip(if q & 1 == 0 { c } else { s }, (q >> 1) ^ (q & 1)) as f32
}

#[inline(always)]
pub(super) fn tan(x: f32) -> f32 {
    let (q, f) = quarter_turns(x as f64);
    let (s, c) = sin_cos_quarter(f);
    let odd = q & 1 == 1;
    let y = (if odd { -c } else { s } / if odd { s } else { c }) as f32;
    if x.abs() < 1e-4 { x } else { y }
}

/// atan(y/x) in (-π, π] for f64 values that were `f32`s or whose quotient is one's square root.
#[inline(always)]
fn angle(y: f64, x: f64) -> f64 {
    let (ay, ax) = (y.abs(), x.abs());
    let steep = ay > ax;
    let low = if steep { ax } else { ay };
    let high = if steep { ay } else { ax };
    let t = low / high;
    let t = if low == high { 1.0 } else { t };
    let t = if high == 0.0 { 0.0 } else { t };
    let a = atan_unit(t);
    let a = if steep { FRAC_PI_2 - a } else { a };
    let a = if x.is_sign_negative() { PI - a } else { a };
    // NaN, for which no comparison above held.
    let a = if ay + ax >= 0.0 { a } else { f64::NAN };
    a.copysign(y)
}

#[inline(always)]
pub(super) fn atan(x: f32) -> f32 {
    angle(x as f64, 1.0) as f32
}

#[inline(always)]
pub(super) fn atan2(y: f32, x: f32) -> f32 {
    angle(y as f64, x as f64) as f32
}

#[inline(always)]
pub(super) fn asin(x: f32) -> f32 {
    let x = x as f64;
    angle(x, ((1.0 - x) * (1.0 + x)).sqrt()) as f32
}

#[inline(always)]
pub(super) fn acos(x: f32) -> f32 {
    let x = x as f64;
    angle(((1.0 - x) * (1.0 + x)).sqrt(), x) as f32
}

/// Clamps to where e^x is 0 or inf as an `f32` and a plain number as an `f64`.
#[inline(always)]
fn clamp200(x: f64) -> f64 {
    let x = if x > 200.0 { 200.0 } else { x };
    if x < -200.0 { -200.0 } else { x }
}

#[inline(always)]
pub(super) fn sinh(x: f32) -> f32 {
    let w = clamp200(x as f64);
    let e = exp(w);
    let y = 0.5 * (e - 1.0 / e);
    // The difference loses digits near 0, where two terms of the series are enough.
    let small = (w * w * w).mul_add(1.0 / 6.0, w);
    (if w.abs() < 1e-3 { small } else { y }) as f32
}

#[inline(always)]
pub(super) fn cosh(x: f32) -> f32 {
    let e = exp(clamp200(x as f64));
    (0.5 * (e + 1.0 / e)) as f32
}

#[inline(always)]
pub(super) fn asinh(x: f32) -> f32 {
    let w = (x as f64).abs();
    let y = ln_of_f32(w + w.mul_add(w, 1.0).sqrt());
    let small = (w * w * w).mul_add(-1.0 / 6.0, w);
    ((if w < 1e-3 { small } else { y }) as f32).copysign(x)
}

#[inline(always)]
pub(super) fn acosh(x: f32) -> f32 {
    let w = x as f64;
    let y = ln_of_f32(w + ((w - 1.0) * (w + 1.0)).sqrt());
    (if w < 1.0 { f64::NAN } else { y }) as f32
}

#[inline(always)]
pub(super) fn atanh(x: f32) -> f32 {
    let w = x as f64;
    let y = 0.5 * ln_of_f32((1.0 + w) / (1.0 - w));
    let small = (w * w * w).mul_add(1.0 / 3.0, w);
    (if w.abs() < 1e-3 { small } else { y }) as f32
}

#[inline(always)]
pub(super) fn log2(x: f32) -> f32 {
    (ln_of_f32(x as f64) * LOG2_E) as f32
}

#[inline(always)]
pub(super) fn log10(x: f32) -> f32 {
    (ln_of_f32(x as f64) * LOG10_E) as f32
}

/// e^-x² · g(x) for x >= 0, where (1+2x)·g(x) is a polynomial in (x-2)/(x+2); 2 minus that for x < 0.
#[inline(always)]
pub(super) fn erfc(x: f32) -> f32 {
    let a = (x as f64).abs();
    // e^-106 is no f32 any more.
    let a = if a > 10.3 { 10.3 } else { a };
    let t = (a - 2.0) / (a + 2.0);
    let p = horner!(f64, t;
        1.276_978_381_818_636_2, -0.092_763_828_550_736_81, -0.166_030_431_779_921_02,
        0.164_051_354_547_617_4, -0.054_219_260_290_108_67, -0.008_034_630_139_885_441,
        0.008_716_567_505_725_603, 0.001_271_802_217_968_557, -0.001_433_795_228_765_980_2,
        -4.439_632_103_607_197e-4, 1.672_297_662_765_156e-4, 1.152_042_901_160_265_6e-4,
        1.724_713_367_180_915_2e-5);
    let y = exp(-a * a) * p / (1.0 + 2.0 * a);
    (if x < 0.0 { 2.0 - y } else { y }) as f32
}

/// 2^(y·log2|x|), then C99's table: the sign of odd powers, NaN for roots of negative numbers, and 1 for
/// 1^y, x^0 and (-1)^±inf, NaN or not.
#[inline(always)]
pub(super) fn pow(x: f32, y: f32) -> f32 {
    let (a, w) = ((x as f64).abs(), y as f64);
    let r = exp2(clamp200(w * (ln_of_f32(a) * LOG2_E)));
    let integer = w.trunc() == w;
    let odd = integer & ((w * 0.5).trunc() != w * 0.5);
    let r = if odd { r.copysign(x as f64) } else { r };
    let r = if (x < 0.0) & (a < f64::INFINITY) & !integer { f64::NAN } else { r };
    let r = if (a == 1.0) & (w.abs() == f64::INFINITY) { 1.0 } else { r };
    (if (x == 1.0) | (y == 0.0) { 1.0 } else { r }) as f32
}
