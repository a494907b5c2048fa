//! Segment reductions: slices joined by the segment they belong to.

use std::any::TypeId;

use bytemuck::Pod;
use half::{bf16, f16};

use super::super::half_float::HalfFloat;
use super::super::reduce::{Mean, Monoid, Prod, Reduction, Sum};
use super::super::scratch::Scratch;
use super::scatter::by_index;
use super::{BadIndex, Index};

/// A reduction that has segment ops, with the results of segments that nothing belongs to.
pub trait SegmentOp<T>: Reduction<T> {
    /// For the sorted ops (`segment_max` …).
    const GAP: T;
    /// For the unsorted ops (`unsorted_segment_max` …).
    const EMPTY: T;
}

/// `segment_max`: NaN is dropped; of nothing 0, or the lowest finite value in the unsorted op.
pub struct SegmentMax;
/// `segment_min`: NaN is dropped; of nothing 0, or the highest finite value in the unsorted op.
pub struct SegmentMin;
/// `segment_sqrt_n`: the sum over the square root of how many.
pub struct SqrtN;

/// The first of two unless the second is strictly greater.
pub struct Above<A>(std::marker::PhantomData<A>);
/// The first of two unless the second is strictly less.
pub struct Below<A>(std::marker::PhantomData<A>);

macro_rules! segment_monoids {
    ($($acc:ident, $lowest:expr, $highest:expr;)*) => {$(
        impl Monoid for Above<$acc> {
            type Acc = $acc;
            const IDENTITY: $acc = $lowest;
            #[inline(always)]
            fn join(a: $acc, b: $acc) -> $acc {
                if b > a { b } else { a }
            }
        }
        impl Monoid for Below<$acc> {
            type Acc = $acc;
            const IDENTITY: $acc = $highest;
            #[inline(always)]
            fn join(a: $acc, b: $acc) -> $acc {
                if b < a { b } else { a }
            }
        }
    )*};
}

segment_monoids! {
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

macro_rules! segment_ops {
    ($($t:ident, $acc:ty, $zero:expr, $one:expr, |$x:ident| $widen:expr, |$y:ident| $narrow:expr;)*) => {$(
        impl Reduction<$t> for SegmentMax {
            type Monoid = Above<$acc>;
            #[inline(always)]
            fn lift($x: $t) -> $acc {
                $widen
            }
            #[inline(always)]
            fn finish($y: $acc, _count: usize) -> $t {
                $narrow
            }
        }
        impl Reduction<$t> for SegmentMin {
            type Monoid = Below<$acc>;
            #[inline(always)]
            fn lift($x: $t) -> $acc {
                $widen
            }
            #[inline(always)]
            fn finish($y: $acc, _count: usize) -> $t {
                $narrow
            }
        }
        segment_ops!(@empty $t, Sum, $zero, $zero);
        segment_ops!(@empty $t, Mean, $zero, $zero);
        segment_ops!(@empty $t, Prod, $one, $one);
        segment_ops!(@empty $t, SegmentMax, $zero, $t::MIN);
        segment_ops!(@empty $t, SegmentMin, $zero, $t::MAX);
    )*};
    (@empty $t:ident, $op:ident, $gap:expr, $empty:expr) => {
        impl SegmentOp<$t> for $op {
            const GAP: $t = $gap;
            const EMPTY: $t = $empty;
        }
    };
}

segment_ops! {
    f32, f32, 0.0, 1.0, |x| x, |y| y;
    f64, f64, 0.0, 1.0, |x| x, |y| y;
    f16, f32, f16::ZERO, f16::ONE, |x| x.widen(), |y| f16::narrow(y);
    bf16, f32, bf16::ZERO, bf16::ONE, |x| x.widen(), |y| bf16::narrow(y);
    i8, i8, 0, 1, |x| x, |y| y;
    i16, i16, 0, 1, |x| x, |y| y;
    i32, i32, 0, 1, |x| x, |y| y;
    i64, i64, 0, 1, |x| x, |y| y;
    u8, u8, 0, 1, |x| x, |y| y;
    u16, u16, 0, 1, |x| x, |y| y;
    u32, u32, 0, 1, |x| x, |y| y;
    u64, u64, 0, 1, |x| x, |y| y;
}

macro_rules! sqrt_n {
    ($($t:ident, $acc:ident, $zero:expr, |$y:ident| $narrow:expr;)*) => {$(
        impl Reduction<$t> for SqrtN {
            type Monoid = <Sum as Reduction<$t>>::Monoid;
            #[inline(always)]
            fn lift(x: $t) -> $acc {
                <Sum as Reduction<$t>>::lift(x)
            }
            #[inline(always)]
            fn finish(sum: $acc, count: usize) -> $t {
                let $y = sum / (count as $acc).sqrt();
                $narrow
            }
        }
        segment_ops!(@empty $t, SqrtN, $zero, $zero);
    )*};
}

sqrt_n! {
    f32, f32, 0.0, |y| y;
    f64, f64, 0.0, |y| y;
    f16, f32, f16::ZERO, |y| f16::narrow(y);
    bf16, f32, bf16::ZERO, |y| bf16::narrow(y);
}

/// How many segments sorted ids speak of: the last, plus one.
///
/// # Errors
/// The first id that is negative or less than the one before.
pub fn segment_count<I: Index>(ids: &[I]) -> Result<usize, BadIndex> {
    let mut last = 0;
    for (position, id) in ids.iter().enumerate() {
        let value = id.value();
        if value < last {
            return Err(BadIndex { position, value });
        }
        last = value;
    }
    Ok(if ids.is_empty() { 0 } else { last as usize + 1 })
}

/// `tf.math.segment_*`: `x` is [ids.len(), inner], `out` [segments, inner], where [`segment_count`] has
/// checked the ids and `segments` is its answer (or more: `num_segments` of the sparse ops).
///
/// f16 and bf16 are joined in f32 and rounded once.
pub fn segment_reduce<O: SegmentOp<T>, T, I: Index>(x: &[T], inner: usize, ids: &[I], out: &mut [T])
where
    T: Pod + Send + Sync,
{
    segments::<O, T, I>(x, inner, ids, out, O::GAP);
}

/// `tf.math.unsorted_segment_*`: `x` is [ids.len(), inner], `out` [num_segments, inner]. Slices of negative
/// ids are dropped.
///
/// # Errors
/// The first id that is `num_segments` or more; nothing is written then.
pub fn unsorted_segment_reduce<O: SegmentOp<T>, T, I: Index>(
    x: &[T],
    inner: usize,
    ids: &[I],
    num_segments: usize,
    out: &mut [T],
) -> Result<(), BadIndex>
where
    T: Pod + Send + Sync,
{
    assert_eq!(out.len(), num_segments * inner, "results");
    let beyond = |id: &I| id.value() >= 0 && id.value() as u64 >= num_segments as u64;
    if let Some(position) = ids.iter().position(beyond) {
        return Err(BadIndex { position, value: ids[position].value() });
    }
    segments::<O, T, I>(x, inner, ids, out, O::EMPTY);
    Ok(())
}

fn segments<O: SegmentOp<T>, T: Pod + Send + Sync, I: Index>(
    x: &[T],
    inner: usize,
    ids: &[I],
    out: &mut [T],
    empty: T,
) {
    assert_eq!(x.len(), ids.len() * inner, "elements");
    if out.is_empty() {
        return;
    }
    let mut counts = Scratch::take();
    let counts = counts.slice::<u64>(out.len() / inner);
    counts.fill(0);
    for id in ids {
        if let Ok(id) = usize::try_from(id.value()) {
            counts[id] += 1;
        }
    }
    let join = |acc: &mut [<O::Monoid as Monoid>::Acc]| {
        acc.fill(O::Monoid::IDENTITY);
        let to = |i: usize| usize::try_from(ids[i].value()).ok();
        by_index(ids.len(), to, x, inner, acc, |a, x| O::Monoid::join(a, O::lift(x)));
    };
    let result = |acc, count: u64| if count == 0 { empty } else { O::finish(acc, count as usize) };
    if TypeId::of::<T>() == TypeId::of::<<O::Monoid as Monoid>::Acc>() {
        // The accumulators are elements: they join where the results will be.
        join(bytemuck::cast_slice_mut(out));
        for (out, &count) in out.chunks_mut(inner).zip(&*counts) {
            for out in out {
                *out = result(bytemuck::cast(*out), count);
            }
        }
    } else {
        let mut scratch = Scratch::take();
        let acc = scratch.slice(out.len());
        join(acc);
        for ((out, acc), &count) in out.chunks_mut(inner).zip(acc.chunks(inner)).zip(&*counts) {
            for (out, &acc) in out.iter_mut().zip(acc) {
                *out = result(acc, count);
            }
        }
    }
}
