//! `argmax` and `argmin` along one axis.

use half::{bf16, f16};

use super::super::clones::clones;
use super::super::parallel;

/// Positions whose best values stand side by side.
const TILE: usize = 256;

/// Elements of a line compared side by side.
const LANES: usize = 32;

/// An element type with an order for [`argmax`] and [`argmin`]; NaN is never better.
pub trait ArgOrder: Copy + Send + Sync {
    /// Nothing is less, NaN aside.
    const LOWEST: Self;
    /// Nothing is greater, NaN aside.
    const HIGHEST: Self;
    /// Whether `self` is strictly greater.
    fn exceeds(self, other: Self) -> bool;
}

/// An integer type that can count positions.
pub trait ArgIndex: Copy + Default + Send {
    /// The position as this type (which the caller knows to be wide enough).
    fn of(position: usize) -> Self;
}

macro_rules! arg_order {
    ($($t:ty, $lowest:expr, $highest:expr;)*) => {$(
        impl ArgOrder for $t {
            const LOWEST: Self = $lowest;
            const HIGHEST: Self = $highest;
            #[inline(always)]
            fn exceeds(self, other: Self) -> bool {
                self > other
            }
        }
    )*};
}

arg_order! {
    f16, f16::NEG_INFINITY, f16::INFINITY;
    bf16, bf16::NEG_INFINITY, bf16::INFINITY;
    f32, f32::NEG_INFINITY, f32::INFINITY;
    f64, f64::NEG_INFINITY, f64::INFINITY;
    i8, i8::MIN, i8::MAX;
    i16, i16::MIN, i16::MAX;
    i32, i32::MIN, i32::MAX;
    i64, i64::MIN, i64::MAX;
    u8, u8::MIN, u8::MAX;
    u16, u16::MIN, u16::MAX;
    u32, u32::MIN, u32::MAX;
    u64, u64::MIN, u64::MAX;
}

macro_rules! arg_index {
    ($($t:ty)*) => {$(
        impl ArgIndex for $t {
            #[inline(always)]
            fn of(position: usize) -> Self {
                position as Self
            }
        }
    )*};
}

arg_index!(i16 u16 i32 i64);

/// The first position of the greatest element along the middle extent of `x`, [.., extent, inner].
///
/// NaN is never greater, so a line of NaN (or of -∞) gives 0: TensorFlow's CPU rule. `extent` is not 0.
pub fn argmax<T: ArgOrder, I: ArgIndex>(x: &[T], extent: usize, inner: usize, out: &mut [I]) {
    arg(x, extent, inner, out, T::LOWEST, T::exceeds);
}

/// The first position of the least element along the middle extent; as [`argmax`].
pub fn argmin<T: ArgOrder, I: ArgIndex>(x: &[T], extent: usize, inner: usize, out: &mut [I]) {
    arg(x, extent, inner, out, T::HIGHEST, |a, b| b.exceeds(a));
}

fn arg<T: ArgOrder, I: ArgIndex>(
    x: &[T],
    extent: usize,
    inner: usize,
    out: &mut [I],
    worst: T,
    better: impl Fn(T, T) -> bool + Copy + Sync,
) {
    assert!(extent > 0, "no element to choose from");
    assert_eq!(x.len(), out.len() * extent, "elements");
    if out.is_empty() {
        return;
    }
    let one = |x: &[T], out: &mut [I]| {
        if inner == 1 {
            out[0] = I::of(line(x, worst, better));
        } else {
            lines(x, out, worst, better);
        }
    };
    let size = extent * inner;
    // Half a nanosecond an element.
    let work = x.len() / 2;
    parallel::pieces(out, parallel::together(x.len() / size, work) * inner, work, &|first, out| {
        out.chunks_mut(inner).zip(x[first * extent..].chunks(size)).for_each(|(out, x)| one(x, out));
    });
}

clones! {
    /// As many lines side by side as there are results.
    fn lines[T: ArgOrder, I: ArgIndex, F: Fn(T, T) -> bool](x: &[T], out: &mut [I], worst: T, better: F) {
        let inner = out.len();
        for (tile, out) in out.chunks_mut(TILE).enumerate() {
            let mut best = [worst; TILE];
            out.fill(I::of(0));
            for (r, row) in x.chunks_exact(inner).enumerate() {
                let row = &row[tile * TILE..][..out.len()];
                for ((best, out), &x) in best.iter_mut().zip(&mut *out).zip(row) {
                    let wins = better(x, *best);
                    *best = if wins { x } else { *best };
                    *out = if wins { I::of(r) } else { *out };
                }
            }
        }
    }
}

clones! {
    /// One line that lies together: the best value by lanes, then the first place that holds it.
    fn line[T: ArgOrder, F: Fn(T, T) -> bool](x: &[T], worst: T, better: F) -> usize {
        let mut lanes = [worst; LANES];
        let (groups, rest) = x.as_chunks::<LANES>();
        for group in groups {
            for (lane, &x) in lanes.iter_mut().zip(group) {
                *lane = if better(x, *lane) { x } else { *lane };
            }
        }
        let best = lanes.iter().chain(rest).fold(worst, |best, &x| if better(x, best) { x } else { best });
        if !better(best, worst) {
            return 0;
        }
        // Equal to the best: better than the worst, which NaN is not, and not beaten.
        let equal = |&x: &T| better(x, worst) && !better(best, x);
        let with_best = |group: &[T; LANES]| group.iter().fold(false, |any, x| any | equal(x));
        let first = groups.iter().position(with_best).unwrap_or(groups.len()) * LANES;
        first + x[first..].iter().position(equal).unwrap_or(0)
    }
}
