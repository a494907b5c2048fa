//! The logarithms for `f32`, computed in `f32`.

use super::exp32::{exp, pow2};
use super::kernel64::horner;

/// Bits of √½ and of 1.
const ROOT_HALF: i32 = 0x3F35_04F3;
/// ln 2 in two parts, the first so short that its product with an exponent is exact.
const LN2_HI: f32 = 0.693_359_4;
const LN2_LO: f32 = -2.121_944_4e-4;

/// x = 2^k · m with m in [√½, √2), for a normal, positive, finite x.
#[inline(always)]
fn split(x: f32) -> (i32, f32) {
    let bits = x.to_bits() as i32;
    let k = bits.wrapping_sub(ROOT_HALF) >> 23;
    (k, f32::from_bits(bits.wrapping_sub(k << 23) as u32))
}

/// k·ln 2 + ln(1+f) for f in [√½ - 1, √2 - 1].
#[inline(always)]
fn join(k: f32, f: f32) -> f32 {
    let p = horner!(f32, f;
        0.333_333_13, -0.250_000_42, 0.200_020_64, -0.166_663_59, 0.142_198_19, -0.124_312_03, 0.119_088_33,
        -0.115_420_14, 0.065_442_39);
    let y = (f * f * f).mul_add(p, k * LN2_LO);
    let y = (-0.5 * f).mul_add(f, y);
    k.mul_add(LN2_HI, f + y)
}

#[inline(always)]
pub(super) fn ln(x: f32) -> f32 {
    // Denormals are lifted by 2^23.
    let tiny = x < f32::MIN_POSITIVE;
    let lifted = if tiny { x * 8_388_608.0 } else { x };
    let (k, m) = split(lifted);
    let k = k as f32 + if tiny { -23.0 } else { 0.0 };
    let y = join(k, m - 1.0);
    let y = if x < f32::INFINITY { y } else { x };
    let y = if x < 0.0 { f32::NAN } else { y };
    if x == 0.0 { f32::NEG_INFINITY } else { y }
}

/// ln(1+x) with the rounding error of 1+x put back: for small x the reduced argument is x itself.
#[inline(always)]
pub(super) fn log1p(x: f32) -> f32 {
    let u = 1.0 + x;
    let b = u - 1.0;
    let error = (1.0 - (u - b)) + (x - b);
    let (k, m) = split(u);
    // The error is nothing beside x long before 2^-k leaves the range.
    let f = error.mul_add(pow2(-k.clamp(-126, 126)), m - 1.0);
    let y = join(k as f32, f).copysign(x);
    let y = if x < f32::INFINITY { y } else { x };
    let y = if x < -1.0 { f32::NAN } else { y };
    if x == -1.0 { f32::NEG_INFINITY } else { y }
}

#[inline(always)]
pub(super) fn softplus(x: f32) -> f32 {
    (if x > 0.0 { x } else { 0.0 }) + log1p(exp(-x.abs()))
}
