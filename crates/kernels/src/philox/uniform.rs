//! Uniform numbers: random mantissa bits between one and two, less one, or random integers modulo a range.

use half::{bf16, f16};

use super::super::clones::clones;
use super::super::half_float::HalfFloat;
use super::{BATCH, Philox, fill};

/// A float type that [`fill_uniform`] makes, from one 32-bit word or two.
pub trait UniformFloat: Copy + Default + Send {
    /// Writes elements `start..` of the stream's uniform numbers in [0, 1).
    fn fill(stream: &Philox, start: u64, out: &mut [Self]);
}

/// An integer type that [`fill_uniform_int`] and [`fill_uniform_full`] make.
pub trait UniformInt: Copy + Default + Send + Sync {
    /// Writes elements `start..`, each `low + bits % range`, or plain `bits` where `range` is `None`.
    fn fill(stream: &Philox, start: u64, out: &mut [Self], low_and_range: Option<(Self, Self)>);

    /// `high - low` in the unsigned type of the same width, bits kept.
    fn range(low: Self, high: Self) -> Self;
}

/// `StatelessRandomUniformV2`: elements `start..` of the uniform numbers in [0, 1).
///
/// f32 takes the low 23 bits of a word, f16 the low 10, bf16 the low 7, f64 52 bits of two words.
pub fn fill_uniform<T: UniformFloat>(stream: &Philox, start: u64, out: &mut [T]) {
    T::fill(stream, start, out);
}

/// `StatelessRandomUniformIntV2`: elements `start..` of the integers in [low, high), by remainder.
///
/// Callers have checked `low < high`; an empty range panics (remainder by zero).
pub fn fill_uniform_int<T: UniformInt>(stream: &Philox, start: u64, low: T, high: T, out: &mut [T]) {
    T::fill(stream, start, out, Some((low, T::range(low, high))));
}

/// `StatelessRandomUniformFullIntV2`: elements `start..` of integers over the type's whole range.
pub fn fill_uniform_full<T: UniformInt>(stream: &Philox, start: u64, out: &mut [T]) {
    T::fill(stream, start, out, None);
}

/// Elements of one word each.
fn from_words<T: Copy + Default + Send>(
    stream: &Philox,
    start: u64,
    out: &mut [T],
    of: impl Fn(u32) -> T + Copy + Sync,
) {
    fill(start, out, |batch, out| words(stream, batch, out, of));
}

/// Elements of two words each.
fn from_pairs<T: Copy + Default + Send>(
    stream: &Philox,
    start: u64,
    out: &mut [T],
    of: impl Fn(u32, u32) -> T + Copy + Sync,
) {
    fill(start, out, |batch, out| pairs(stream, batch, out, of));
}

clones! {
    /// Sixty-four elements from sixteen blocks.
    fn words[T, F: Fn(u32) -> T](stream: &Philox, batch: u64, out: &mut [T; 4 * BATCH], of: F) {
        let blocks = stream.blocks::<BATCH>(batch * BATCH as u64, 1);
        for (out, &word) in out.iter_mut().zip(blocks.as_flattened()) {
            *out = of(word);
        }
    }
}

clones! {
    /// Thirty-two elements from sixteen blocks.
    fn pairs[T, F: Fn(u32, u32) -> T](stream: &Philox, batch: u64, out: &mut [T; 2 * BATCH], of: F) {
        let blocks = stream.blocks::<BATCH>(batch * BATCH as u64, 1);
        for (out, pair) in out.iter_mut().zip(blocks.as_flattened().as_chunks::<2>().0) {
            *out = of(pair[0], pair[1]);
        }
    }
}

/// A word's low 23 bits as the mantissa of a number in [1, 2), less one.
#[inline(always)]
pub(super) fn unit_f32(word: u32) -> f32 {
    f32::from_bits(0x3f80_0000 | word & 0x007f_ffff) - 1.0
}

/// The low 20 bits of `high` and all of `low` as the mantissa of a number in [1, 2), less one.
#[inline(always)]
pub(super) fn unit_f64(high: u32, low: u32) -> f64 {
    let mantissa = u64::from(high & 0x000f_ffff) << 32 | u64::from(low);
    f64::from_bits(0x3ff0_0000_0000_0000 | mantissa) - 1.0
}

impl UniformFloat for f32 {
    fn fill(stream: &Philox, start: u64, out: &mut [Self]) {
        from_words(stream, start, out, unit_f32);
    }
}

impl UniformFloat for f64 {
    fn fill(stream: &Philox, start: u64, out: &mut [Self]) {
        from_pairs(stream, start, out, unit_f64);
    }
}

impl UniformFloat for f16 {
    fn fill(stream: &Philox, start: u64, out: &mut [Self]) {
        // The ten bits over 1024 are exact in f16, as is TensorFlow's subtraction.
        from_words(stream, start, out, |word| f16::narrow((word & 0x3ff) as f32 / 1024.0));
    }
}

impl UniformFloat for bf16 {
    fn fill(stream: &Philox, start: u64, out: &mut [Self]) {
        from_words(stream, start, out, |word| bf16::narrow((word & 0x7f) as f32 / 128.0));
    }
}

macro_rules! uniform_int {
    ($($int:ty, $bits:ty, $from:ident, $word:expr;)*) => {$(
        impl UniformInt for $int {
            fn fill(stream: &Philox, start: u64, out: &mut [Self], low_and_range: Option<(Self, Self)>) {
                let word = $word;
                match low_and_range {
                    None => $from(stream, start, out, word),
                    Some((low, range)) => {
                        let reduce = |bits: $int| low.wrapping_add((bits as $bits % range as $bits) as $int);
                        uniform_int!(@reduced $from, stream, start, out, word, reduce);
                    }
                }
            }

            fn range(low: Self, high: Self) -> Self {
                high.wrapping_sub(low)
            }
        }
    )*};
    (@reduced from_words, $stream:ident, $start:ident, $out:ident, $word:ident, $reduce:ident) => {
        from_words($stream, $start, $out, |a| $reduce($word(a)))
    };
    (@reduced from_pairs, $stream:ident, $start:ident, $out:ident, $word:ident, $reduce:ident) => {
        from_pairs($stream, $start, $out, |a, b| $reduce($word(a, b)))
    };
}

uniform_int! {
    i32, u32, from_words, |a: u32| a.cast_signed();
    u32, u32, from_words, |a: u32| a;
    i64, u64, from_pairs, |a: u32, b: u32| (u64::from(a) | u64::from(b) << 32).cast_signed();
    u64, u64, from_pairs, |a: u32, b: u32| u64::from(a) | u64::from(b) << 32;
}
