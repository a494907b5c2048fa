//! Sorting and searching along the last axis: rows of `n` elements, each on its own.
//!
//! The order is total: NaN above everything (in TensorFlow its place depends on the algorithm's steps),
//! -0.0 and 0.0 equal. Equal elements keep their order in both directions, as TensorFlow's do.

use std::cmp::Ordering;

use half::{bf16, f16};
use rustc_hash::FxHashMap;

use super::clones::clones;
use super::parallel;
use super::reduce::ArgIndex;
use super::scratch::Scratch;

#[cfg(test)]
mod tests;

/// An element type with the module's order.
pub trait Ordered: Copy + Send + Sync {
    /// The order; equal for NaN and NaN.
    fn order(self, other: Self) -> Ordering;
    /// Whether `self < other` by plain comparison (false with NaN).
    fn below(self, other: Self) -> bool;
    /// Whether this comes after `other` in the order; no branches.
    fn over(self, other: Self) -> bool;
    /// Bits that are the same for equal elements, or `None` for NaN, which equals nothing.
    fn identity(self) -> Option<u64>;
    /// A number with the order of the elements, if 32 bits are enough for one.
    fn key(self) -> Option<u32>;
}

/// The key of a float: the bits of positive numbers rise with them, those of negative ones fall.
#[inline(always)]
fn float_key(x: f32) -> u32 {
    let bits = if x == 0.0 { 0 } else { x.to_bits() };
    let key = if bits >> 31 == 1 { !bits } else { bits | 1 << 31 };
    if x.is_nan() { u32::MAX } else { key }
}

macro_rules! ordered_ints {
    ($($t:ty, $key:expr;)*) => {$(
        impl Ordered for $t {
            #[inline(always)]
            fn order(self, other: Self) -> Ordering {
                self.cmp(&other)
            }
            #[inline(always)]
            fn below(self, other: Self) -> bool {
                self < other
            }
            #[inline(always)]
            fn over(self, other: Self) -> bool {
                self > other
            }
            #[inline(always)]
            fn identity(self) -> Option<u64> {
                Some(self as u64)
            }
            #[inline(always)]
            fn key(self) -> Option<u32> {
                const KEY: fn($t) -> Option<u32> = $key;
                KEY(self)
            }
        }
    )*};
}

macro_rules! ordered_floats {
    ($($t:ty, $zero:expr, $key:expr;)*) => {$(
        impl Ordered for $t {
            #[inline(always)]
            fn order(self, other: Self) -> Ordering {
                self.partial_cmp(&other).unwrap_or_else(|| self.is_nan().cmp(&other.is_nan()))
            }
            #[inline(always)]
            fn below(self, other: Self) -> bool {
                self < other
            }
            #[inline(always)]
            fn over(self, other: Self) -> bool {
                (self > other) | (self.is_nan() & !other.is_nan())
            }
            #[inline(always)]
            fn key(self) -> Option<u32> {
                const KEY: fn($t) -> Option<u32> = $key;
                KEY(self)
            }
            #[inline(always)]
            fn identity(self) -> Option<u64> {
                if self.is_nan() {
                    None
                } else if self == $zero {
                    Some(0)
                } else {
                    Some(self.to_bits().into())
                }
            }
        }
    )*};
}

ordered_ints! {
    i8, |x| Some(x as u32 ^ 1 << 31);
    i16, |x| Some(x as u32 ^ 1 << 31);
    i32, |x| Some(x as u32 ^ 1 << 31);
    i64, |_| None;
    u8, |x| Some(x.into());
    u16, |x| Some(x.into());
    u32, Some;
    u64, |_| None;
}
ordered_floats! {
    f16, f16::ZERO, |x| Some(float_key(x.to_f32()));
    bf16, bf16::ZERO, |x| Some(float_key(x.to_f32()));
    f32, 0.0, |x| Some(float_key(x));
    f64, 0.0, |_| None;
}

/// Which way rows are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Least first, NaN last.
    Ascending,
    /// Greatest first, NaN before it.
    Descending,
}

impl Direction {
    #[inline(always)]
    fn order<T: Ordered>(self, a: T, b: T) -> Ordering {
        match self {
            Self::Ascending => a.order(b),
            Self::Descending => b.order(a),
        }
    }
}

/// Runs `row` over rows of `x` and pieces of `out`, in parallel where it pays.
fn by_rows<T: Sync, U: Send>(
    x: &[T],
    n: usize,
    out: &mut [U],
    per_row: usize,
    row: impl Fn(&[T], &mut [U]) + Sync,
) {
    // Some 10 ns an element: comparisons that are hard to predict.
    let work = 10 * x.len();
    let task = parallel::together(x.len() / n, work) * per_row;
    parallel::pieces(out, task, work, &|first, out| {
        x[first / per_row * n..].chunks(n).zip(out.chunks_mut(per_row)).for_each(|(x, out)| row(x, out));
    });
}

/// `tf.sort`: each row of `n` elements of `x`, sorted, to `out`.
pub fn sort<T: Ordered>(x: &[T], n: usize, direction: Direction, out: &mut [T]) {
    assert_eq!(x.len(), out.len(), "elements and results");
    if n == 0 {
        return;
    }
    by_rows(x, n, out, n, |x, out| {
        let mut scratch = Scratch::take();
        if let Some(keys) = keyed(x, direction, &mut scratch) {
            out.iter_mut().zip(keys).for_each(|(out, key)| *out = x[*key as u32 as usize]);
            return;
        }
        out.copy_from_slice(x);
        out.sort_by(|&a, &b| direction.order(a, b));
    });
}

/// From so many elements on keys are sorted rather than elements.
const KEYED: usize = 32;

/// A row sorted as numbers whose upper half is the element's key and whose lower half its place, so that no two are equal; if
/// elements have keys and there are enough of them.
fn keyed<'a, T: Ordered>(x: &[T], direction: Direction, scratch: &'a mut Scratch) -> Option<&'a [u64]> {
    if x.len() < KEYED || u32::try_from(x.len()).is_err() {
        return None;
    }
    x[0].key()?;
    let keys = scratch.slice::<u64>(x.len());
    for ((key, x), place) in keys.iter_mut().zip(x).zip(0..) {
        let own = x.key().unwrap_or(0);
        let own = if direction == Direction::Ascending { own } else { !own };
        *key = u64::from(own) << 32 | place;
    }
    keys.sort_unstable();
    Some(keys)
}

/// `tf.argsort`: the places from which each row's sorted elements come. Always stable.
pub fn argsort<T: Ordered, I: Place>(x: &[T], n: usize, direction: Direction, out: &mut [I]) {
    assert_eq!(x.len(), out.len(), "elements and results");
    if n == 0 {
        return;
    }
    by_rows(x, n, out, n, |x, out| {
        let mut scratch = Scratch::take();
        if let Some(keys) = keyed(x, direction, &mut scratch) {
            out.iter_mut().zip(keys).for_each(|(out, key)| *out = I::of(*key as u32 as usize));
            return;
        }
        for (i, out) in out.iter_mut().enumerate() {
            *out = I::of(i);
        }
        out.sort_by(|a, b| direction.order(x[a.place()], x[b.place()]));
    });
}

/// An index type that results are written in and read back from.
pub trait Place: ArgIndex {
    /// The position that `of` made this from.
    fn place(self) -> usize;
}

macro_rules! place {
    ($($t:ty)*) => {$(
        impl Place for $t {
            #[inline(always)]
            fn place(self) -> usize {
                self as usize
            }
        }
    )*};
}

place!(i16 u16 i32 i64);

/// More of a row was asked for than it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooFew {
    /// What was asked for.
    pub k: usize,
    /// What there is.
    pub n: usize,
}

/// `tf.math.top_k`: the `k` greatest of each row, greatest first, and their places; of equals the first.
pub fn top_k<T: Ordered, I: Place>(
    x: &[T],
    n: usize,
    k: usize,
    values: &mut [T],
    places: &mut [I],
) -> Result<(), TooFew> {
    if k > n {
        return Err(TooFew { k, n });
    }
    if k == 0 || x.is_empty() {
        return Ok(());
    }
    assert_eq!(x.len() / n * k, values.len(), "values");
    assert_eq!(values.len(), places.len(), "places");
    by_rows(x, n, places, k, |x, places| {
        let mut scratch = Scratch::take();
        let order = |&a: &u32, &b: &u32| x[b as usize].order(x[a as usize]).then(a.cmp(&b));
        let all = if n / 4 > k + PIECE {
            candidates(x, k, order, scratch.slice::<u32>(2 * k + 2 * PIECE))
        } else {
            let all = scratch.slice::<u32>(n);
            all.iter_mut().zip(0..).for_each(|(place, i)| *place = i);
            all
        };
        if k < all.len() {
            all.select_nth_unstable_by(k - 1, order);
        }
        all[..k].sort_unstable_by(order);
        for (place, &i) in places.iter_mut().zip(&*all) {
            *place = I::of(i as usize);
        }
    });
    for ((x, values), places) in x.chunks(n).zip(values.chunks_mut(k)).zip(places.chunks(k)) {
        for (value, place) in values.iter_mut().zip(places) {
            *value = x[place.place()];
        }
    }
    Ok(())
}

/// Elements that are looked at together: mostly none of them is among the greatest.
const PIECE: usize = 64;

/// The places of some elements of a long row, at least `k` and among them the `k` first by `order`.
fn candidates<'a, T: Ordered>(
    x: &[T],
    k: usize,
    order: impl Fn(&u32, &u32) -> Ordering + Copy,
    places: &'a mut [u32],
) -> &'a mut [u32] {
    // What is not over the last of `k` elements before it is not among the greatest.
    let (mut count, mut bar) = (0, None);
    for (piece, first) in x.chunks(PIECE).zip((0..).step_by(PIECE)) {
        if bar.is_some_and(|bar| !any_over(piece, bar)) {
            continue;
        }
        for (&x, place) in piece.iter().zip(first..) {
            if bar.is_none_or(|bar| x.over(bar)) {
                places[count] = place;
                count += 1;
            }
        }
        if count + PIECE > places.len() {
            places[..count].select_nth_unstable_by(k - 1, order);
            bar = Some(x[places[k - 1] as usize]);
            count = k;
        }
    }
    &mut places[..count]
}

clones! {
    /// Whether any element comes after `bar`.
    fn any_over[T: Ordered](x: &[T], bar: T) -> bool {
        x.iter().fold(false, |any, x| any | x.over(bar))
    }
}

/// Which of equal elements a search stops at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Before the first that is not less: `LowerBound`.
    Left,
    /// After the last that is not greater: `UpperBound`.
    Right,
}

/// `tf.searchsorted`: for each of the `m` values of a row, its place among the row's `n` sorted elements.
pub fn searchsorted<T: Ordered, I: Place>(
    sorted: &[T],
    n: usize,
    values: &[T],
    m: usize,
    side: Side,
    out: &mut [I],
) {
    assert_eq!(values.len(), out.len(), "values and results");
    if m == 0 {
        return;
    }
    for (row, (values, out)) in values.chunks(m).zip(out.chunks_mut(m)).enumerate() {
        let sorted = &sorted[row * n..][..n];
        for (out, &value) in out.iter_mut().zip(values) {
            *out = I::of(match side {
                Side::Left => bound(sorted, |x| x.below(value)),
                Side::Right => bound(sorted, |x| !value.below(x)),
            });
        }
    }
}

/// How many elements come before: halving from the middle as C++ does, so that rows that are not sorted
/// (or hold NaN) give TensorFlow's answer too.
fn bound<T: Copy>(sorted: &[T], before: impl Fn(T) -> bool) -> usize {
    let (mut first, mut left) = (0, sorted.len());
    while left > 0 {
        let half = left / 2;
        if before(sorted[first + half]) {
            first += half + 1;
            left -= half + 1;
        } else {
            left = half;
        }
    }
    first
}

/// The distinct elements of a vector.
#[derive(Clone, Debug, PartialEq)]
pub struct Unique<T, I> {
    /// Each distinct element once, in the order of first occurrence.
    pub values: Vec<T>,
    /// For each element its place among `values`.
    pub places: Vec<I>,
    /// How often each of `values` occurs.
    pub counts: Vec<I>,
}

/// `tf.unique_with_counts` (and `tf.unique`). Every NaN is distinct; -0.0 equals 0.0.
pub fn unique<T: Ordered, I: Place>(x: &[T]) -> Unique<T, I> {
    let mut known = FxHashMap::default();
    let (mut values, mut counts) = (Vec::new(), Vec::<usize>::new());
    let places = x.iter().map(|&x| {
        let mut new = || {
            values.push(x);
            counts.push(0);
            values.len() - 1
        };
        let place = match x.identity() {
            Some(bits) => *known.entry(bits).or_insert_with(new),
            None => new(),
        };
        counts[place] += 1;
        I::of(place)
    });
    let places = places.collect();
    Unique { values, places, counts: counts.into_iter().map(I::of).collect() }
}

/// `tf.math.in_top_k`: for each row of `n` predictions, whether fewer than `k` exceed the target's, as a
/// truth byte. False where the target is outside the row, or the target's prediction or one met before `k`
/// greater ones is not finite: there TensorFlow says that it cannot tell.
pub fn in_top_k<I: Copy + Into<i64>>(predictions: &[f32], n: usize, targets: &[I], k: i64, out: &mut [u8]) {
    assert_eq!(targets.len(), out.len(), "targets and results");
    assert_eq!(predictions.len(), n * targets.len(), "predictions");
    for (row, (&target, out)) in targets.iter().zip(out).enumerate() {
        let row = &predictions[row * n..][..n];
        let target = usize::try_from(target.into()).ok().and_then(|t| row.get(t));
        *out = u8::from(target.is_some_and(|&target| {
            let mut greater = 0;
            for &x in row {
                if !x.is_finite() || !target.is_finite() {
                    return false;
                }
                if x > target {
                    greater += 1;
                    if greater > k {
                        return false;
                    }
                }
            }
            greater < k
        }));
    }
}
