//! The f64 workhorses: e^x, 2^x, the atan polynomial and the reduction of an angle, branch-free.
//! `f64` uses the first two as they are; many `f32` functions compute here and round once.

use super::log64;

/// Evaluates a polynomial, coefficients from the constant up, one fused multiply-add a step.
macro_rules! horner {
    ($t:ty, $x:expr; $c:expr) => { $c };
    ($t:ty, $x:expr; $c:expr, $($rest:expr),+ $(,)?) => {
        <$t>::mul_add($crate::math::kernel64::horner!($t, $x; $($rest),+), $x, $c)
    };
}
pub(super) use horner;

/// 1.5 · 2^52: adding it rounds |x| < 2^51 to an integer, whose low bits end up in the mantissa.
pub(super) const MAGIC: f64 = 6_755_399_441_055_744.0;
const LN2_HI: f64 = std::f64::consts::LN_2;
/// ln 2 - `LN2_HI`.
const LN2_LO: f64 = 2.319_046_813_846_299_6e-17;

/// Flips the sign of y if the low bit of `bit` is set.
#[inline(always)]
pub(super) fn flip(y: f64, bit: u64) -> f64 {
    f64::from_bits(y.to_bits() ^ (bit << 63))
}

/// 2^n · y for the integer held in `t` = n + `MAGIC`, |n| < 2000, in two steps so that neither factor
/// overflows before the product does.
#[inline(always)]
pub(super) fn scale(y: f64, t: f64) -> f64 {
    // Kept non-negative: AVX2 has no arithmetic shift for 64-bit lanes.
    let n = t.to_bits().wrapping_sub(MAGIC.to_bits()).wrapping_add(4096);
    let half = n >> 1;
    let pow2 = |k: u64| f64::from_bits(k.wrapping_sub(2048 - 1023) << 52);
    y * pow2(half) * pow2(n.wrapping_sub(half))
}

/// Splits x into n·ln 2 + r, |r| <= ½ ln 2: returns n + `MAGIC` and r.
#[inline(always)]
pub(super) fn reduce(x: f64) -> (f64, f64) {
    let t = x.mul_add(std::f64::consts::LOG2_E, MAGIC);
    let n = t - MAGIC;
    let r = n.mul_add(-LN2_HI, x);
    (t, n.mul_add(-LN2_LO, r))
}

/// (e^r - 1 - r) / r² for |r| <= ½ ln 2, a polynomial of degree 10.
#[inline(always)]
pub(super) fn second_order(r: f64) -> f64 {
    horner!(f64, r;
        0.5, 0.166_666_666_666_666_82, 0.041_666_666_666_666_09, 0.008_333_333_333_316_888,
        0.001_388_888_888_911_757_4, 1.984_126_989_675_591_5e-4, 2.480_158_692_423_437e-5,
        2.755_723_448_236_553e-6, 2.755_758_294_518_583_5e-7, 2.511_217_160_655_935e-8,
        2.082_653_496_650_703e-9)
}

/// e^x: Cody–Waite reduction by ln 2, a polynomial of degree 12.
#[inline(always)]
pub(super) fn exp(x: f64) -> f64 {
    let x = if x > 710.0 { 710.0 } else { x };
    let x = if x < -746.0 { -746.0 } else { x };
    let (t, r) = reduce(x);
    scale((second_order(r) * r).mul_add(r, r) + 1.0, t)
}

/// 2^x: exact at integers, a polynomial of degree 12 between.
#[inline(always)]
pub(super) fn exp2(x: f64) -> f64 {
    let x = if x > 1025.0 { 1025.0 } else { x };
    let x = if x < -1076.0 { -1076.0 } else { x };
    exp2_in_two(x, 0.0)
}

/// 2^(x + low) for |x| <= 1100 and a low part far below x.
#[inline(always)]
pub(super) fn exp2_in_two(x: f64, low: f64) -> f64 {
    let t = x + MAGIC;
    let f = (x - (t - MAGIC)) + low;
    let q = horner!(f64, f;
        std::f64::consts::LN_2, 0.240_226_506_959_100_72, 0.055_504_108_664_821_69,
        0.009_618_129_107_628_33, 0.001_333_355_814_639_269_3, 1.540_353_039_364_073_3e-4,
        1.525_273_385_431_544_5e-5, 1.321_548_659_488_620_3e-6, 1.017_805_194_320_274_5e-7,
        7.054_974_492_400_489e-9, 4.456_570_313_659_136e-10, 2.562_539_681_701_360_8e-11);
    scale(q.mul_add(f, 1.0), t)
}

/// ln x of a value computed from `f32`s, which is never denormal.
#[inline(always)]
pub(super) fn ln_of_f32(x: f64) -> f64 {
    let (k, f) = log64::split(x);
    log64::edges(x, log64::join(k, f, 0.0))
}

/// atan x for 0 <= x <= 1, relative error 2e-12: enough for a result rounded to `f32`.
#[inline(always)]
pub(super) fn atan_unit(x: f64) -> f64 {
    let s = x * x;
    let p = horner!(f64, s;
        -0.333_333_333_323_964_4, 0.199_999_966_365_134_2, -0.142_856_171_077_608_34,
        0.111_096_854_586_535_37, -0.090_784_328_251_258_73, 0.076_210_223_301_673_18,
        -0.063_850_962_018_756_48, 0.050_823_209_255_881_976, -0.035_758_484_351_597_127,
        0.020_381_438_901_256_585, -0.008_501_802_575_714_434, 0.002_251_605_478_231_224,
        -2.800_532_936_119_571_7e-4);
    (x * s).mul_add(p, x)
}

/// Splits x / (π/2) into an integer, of which the two low bits are returned, and a rest in [-½, ½], for any
/// finite x that is an `f32`. (Payne–Hanek in floating point, without a table.)
///
/// 2/π is cut into pieces of 29 bits. Its product with the 24 bits of x is exact, the whole quadruple turns
/// in it are exact too and are dropped, so that what is left adds up with an error below 2^-53 of the rest.
#[inline(always)]
pub(super) fn quarter_turns(x: f64) -> (u64, f64) {
    let turns = |x: f64, piece: f64| {
        let p = x * piece;
        (p * 0.25).round_ties_even().mul_add(-4.0, p)
    };
    let m0 = turns(x, 341_782_637.0 / (1u64 << 29) as f64);
    let m1 = turns(x, 423_170_132.0 / (1u64 << 58) as f64);
    let m2 = turns(x, 2.276_010_067_197_181_6e-18);
    let m3 = turns(x, 5.881_214_738_773_043_4e-27);
    let m4 = turns(x, 1.034_686_870_083_621_5e-35);
    // Below 2^-17 for every f32.
    let rest = x * 3.783_256_351_091_319e-45 + x * 3.720_474_878_517_739e-53;
    let low = (m3 + m4) + rest;
    let t = ((m0 + m1) + (m2 + low)) + MAGIC;
    let n = t - MAGIC;
    let f = (((((m0 - n) + m1) + m2) + m3) + m4) + rest;
    (t.to_bits() & 3, f)
}

/// sin and cos of f quarter turns, |f| <= ½ (and a little more); relative errors 7e-15 and 5e-17.
#[inline(always)]
pub(super) fn sin_cos_quarter(f: f64) -> (f64, f64) {
    let z = f * f;
    let s = horner!(f64, z;
        1.570_796_326_794_889_7, -0.645_964_097_504_257_3, 0.079_692_626_153_813_53,
        -0.004_681_752_566_721_529, 1.604_291_380_081_990_7e-4, -3.556_160_968_278_254e-6);
    let c = horner!(f64, z;
        1.0, -1.233_700_550_136_156_6, 0.253_669_507_900_027_85, -0.020_863_480_737_056_8,
        9.192_599_631_417_945e-4, -2.520_017_393_253_193_7e-5, 4.655_730_536_348_687e-7);
    (s * f, c)
}

/// tanh x: an odd polynomial below 0.625, beyond it 1 - 2/(e^2|x| + 1), which is 1 from 19.1 on.
#[inline(always)]
pub(super) fn tanh(x: f64) -> f64 {
    let a = x.abs();
    let c = if a > 20.0 { 20.0 } else { a };
    let large = 1.0 - 2.0 / (exp(c + c) + 1.0);
    let z = c * c;
    let p = horner!(f64, z;
        -0.333_333_333_333_328_54, 0.133_333_333_332_620_9, -0.053_968_253_931_267_58,
        0.021_869_487_576_095_845, -0.008_863_221_002_699_416, 0.003_591_989_174_672_662_5,
        -0.001_454_958_883_364_68, 5.863_165_597_479_08e-4, -2.285_642_521_180_748_5e-4,
        7.714_441_391_557_253e-5, -1.607_259_272_248_301e-5);
    let small = (p * z).mul_add(c, c);
    (if a < 0.625 { small } else { large }).copysign(x)
}
