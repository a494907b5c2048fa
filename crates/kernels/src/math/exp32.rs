//! The exponential family for `f32`, computed in `f32`: one reduction by ln 2 and one polynomial.

use super::kernel64::horner;
use std::f32::consts::{LN_2, LOG2_E};

/// 1.5 · 2^23: adding it rounds |x| < 2^22 to an integer, whose low bits end up in the mantissa.
const MAGIC: f32 = 12_582_912.0;

/// 2^k for -127 < k < 128; other k give an arbitrary number, but never NaN.
#[inline(always)]
pub(super) fn pow2(k: i32) -> f32 {
    f32::from_bits((k.wrapping_add(127) as u32) << 23)
}

/// Splits x into n·ln 2 + r, |r| <= ½ ln 2: returns n (as integer and float) and r.
#[inline(always)]
fn reduce(x: f32) -> (i32, f32, f32) {
    let t = x.mul_add(LOG2_E, MAGIC);
    let n = t - MAGIC;
    let r = n.mul_add(-0.693_359_4, x);
    let r = n.mul_add(2.121_944_4e-4, r);
    ((t.to_bits() as i32).wrapping_sub(MAGIC.to_bits() as i32), n, r)
}

/// Coefficients of (e^r - 1 - r) / r² for |r| <= ½ ln 2; with them e^r has a relative error of 4e-9.
const SECOND_ORDER: [f32; 5] = [0.499_999_94, 0.166_665_15, 0.041_668_084, 0.008_369_368_5, 0.001_384_048_1];

/// That polynomial.
#[inline(always)]
fn second_order(r: f32) -> f32 {
    let [a, b, c, d, e] = SECOND_ORDER;
    horner!(f32, r; a, b, c, d, e)
}

/// y · 2^n in two steps, so that neither factor overflows before the product does.
#[inline(always)]
fn scale(y: f32, n: i32) -> f32 {
    let half = n >> 1;
    y * pow2(half) * pow2(n.wrapping_sub(half))
}

#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    // Twice the bias of an exponent comes with the rounding, so that halves of the sum are exponents as they stand in a number.
    const BIASED: f32 = MAGIC + 254.0;
    // Clamps are comparisons, through which NaN passes.
    let x = if x > 89.0 { 89.0 } else { x };
    let x = if x < -104.0 { -104.0 } else { x };
    let t = x.mul_add(LOG2_E, BIASED);
    let y = exp_rest(x, t - BIASED);
    let (whole, half) = (t.to_bits(), t.to_bits() >> 1);
    y * f32::from_bits(half << 23) * f32::from_bits(whole.wrapping_sub(half) << 23)
}

/// e^(x - n ln 2), for n next to x / ln 2.
#[inline(always)]
fn exp_rest(x: f32, n: f32) -> f32 {
    let r = n.mul_add(-0.693_359_4, x);
    let r = n.mul_add(2.121_944_4e-4, r);
    (second_order(r) * r).mul_add(r, r) + 1.0
}

/// [`exp`] of a number that is not positive, to the bit: one of the two factors is always 2^-64.
#[inline(always)]
fn exp_of_negative(x: f32) -> f32 {
    const BIASED: f32 = MAGIC + (127 + 64) as f32;
    let x = if x < -104.0 { -104.0 } else { x };
    let t = x.mul_add(LOG2_E, BIASED);
    let y = exp_rest(x, t - BIASED);
    y * f32::from_bits(t.to_bits() << 23) * 5.421_011e-20
}

#[inline(always)]
pub(super) fn exp2(x: f32) -> f32 {
    let x = if x > 129.0 { 129.0 } else { x };
    let x = if x < -151.0 { -151.0 } else { x };
    let t = x + MAGIC;
    let f = x - (t - MAGIC);
    let q = horner!(f32, f;
        LN_2, 0.240_225_94, 0.055_503_663, 0.009_625_434, 0.001_338_974_3, 1.337_527_5e-4);
    scale(q.mul_add(f, 1.0), (t.to_bits() as i32).wrapping_sub(MAGIC.to_bits() as i32))
}

/// 2^n (e^r - 1) + (2^n - 1), at half size so that n = 128 does not overflow early.
#[inline(always)]
pub(super) fn expm1(x: f32) -> f32 {
    let c = if x > 89.0 { 89.0 } else { x };
    let c = if c < -18.0 { -18.0 } else { c };
    let (n, _, r) = reduce(c);
    let q = (second_order(r) * r).mul_add(r, r);
    let s = pow2(n.wrapping_sub(1));
    (2.0 * q.mul_add(s, s - 0.5)).copysign(x)
}

#[inline(always)]
pub(super) fn sigmoid(x: f32) -> f32 {
    // The exponential of a negative number cannot overflow, so both tails keep their digits; written as
    // 1 - d and e - e·d the result hardly sees the rounding of d.
    let e = exp_of_negative(-x.abs());
    let top = if x < 0.0 { e } else { 1.0 };
    top.mul_add(-(e / (1.0 + e)), top)
}

/// An odd polynomial below 0.625, beyond it 1 - 2/(e^2|x| + 1), which is 1 from 9.1 on. Both polynomials have the same form, so
/// that one is evaluated, with the coefficients of where x is.
#[inline(always)]
pub(super) fn tanh(x: f32) -> f32 {
    const BIASED: f32 = MAGIC + 127.0;
    let a = x.abs();
    let c = if a > 9.1 { 9.1 } else { a };
    let near = c < 0.625;
    let t = c.mul_add(2.0 * LOG2_E, BIASED);
    // One constant is enough: the error of e^2c counts ever less as it grows.
    let r = (t - BIASED).mul_add(-LN_2, c + c);
    let square = c * c;
    let (v, w) = (if near { square } else { r }, if near { c } else { r });
    let p = if near { -0.005_692_305_5 } else { SECOND_ORDER[4] };
    let p = p.mul_add(v, if near { 0.020_628_214 } else { SECOND_ORDER[3] });
    let p = p.mul_add(v, if near { -0.053_736_53 } else { SECOND_ORDER[2] });
    let p = p.mul_add(v, if near { 0.133_314_06 } else { SECOND_ORDER[1] });
    let p = p.mul_add(v, if near { -0.333_332_8 } else { SECOND_ORDER[0] });
    // tanh c, or e^r - 1.
    let q = (p * v).mul_add(w, w);
    let s = f32::from_bits(t.to_bits() << 23);
    let large = 1.0 - 2.0 / q.mul_add(s, s + 1.0);
    (if near { q } else { large }).copysign(x)
}

/// An odd polynomial below 0.9, beyond it 1 - e^-R(|x|); 1 from 4 on.
#[inline(always)]
pub(super) fn erf(x: f32) -> f32 {
    let a = x.abs();
    let c = if a > 4.0 { 4.0 } else { a };
    let z = c * c;
    let p = horner!(f32, z;
        0.128_379_17, -0.376_126_3, 0.112_836_24, -0.026_855_56, 0.005_191_753_6, -8.039_769e-4,
        7.943_236_4e-5);
    let small = p.mul_add(c, c);
    let r = horner!(f32, c;
        -1.705_627_2e-4, 1.129_495_3, 0.633_386_3, 0.108_237_14, -0.025_091_948, 0.004_160_747_4,
        -4.323_592_3e-4, 2.091_527_1e-5);
    let large = 1.0 - exp(-r);
    (if a < 0.9 { small } else { large }).copysign(x)
}
