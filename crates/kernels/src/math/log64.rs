//! Functions of `f64` around the logarithm and e^x - 1, branch-free: what vectors of `f64` are computed with.
//!
//! Where a sum has to keep more digits than a number has, it is kept as two, the second the rounding error of the first.

use super::kernel64::{horner, reduce, scale, second_order};
use std::f64::consts::{LN_2, LOG2_E, LOG10_E};

/// log2 e - `LOG2_E`, and log10 e - `LOG10_E`.
const LOG2_E_LOW: f64 = 2.035_527_374_093_103_3e-17;
const LOG10_E_LOW: f64 = 1.098_319_650_216_765e-17;
/// log10 2 in two parts, the first with so few bits that its product with an exponent is exact.
const LOG10_2_HIGH: f64 = 0.301_029_995_663_611_77;
const LOG10_2_LOW: f64 = 3.694_239_077_158_931e-13;
/// ln 2 likewise.
const LN2_HIGH: f64 = 0.693_147_180_369_123_8;
const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;

/// x = 2^k · (1 + f) with 1 + f in [√½, √2), for a normal, positive, finite x; anything else gives arbitrary numbers.
#[inline(always)]
pub(super) fn split(x: f64) -> (f64, f64) {
    const ROOT_HALF: u64 = 0x3FE6_A09E_667F_3BCD;
    const ONE: u64 = 0x3FF0_0000_0000_0000;
    let bits = x.to_bits().wrapping_add(ONE - ROOT_HALF);
    // 2^52 with the biased exponent in its low bits: the conversion that AVX2 lacks.
    let k = f64::from_bits(0x4330_0000_0000_0000 | (bits >> 52)) - (4_503_599_627_370_496.0 + 1023.0);
    (k, f64::from_bits((bits & 0x000F_FFFF_FFFF_FFFF) + ROOT_HALF) - 1.0)
}

/// [`split`] of denormals, too, which are lifted by 2^54 before.
#[inline(always)]
fn split_any(x: f64) -> (f64, f64) {
    let tiny = x < f64::MIN_POSITIVE;
    let (k, f) = split(if tiny { x * 18_014_398_509_481_984.0 } else { x });
    (if tiny { k - 54.0 } else { k }, f)
}

/// ln(1+f) as f - half + rest for 1 + f in [√½, √2): half is f²/2 and rest what is small beside it.
///
/// ln(1+f) = 2 atanh s, s = f/(2+f), as 2s + s·R(s²), and 2s = f - s·f.
#[inline(always)]
pub(super) fn parts(f: f64) -> (f64, f64) {
    let s = f / (2.0 + f);
    let z = s * s;
    let r = z * horner!(f64, z;
        0.666_666_666_666_673_7, 0.399_999_999_993_929_6, 0.285_714_287_476_682_4,
        0.222_221_979_885_089_4, 0.181_835_967_848_849_8, 0.153_131_713_792_306_33,
        0.148_051_914_959_918_37);
    let half = 0.5 * f * f;
    (half, s * (half + r))
}

/// k·ln 2 + ln(1+f) + more, the last one small.
#[inline(always)]
pub(super) fn join(k: f64, f: f64, more: f64) -> f64 {
    let (half, rest) = parts(f);
    // The large terms are exact, or subtracted last.
    k * LN2_HIGH - ((half - (rest + (k * LN2_LOW + more))) - f)
}

/// Puts in the values of a logarithm outside its domain of positive finite numbers.
#[inline(always)]
pub(super) fn edges(x: f64, y: f64) -> f64 {
    let y = if x < f64::INFINITY { y } else { x };
    let y = if x < 0.0 { f64::NAN } else { y };
    if x == 0.0 { f64::NEG_INFINITY } else { y }
}

#[inline(always)]
pub(super) fn ln(x: f64) -> f64 {
    let (k, f) = split_any(x);
    edges(x, join(k, f, 0.0))
}

/// (k · unit + (1+f)'s logarithm to the base whose `per_e` is the logarithm of e), both in two parts.
#[inline(always)]
fn to_base(k: f64, f: f64, unit: [f64; 2], per_e: [f64; 2]) -> f64 {
    let (half, rest) = parts(f);
    let high = f - half;
    let low = ((f - high) - half) + rest;
    let y = high * per_e[0];
    let error = high.mul_add(per_e[0], -y) + (high * per_e[1] + low * per_e[0]);
    let whole = k * unit[0];
    let sum = whole + y;
    sum + (((whole - sum) + y) + (error + k * unit[1]))
}

#[inline(always)]
pub(super) fn log2(x: f64) -> f64 {
    let (k, f) = split_any(x);
    edges(x, to_base(k, f, [1.0, 0.0], [LOG2_E, LOG2_E_LOW]))
}

#[inline(always)]
pub(super) fn log10(x: f64) -> f64 {
    let (k, f) = split_any(x);
    edges(x, to_base(k, f, [LOG10_2_HIGH, LOG10_2_LOW], [LOG10_E, LOG10_E_LOW]))
}

/// ln(1+x) for x > -1 and finite: the logarithm of the rounded sum, with its rounding error put back.
#[inline(always)]
fn log1p_inside(x: f64) -> f64 {
    let u = 1.0 + x;
    let b = u - 1.0;
    let error = (1.0 - (u - b)) + (x - b);
    let (k, f) = split(u);
    join(k, f, error / u).copysign(x)
}

#[inline(always)]
pub(super) fn log1p(x: f64) -> f64 {
    let y = log1p_inside(x);
    let y = if x < f64::INFINITY { y } else { x };
    let y = if x < -1.0 { f64::NAN } else { y };
    if x == -1.0 { f64::NEG_INFINITY } else { y }
}

#[inline(always)]
pub(super) fn softplus(x: f64) -> f64 {
    (if x > 0.0 { x } else { 0.0 }) + log1p_inside(super::kernel64::exp(-x.abs()))
}

/// 2^n (e^r - 1) + (2^n - 1), at half size so that n = 1024 does not overflow early.
#[inline(always)]
pub(super) fn expm1(x: f64) -> f64 {
    let c = if x > 710.0 { 710.0 } else { x };
    let c = if c < -40.0 { -40.0 } else { c };
    let (t, r) = reduce(c);
    let q = (second_order(r) * r).mul_add(r, r);
    let s = scale(0.5, t);
    (2.0 * q.mul_add(s, s - 0.5)).copysign(x)
}

/// e^|x| / 2, which is finite wherever sinh and cosh are.
#[inline(always)]
fn half_exp(a: f64) -> f64 {
    let c = if a > 711.0 { 711.0 } else { a };
    let (t, r) = reduce(c);
    scale((second_order(r) * r).mul_add(r, r) + 1.0, t - 1.0)
}

/// With E = e^|x| - 1: (E + E / (E + 1)) / 2, and e^|x| / 2 where the other term is nothing beside it.
#[inline(always)]
pub(super) fn sinh(x: f64) -> f64 {
    let a = x.abs();
    let e = expm1(a);
    let near = 0.5 * (e + e / (e + 1.0));
    (if a > 22.0 { half_exp(a) } else { near }).copysign(x)
}

#[inline(always)]
pub(super) fn cosh(x: f64) -> f64 {
    let half = half_exp(x.abs());
    half + 0.25 / half
}

/// Where a number's square, plus or minus 1, is the square.
const LARGE: f64 = 268_435_456.0;

/// ln(1 + w), or ln 2x for a large x.
#[inline(always)]
fn log1p_or_twice(w: f64, x: f64) -> f64 {
    let large = x > LARGE;
    let y = log1p_inside(if large { x - 1.0 } else { w });
    if large { y + LN_2 } else { y }
}

#[inline(always)]
pub(super) fn asinh(x: f64) -> f64 {
    let a = x.abs();
    let square = a * a;
    let y = log1p_or_twice(a + square / (1.0 + (1.0 + square).sqrt()), a);
    (if a < f64::INFINITY { y } else { a }).copysign(x)
}

#[inline(always)]
pub(super) fn acosh(x: f64) -> f64 {
    let t = x - 1.0;
    let y = log1p_or_twice(t + t.mul_add(t, 2.0 * t).sqrt(), x);
    let y = if x < f64::INFINITY { y } else { x };
    if x < 1.0 { f64::NAN } else { y }
}

#[inline(always)]
pub(super) fn atanh(x: f64) -> f64 {
    let a = x.abs();
    let twice = a + a;
    let y = 0.5 * log1p_inside(twice + twice * a / (1.0 - a));
    let y = if a < 1.0 { y } else { f64::NAN };
    (if a == 1.0 { f64::INFINITY } else { y }).copysign(x)
}

/// log2 of a normal, positive, finite number in two parts, together good to some 2^-64: 2 atanh s again, whose first terms are
/// kept in two parts.
#[inline(always)]
fn log2_in_two(k: f64, f: f64) -> (f64, f64) {
    let d = 2.0 + f;
    let d_low = (2.0 - d) + f;
    let s = f / d;
    let s_low = ((-s).mul_add(d, f) - s * d_low) / d;
    let z = s * s;
    let z_low = s.mul_add(s, -z) + 2.0 * s * s_low;
    // atanh s = s · (1 + z · (1/3 + z/5 + z²/7 + ..)).
    const THIRD: f64 = 1.0 / 3.0;
    const THIRD_LOW: f64 = 1.850_371_707_708_594e-17;
    let tail = z
        * horner!(f64, z;
        1.0 / 5.0, 1.0 / 7.0, 1.0 / 9.0, 1.0 / 11.0, 1.0 / 13.0, 1.0 / 15.0, 1.0 / 17.0, 1.0 / 19.0, 1.0 / 21.0,
        1.0 / 23.0);
    let t = THIRD + tail;
    let t_low = ((THIRD - t) + tail) + THIRD_LOW;
    let c = z * t;
    let c_low = z.mul_add(t, -c) + (z * t_low + z_low * t);
    let p = s * c;
    let p_low = s.mul_add(c, -p) + (s * c_low + s_low * (1.0 + c));
    let high = s + p;
    let low = ((s - high) + p) + p_low;
    let (high, low) = (high + high, low + low);
    let y = high * LOG2_E;
    let y_low = high.mul_add(LOG2_E, -y) + (high * LOG2_E_LOW + low * LOG2_E);
    let sum = k + y;
    (sum, ((k - sum) + y) + y_low)
}

/// 2^(y·log2|x|), then C99's table: the sign of odd powers, NaN for roots of negative numbers, and 1 for
/// 1^y, x^0 and (-1)^±inf, NaN or not.
#[inline(always)]
pub(super) fn pow(x: f64, y: f64) -> f64 {
    let a = x.abs();
    let (k, f) = split_any(a);
    let (high, low) = log2_in_two(k, f);
    let high = edges(a, high);
    let p = y * high;
    let p_low = y.mul_add(high, -p) + y * low;
    // Beyond this the result is 0 or inf; NaN passes.
    let c = if p > 1100.0 { 1100.0 } else { p };
    let c = if c < -1100.0 { -1100.0 } else { c };
    let p_low = if c == p { p_low } else { 0.0 };
    let r = super::kernel64::exp2_in_two(c, p_low);
    let integer = y.trunc() == y;
    let odd = integer & ((y * 0.5).trunc() != y * 0.5);
    let r = if odd { r.copysign(x) } else { r };
    let r = if (x < 0.0) & (a < f64::INFINITY) & !integer { f64::NAN } else { r };
    let r = if (a == 1.0) & (y.abs() == f64::INFINITY) { 1.0 } else { r };
    if (x == 1.0) | (y == 0.0) { 1.0 } else { r }
}
