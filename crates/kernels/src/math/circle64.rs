//! Sine, cosine and tangent of `f64`, branch-free: what vectors of `f64` are computed with.
//!
//! An angle is reduced to a rest of at most an eighth of a turn, known to twice a number's digits, in one of two ways: by
//! quarter turns in three parts below [`FAR`], and beyond it by the bits of 2/π that matter to numbers of its size. Which
//! one depends on the angle alone. [`sin`] and its kin compute both; those that end in `near` are the same functions
//! where all angles are below [`FAR`].

use super::kernel64::{MAGIC, flip, horner};
use std::f64::consts::{FRAC_2_PI, FRAC_PI_2};

/// Where the second way begins. At most 2^30, for the table below.
pub(super) const FAR: f64 = 1_073_741_824.0;

/// π/2 - `FRAC_PI_2`, in two parts.
pub(super) const FRAC_PI_2_MID: f64 = 6.123_233_995_736_766e-17;
const FRAC_PI_2_LOW: f64 = -1.497_384_904_859_169_8e-33;

/// The bits of 2/π after the binary point.
const TWO_BY_PI: [u64; 19] = [
    0xA2F9_836E_4E44_1529,
    0xFC27_57D1_F534_DDC0,
    0xDB62_9599_3C43_9041,
    0xFE51_63AB_DEBB_C561,
    0xB724_6E3A_424D_D2E0,
    0x0649_2EEA_09D1_921C,
    0xFE1D_EB1C_B129_A73E,
    0xE882_35F5_2EBB_4484,
    0xE99C_7026_B45F_7E41,
    0x3991_D639_8353_39F4,
    0x9C84_5F8B_BDF9_283B,
    0x1FF8_97FF_DE05_980F,
    0xEF2F_118B_5A0A_6D1F,
    0x6D36_7ECF_27CB_09B7,
    0x4F46_3F66_9E5F_EA2D,
    0x7527_BAC7_EBE5_F17B,
    0x3D07_39F7_8A52_92EA,
    0x6BFB_5FB1_1F8D_5D08,
    0x5603_3046_FC7B_6BAB,
];

/// Row i holds the i-th 53 bits, from the value 2^23 down, of (2^32)^j · 2/π for each j.
static WINDOWS: [[f64; 32]; 4] = windows();

const fn windows() -> [[f64; 32]; 4] {
    let mut rows = [[0.0; 32]; 4];
    let mut unit = 1.0 / (1u64 << 29) as f64;
    let mut i = 0;
    while i < 4 {
        let mut j = 0;
        while j < 32 {
            let mut piece = 0u64;
            let mut k = 0;
            while k < 53 {
                // How far behind the binary point of 2/π; before it are zeros.
                let place = 32 * j as i64 - 24 + 53 * i as i64 + k;
                piece <<= 1;
                if place >= 0 {
                    piece |= TWO_BY_PI[(place / 64) as usize] >> (63 - place % 64) & 1;
                }
                k += 1;
            }
            rows[i][j] = piece as f64 * unit;
            j += 1;
        }
        unit /= (1u64 << 53) as f64;
        i += 1;
    }
    rows
}

/// a + b and what rounding took away from it.
#[inline(always)]
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let s = a + b;
    let t = s - a;
    (s, (a - (s - t)) + (b - t))
}

/// [`two_sum`] for |a| >= |b|.
#[inline(always)]
pub(super) fn fast_two_sum(a: f64, b: f64) -> (f64, f64) {
    let s = a + b;
    (s, b - (s - a))
}

/// a · b and what rounding took away from it.
#[inline(always)]
fn two_product(a: f64, b: f64) -> (f64, f64) {
    let p = a * b;
    (p, a.mul_add(b, -p))
}

/// An angle as quarter turns, of which the last two bits count, and a rest in radians in two parts.
type Reduced = (u64, f64, f64);

/// The reduction of 0 <= a < [`FAR`].
#[inline(always)]
fn reduce_near(a: f64) -> Reduced {
    let t = a.mul_add(FRAC_2_PI, MAGIC);
    let n = t - MAGIC;
    let (p, p_low) = two_product(n, FRAC_PI_2);
    let (q, q_low) = two_product(n, FRAC_PI_2_MID);
    // The first difference is exact.
    let (h, h_low) = two_sum(a - p, -p_low);
    let (r, r_low) = two_sum(h, -q);
    let (r, r_low) = fast_two_sum(r, (h_low + r_low) - n.mul_add(FRAC_PI_2_LOW, q_low));
    (t.to_bits() & 3, r, r_low)
}

/// The reduction of a finite a >= [`FAR`] (of anything else, some finite numbers).
///
/// A multiple of four quarter turns changes nothing, so bits of 2/π whose product with a's last bit is one are left out, and
/// 212 bits from there on leave an error far below the rest, which is 2^-62 at least.
#[inline(always)]
fn reduce_far(a: f64) -> Reduced {
    let bits = a.to_bits();
    let j = (bits >> 52).wrapping_sub(1023 + 30) >> 5 & 31;
    let a = f64::from_bits(bits.wrapping_sub(j << (52 + 5)));
    let window = |i: usize| WINDOWS[i][j as usize];
    let (p0, e0) = two_product(a, window(0));
    let (p1, e1) = two_product(a, window(1));
    let (p2, e2) = two_product(a, window(2));
    let p3 = a * window(3);
    // Whole quarter turns less whole turns, and the rest.
    let split = |p: f64| {
        let p = (p * 0.25).round_ties_even().mul_add(-4.0, p);
        let n = p.round_ties_even();
        (n, p - n)
    };
    let ((n0, f0), (m0, g0), (n1, f1)) = (split(p0), split(e0), split(p1));
    let (s, s_low) = two_sum(f0 + g0, f1);
    let n = s.round_ties_even();
    let (t, t_low) = two_sum(e1, p2);
    let (f, f_low) = two_sum(s - n, t);
    let (f, f_low) = two_sum(f, f_low + s_low);
    let (f, f_low) = fast_two_sum(f, f_low + (t_low + (e2 + p3)));
    let (r, r_low) = two_product(f, FRAC_PI_2);
    let r_low = f_low.mul_add(FRAC_PI_2, f.mul_add(FRAC_PI_2_MID, r_low));
    let turns = ((n0 + m0) + (n1 + n)) + MAGIC;
    (turns.to_bits() & 3, r, r_low)
}

/// The reduction of any a >= 0; NaN for infinity.
#[inline(always)]
fn reduce_any(a: f64) -> Reduced {
    let (near, far) = (reduce_near(a), reduce_far(a));
    if a < FAR { near } else { (far.0, a.mul_add(0.0, far.1), far.2) }
}

/// The sine of r + r_low, |r| <= π/4 and a little more, as a sum, and the cosine likewise.
#[inline(always)]
fn sin_cos(r: f64, r_low: f64) -> ((f64, f64), (f64, f64)) {
    let z = r * r;
    let s = horner!(f64, z;
        -0.166_666_666_666_666_66, 0.008_333_333_333_333_04, -1.984_126_984_095_930_1e-4,
        2.755_731_907_189_839e-6, -2.505_207_029_086_202e-8, 1.605_422_180_854_788e-10,
        -7.384_638_016_470_835e-13);
    let c = horner!(f64, z;
        0.041_666_666_666_666_595, -0.001_388_888_888_887_334_2, 2.480_158_728_900_191e-5,
        -2.755_731_421_691_687_7e-7, 2.087_570_536_818_890_4e-9, -1.135_874_720_078_936_7e-11);
    let half = 0.5 * z;
    let (top, top_low) = fast_two_sum(1.0, -half);
    // What rounding took from z belongs to the half, too.
    let z_low = r.mul_add(r, -z);
    let sin_low = (z * r).mul_add(s, half.mul_add(-r_low, r_low));
    let cos_low = (z * z).mul_add(c, top_low - r.mul_add(r_low, 0.5 * z_low));
    ((r, sin_low), (top, cos_low))
}

#[inline(always)]
fn sin_of(x: f64, (q, r, r_low): Reduced) -> f64 {
    let (s, c) = sin_cos(r, r_low);
    let y = if q & 1 == 0 { s.0 + s.1 } else { c.0 + c.1 };
    flip(y, (q >> 1) ^ (x.to_bits() >> 63))
}

#[inline(always)]
fn cos_of((q, r, r_low): Reduced) -> f64 {
    let (s, c) = sin_cos(r, r_low);
    flip(if q & 1 == 0 { c.0 + c.1 } else { s.0 + s.1 }, (q >> 1) ^ q)
}

#[inline(always)]
fn tan_of(x: f64, (q, r, r_low): Reduced) -> f64 {
    let (s, c) = sin_cos(r, r_low);
    let (s, c) = (fast_two_sum(s.0, s.1), fast_two_sum(c.0, c.1));
    let odd = q & 1 == 1;
    let (top, bottom) = (if odd { c } else { s }, if odd { s } else { c });
    // The quotient, and what rounding took away from it.
    let per = 1.0 / bottom.0;
    let y = top.0 * per;
    let low = ((-y).mul_add(bottom.0, top.0) + (-y).mul_add(bottom.1, top.1)) * per;
    flip(y + low, q ^ (x.to_bits() >> 63))
}

#[inline(always)]
pub(super) fn sin(x: f64) -> f64 {
    sin_of(x, reduce_any(x.abs()))
}

#[inline(always)]
pub(super) fn cos(x: f64) -> f64 {
    cos_of(reduce_any(x.abs()))
}

#[inline(always)]
pub(super) fn tan(x: f64) -> f64 {
    tan_of(x, reduce_any(x.abs()))
}

#[inline(always)]
pub(super) fn is_near(x: f64) -> bool {
    x.abs() < FAR
}

#[inline(always)]
pub(super) fn sin_near(x: f64) -> f64 {
    sin_of(x, reduce_near(x.abs()))
}

#[inline(always)]
pub(super) fn cos_near(x: f64) -> f64 {
    cos_of(reduce_near(x.abs()))
}

#[inline(always)]
pub(super) fn tan_near(x: f64) -> f64 {
    tan_of(x, reduce_near(x.abs()))
}
