//! Arc sine, arc cosine and arc tangent of `f64`, branch-free: what vectors of `f64` are computed with.

use super::circle64::{FRAC_PI_2_MID, fast_two_sum};
use super::kernel64::horner;
use std::f64::consts::{FRAC_PI_2, FRAC_PI_4, PI};

/// π - `PI`.
const PI_LOW: f64 = 2.0 * FRAC_PI_2_MID;

/// (atan u - u) / u³ for |u| <= tan(π/8), with z = u².
#[inline(always)]
fn atan_rest(z: f64) -> f64 {
    horner!(f64, z;
        -0.333_333_333_333_331_9, 0.199_999_999_999_521_8, -0.142_857_142_800_536_02, 0.111_111_107_762_659_5,
        -0.090_908_975_485_405_04, 0.076_920_564_334_258_99, -0.066_630_602_164_906_42,
        0.058_475_634_714_178_194, -0.050_378_039_020_14, 0.038_025_590_500_351_79, -0.017_863_623_290_607_83)
}

/// atan(low / high) for 0 <= low <= high, high neither 0 nor so large or small that 1/high or a sum of both is none, as a
/// sum: atan((low - high) / (low + high)) + π/4 where that is the smaller angle.
#[inline(always)]
fn steepness(low: f64, high: f64) -> (f64, f64) {
    let flat = low <= 0.414_213_562_373_095_03 * high;
    let (minus, plus) = (fast_two_sum(-high, low), fast_two_sum(high, low));
    let top = if flat { (low, 0.0) } else { minus };
    let bottom = if flat { (high, 0.0) } else { plus };
    // The quotient, and what rounding took away from it.
    let per = 1.0 / bottom.0;
    let u = top.0 * per;
    let u_low = ((-u).mul_add(bottom.0, top.0) + (-u).mul_add(bottom.1, top.1)) * per;
    let z = u * u;
    let rest = (u * z).mul_add(atan_rest(z), (-z).mul_add(u_low, u_low));
    let (turn, turn_low) = if flat { (0.0, 0.0) } else { (FRAC_PI_4, 0.5 * FRAC_PI_2_MID) };
    let (a, a_low) = fast_two_sum(turn, u);
    (if flat { u } else { a }, if flat { rest } else { a_low + (rest + turn_low) })
}

/// `whole` - a, both in two parts, for whole >= a >= 0.
#[inline(always)]
fn less(whole: f64, whole_low: f64, a: (f64, f64)) -> (f64, f64) {
    let (d, d_low) = fast_two_sum(whole, -a.0);
    (d, d_low + (whole_low - a.1))
}

#[inline(always)]
pub(super) fn atan(x: f64) -> f64 {
    let a = x.abs();
    // From here on 1/x is nothing beside π/2.
    let a = if a > 1e30 { 1e30 } else { a };
    let steep = a > 1.0;
    let angle = steepness(if steep { 1.0 } else { a }, if steep { a } else { 1.0 });
    let down = less(FRAC_PI_2, FRAC_PI_2_MID, angle);
    (if steep { down.0 + down.1 } else { angle.0 + angle.1 }).copysign(x)
}

#[inline(always)]
pub(super) fn atan2(y: f64, x: f64) -> f64 {
    let (ay, ax) = (y.abs(), x.abs());
    let steep = ay > ax;
    let low = if steep { ax } else { ay };
    let high = if steep { ay } else { ax };
    // Infinities are as far as 1, all else is nothing beside them; and 0/0 is 0/1.
    let low = if high == f64::INFINITY { if low == high { 1.0 } else { 0.0 } } else { low };
    let high = if (high == f64::INFINITY) | (high == 0.0) { 1.0 } else { high };
    // Large enough for what rounding takes away to be a number, small enough for a sum.
    let by = if high < 1e60 { 2f64.powi(700) } else { 1.0 };
    let by = if high > 1e300 { 2f64.powi(-60) } else { by };
    let angle = steepness(low * by, high * by);
    let down = less(FRAC_PI_2, FRAC_PI_2_MID, angle);
    let angle = if steep { down } else { angle };
    let left = less(PI, PI_LOW, angle);
    let angle = if x.is_sign_negative() { left } else { angle };
    let angle = angle.0 + angle.1;
    // NaN, for which no comparison above held.
    (if ay + ax >= 0.0 { angle } else { f64::NAN }).copysign(y)
}

/// asin a for 0 <= a <= 1 as a sum, and whether it is that of √((1 - a)/2), of which asin a is π/2 less two.
#[inline(always)]
fn half_arc(a: f64) -> (bool, (f64, f64)) {
    let far = a > 0.5;
    let z = if far { (1.0 - a) * 0.5 } else { a * a };
    let root = z.sqrt();
    // What rounding took away from the root.
    let root_low = (-root).mul_add(root, z) / (root + root);
    let root_low = if root == 0.0 { 0.0 } else { root_low };
    let b = if far { root } else { a };
    let p = horner!(f64, z;
        0.166_666_666_666_667_6, 0.074_999_999_999_708_66, 0.044_642_857_174_561_686, 0.030_381_942_709_790_857,
        0.022_372_214_939_044_31, 0.017_351_612_775_866_634, 0.013_980_812_527_260_729,
        0.011_398_969_716_497_849, 0.010_779_975_726_228_27, 0.003_707_255_517_779_327_2,
        0.021_706_026_532_023_49, -0.020_998_268_977_978_54, 0.032_629_112_167_824_9);
    (far, (b, (z * b).mul_add(p, if far { root_low } else { 0.0 })))
}

#[inline(always)]
pub(super) fn asin(x: f64) -> f64 {
    let (far, arc) = half_arc(x.abs());
    let rest = less(FRAC_PI_2, FRAC_PI_2_MID, (2.0 * arc.0, 2.0 * arc.1));
    (if far { rest.0 + rest.1 } else { arc.0 + arc.1 }).copysign(x)
}

#[inline(always)]
pub(super) fn acos(x: f64) -> f64 {
    let (far, arc) = half_arc(x.abs());
    let twice = (2.0 * arc.0, 2.0 * arc.1);
    let negative = x.is_sign_negative();
    let left = less(PI, PI_LOW, twice);
    let far_angle = if negative { left } else { twice };
    let signed = if negative { (-arc.0, -arc.1) } else { arc };
    let near_angle = less(FRAC_PI_2, FRAC_PI_2_MID, signed);
    let angle = if far { far_angle } else { near_angle };
    angle.0 + angle.1
}
