//! Normal numbers by Box and Muller, with TensorFlow's order of words and roundings, and the truncated ones.
//!
//! The f32 form evaluates logarithm, sine and cosine in f64 polynomials good to about 1e-12 and rounds each
//! once, so that every machine gives the same bits; TensorFlow's own last bit depends on its C library.

use std::f64::consts::{FRAC_2_PI, LN_2, PI};

use half::{bf16, f16};

use super::super::clones::clones;
use super::super::half_float::HalfFloat;
use super::uniform::{unit_f32, unit_f64};
use super::{BATCH, Philox, SKIP_PER_ELEMENT, fill};

/// Uniform numbers below this are raised to it before the logarithm, in f32 and f64 alike.
const SMALLEST: f64 = 1.0e-7;

/// Truncated normal numbers are smaller than this in magnitude.
const TRUNCATE: f64 = 2.0;

/// A float type that has normal numbers.
pub trait NormalFloat: Copy + Default + Send {
    /// Writes elements `start..` of the stream's standard normal numbers.
    fn fill(stream: &Philox, start: u64, out: &mut [Self]);
    /// Writes elements `start..` of the stream's standard normal numbers within (-2, 2).
    fn fill_truncated(stream: &Philox, start: u64, out: &mut [Self]);
}

/// `StatelessRandomNormalV2`: elements `start..` of the standard normal numbers.
pub fn fill_normal<T: NormalFloat>(stream: &Philox, start: u64, out: &mut [T]) {
    T::fill(stream, start, out);
}

/// `StatelessTruncatedNormalV2`: elements `start..` of standard normal numbers with magnitude below two.
///
/// Each group (four elements, two in f64) has a region of the stream of its own, 256 blocks for each four
/// words, from which it draws pairs until it is full; so an element's bits depend on its index alone.
pub fn fill_truncated_normal<T: NormalFloat>(stream: &Philox, start: u64, out: &mut [T]) {
    T::fill_truncated(stream, start, out);
}

/// ln(u) for a positive normal f32.
#[inline(always)]
pub(super) fn ln_f32(u: f32) -> f32 {
    // u = 2^k · z with z in [sqrt(1/2), sqrt(2)); ln z = 2 artanh(s).
    let k = u.to_bits().cast_signed().wrapping_sub(0x3f35_04f3) >> 23;
    let z = f64::from(f32::from_bits((u.to_bits().cast_signed() - (k << 23)).cast_unsigned()));
    let s = (z - 1.0) / (z + 1.0);
    let w = s * s;
    let mut p = 1.0 / 17.0;
    for odd in [15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0, 1.0] {
        p = p * w + 1.0 / odd;
    }
    (f64::from(k) * LN_2 + 2.0 * s * p) as f32
}

/// Sine and cosine of an angle in [0, 2π].
#[inline(always)]
pub(super) fn sin_cos_f32(angle: f32) -> (f32, f32) {
    // Adding this rounds to an integer and leaves it in the low bits.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    const HALF_PI: f64 = 1.570_796_326_734_125_6;
    const HALF_PI_REST: f64 = 6.077_100_506_506_192e-11;
    let x = f64::from(angle);
    let shifted = x * FRAC_2_PI + ROUND;
    let quadrant = shifted.to_bits();
    let k = shifted - ROUND;
    let r = (x - k * HALF_PI) - k * HALF_PI_REST;
    let w = r * r;
    let mut sin = 1.0 / 6_227_020_800.0;
    for c in [-1.0 / 39_916_800.0, 1.0 / 362_880.0, -1.0 / 5_040.0, 1.0 / 120.0, -1.0 / 6.0, 1.0] {
        sin = sin * w + c;
    }
    sin *= r;
    let mut cos = -1.0 / 87_178_291_200.0;
    for c in [1.0 / 479_001_600.0, -1.0 / 3_628_800.0, 1.0 / 40_320.0, -1.0 / 720.0, 1.0 / 24.0, -0.5, 1.0] {
        cos = cos * w + c;
    }
    let (s, c) = if quadrant & 1 == 0 { (sin, cos) } else { (cos, sin) };
    let s = if quadrant & 2 == 0 { s } else { -s };
    let c = if quadrant.wrapping_add(1) & 2 == 0 { c } else { -c };
    (s as f32, c as f32)
}

/// Two standard normal numbers from two words.
#[inline(always)]
fn box_muller_f32(x0: u32, x1: u32) -> [f32; 2] {
    let u = unit_f32(x0);
    let u = if u < SMALLEST as f32 { SMALLEST as f32 } else { u };
    let angle = (2.0 * PI * f64::from(unit_f32(x1))) as f32;
    let radius = (-2.0 * ln_f32(u)).sqrt();
    let (sin, cos) = sin_cos_f32(angle);
    [sin * radius, cos * radius]
}

/// Two standard normal numbers from four words.
fn box_muller_f64(x: [u32; 4]) -> [f64; 2] {
    let u = unit_f64(x[0], x[1]);
    let u = if u < SMALLEST { SMALLEST } else { u };
    let radius = (-2.0 * libm::log(u)).sqrt();
    let (sin, cos) = libm::sincos(2.0 * PI * unit_f64(x[2], x[3]));
    [sin * radius, cos * radius]
}

#[inline(always)]
fn box_muller_block(x: [u32; 4]) -> [f32; 4] {
    let ([a, b], [c, d]) = (box_muller_f32(x[0], x[1]), box_muller_f32(x[2], x[3]));
    [a, b, c, d]
}

/// Sixty-four standard normal numbers from sixteen blocks: one loop, so that it becomes vector code.
#[inline(always)]
fn box_muller_blocks(blocks: &[[u32; 4]; BATCH]) -> [f32; 4 * BATCH] {
    let mut numbers = [0.0; 4 * BATCH];
    let words = blocks.as_flattened().as_chunks::<2>().0;
    for (out, words) in numbers.as_chunks_mut::<2>().0.iter_mut().zip(words) {
        *out = box_muller_f32(words[0], words[1]);
    }
    numbers
}

clones! {
    /// Sixty-four normal numbers from sixteen blocks, rounded from f32 by `of`.
    fn normals[T, F: Fn(f32) -> T](stream: &Philox, batch: u64, out: &mut [T; 4 * BATCH], of: F) {
        let numbers = box_muller_blocks(&stream.blocks::<BATCH>(batch * BATCH as u64, 1));
        for (out, x) in out.iter_mut().zip(numbers) {
            *out = of(x);
        }
    }
}

clones! {
    /// Sixty-four truncated ones: sixteen groups at once, and those that meet an outlier in a second round.
    fn truncated[T, F: Fn(f32) -> T](stream: &Philox, batch: u64, out: &mut [T; 4 * BATCH], of: F) {
        const LIMIT: f32 = TRUNCATE as f32;
        let within = |x: f32| x.abs() < LIMIT;
        let first = batch * BATCH as u64 * SKIP_PER_ELEMENT;
        let mut numbers = box_muller_blocks(&stream.blocks::<BATCH>(first, SKIP_PER_ELEMENT));
        if !numbers.iter().fold(true, |all, &x| all & within(x)) {
            // A second block for every group, as fast as for one; hardly any group needs a third.
            let second = box_muller_blocks(&stream.blocks::<BATCH>(first + 1, SKIP_PER_ELEMENT));
            let seconds = second.as_chunks::<4>().0;
            for (group, four) in numbers.as_chunks_mut::<4>().0.iter_mut().enumerate() {
                let draw = |n| match n {
                    0 => *four,
                    1 => seconds[group],
                    _ => box_muller_block(stream.block(first + group as u64 * SKIP_PER_ELEMENT + n)),
                };
                *four = first_within(draw, within);
            }
        }
        for (out, x) in out.iter_mut().zip(numbers) {
            *out = of(x);
        }
    }
}

/// The first `N` accepted numbers of a sequence of draws.
fn first_within<T: Copy + Default, const N: usize, const M: usize>(
    draw: impl Fn(u64) -> [T; M],
    accept: impl Fn(T) -> bool,
) -> [T; N] {
    let mut kept = [T::default(); N];
    let mut filled = 0;
    for n in 0.. {
        for x in draw(n) {
            if accept(x) {
                kept[filled] = x;
                filled += 1;
                if filled == N {
                    return kept;
                }
            }
        }
    }
    kept
}

impl NormalFloat for f32 {
    fn fill(stream: &Philox, start: u64, out: &mut [Self]) {
        fill(start, out, |batch, out| normals(stream, batch, out, |x| x));
    }
    fn fill_truncated(stream: &Philox, start: u64, out: &mut [Self]) {
        fill(start, out, |batch, out| truncated(stream, batch, out, |x| x));
    }
}

impl NormalFloat for f16 {
    fn fill(stream: &Philox, start: u64, out: &mut [Self]) {
        fill(start, out, |batch, out| normals(stream, batch, out, f16::narrow));
    }
    fn fill_truncated(stream: &Philox, start: u64, out: &mut [Self]) {
        fill(start, out, |batch, out| truncated(stream, batch, out, f16::narrow));
    }
}

impl NormalFloat for bf16 {
    fn fill(stream: &Philox, start: u64, out: &mut [Self]) {
        fill(start, out, |batch, out| normals(stream, batch, out, bf16::narrow));
    }
    fn fill_truncated(stream: &Philox, start: u64, out: &mut [Self]) {
        fill(start, out, |batch, out| truncated(stream, batch, out, bf16::narrow));
    }
}

impl NormalFloat for f64 {
    fn fill(stream: &Philox, start: u64, out: &mut [Self]) {
        fill(start, out, |batch, out: &mut [f64; 2 * BATCH]| {
            let blocks = stream.blocks::<BATCH>(batch * BATCH as u64, 1);
            for (out, block) in out.as_chunks_mut::<2>().0.iter_mut().zip(blocks) {
                *out = box_muller_f64(block);
            }
        });
    }

    fn fill_truncated(stream: &Philox, start: u64, out: &mut [Self]) {
        fill(start, out, |group, out: &mut [f64; 2]| {
            let region = stream.skip(group * (SKIP_PER_ELEMENT / 2));
            *out = first_within(|n| box_muller_f64(region.block(n)), |x| x.abs() < TRUNCATE);
        });
    }
}
