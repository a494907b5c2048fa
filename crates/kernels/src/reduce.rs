//! Reductions over any set of axes of a contiguous row-major array.
//!
//! Axes collapse to alternating kept and reduced extents, and those are eaten from the right by two kernels:
//! rows (reduce the last extent) and columns (reduce the one before the last). The order of every addition is
//! fixed by the extents alone: lanes and chunks of constant size, partial results joined as a binary tree.
//! Threads share the tree's branches among themselves and change no bit.

mod arg;
mod columns;
mod monoid;
mod rows;
#[cfg(test)]
mod tests;

use std::any::TypeId;

use bytemuck::Pod;
use smallvec::SmallVec;

use super::scratch::Scratch;

pub use arg::{ArgIndex, ArgOrder, argmax, argmin};
pub use monoid::{All, Any, Max, Mean, Min, Monoid, Prod, Reduction, Sum, SumSquares};

/// Elements of a branch of a tree that is computed as a chunk of its own: 32 KiB to 256 KiB.
const TASK: usize = 32_768;

/// Nanoseconds that reducing so many elements takes one thread, near enough: they come from L3, or are joined in 16 bits.
fn work(elements: usize) -> usize {
    elements / 20
}

/// Joins rows of `width` partial results to the first: a tree whose left branch has the greatest power of two below their
/// number, as all trees here.
fn join_rows<M: Monoid>(partials: &mut [M::Acc], width: usize) {
    let rows = partials.len() / width;
    if rows > 1 {
        let (left, right) = partials.split_at_mut(rows.next_power_of_two() / 2 * width);
        join_rows::<M>(left, width);
        join_rows::<M>(right, width);
        for (left, &right) in left[..width].iter_mut().zip(&*right) {
            *left = M::join(*left, right);
        }
    }
}

/// What is left of a shape and its reduced axes once runs of axes of one kind are merged: extents from the
/// left, alternately kept and reduced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extents {
    merged: SmallVec<[Extent; 4]>,
    kept: usize,
    reduced: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Extent {
    size: usize,
    reduced: bool,
}

impl Extents {
    /// Merges `shape`, where `axes` lists the reduced axes in any order, each below the rank (callers have
    /// resolved negative ones).
    pub fn new(shape: &[usize], axes: &[usize]) -> Self {
        let mut this = Self { merged: SmallVec::new(), kept: 1, reduced: 1 };
        for (axis, &size) in shape.iter().enumerate() {
            let reduced = axes.contains(&axis);
            *if reduced { &mut this.reduced } else { &mut this.kept } *= size;
            match this.merged.last_mut() {
                _ if size == 1 => {}
                Some(last) if last.reduced == reduced => last.size *= size,
                _ => this.merged.push(Extent { size, reduced }),
            }
        }
        this
    }

    /// How many results there are: the product of the kept extents.
    pub fn kept(&self) -> usize {
        self.kept
    }

    /// How many elements go into each result.
    pub fn reduced(&self) -> usize {
        self.reduced
    }
}

/// Reduces `x`, of `extents`, to `out`, one element for each kept position, in row-major order.
///
/// A reduction of nothing gives the identity, finished (a mean of no floats is NaN). f16 and bf16 are
/// accumulated in f32 and rounded once.
///
/// # Panics
/// If `x` or `out` has another length than `extents` says.
pub fn reduce<O: Reduction<T>, T: Pod + Send + Sync>(extents: &Extents, x: &[T], out: &mut [T]) {
    assert_eq!(x.len(), extents.kept * extents.reduced, "elements to reduce");
    assert_eq!(out.len(), extents.kept, "results");
    let finish = |acc| O::finish(acc, extents.reduced);
    if out.is_empty() {
        return;
    }
    if extents.reduced == 0 {
        out.fill(finish(O::Monoid::IDENTITY));
    } else if passes(&extents.merged) == 0 {
        for (out, &x) in out.iter_mut().zip(x) {
            *out = finish(O::lift(x));
        }
    } else if TypeId::of::<T>() == TypeId::of::<<O::Monoid as Monoid>::Acc>() {
        // Accumulators are elements, so they lie where the results will.
        accumulate::<O, T>(extents, x, bytemuck::cast_slice_mut(out));
        for out in out {
            *out = finish(bytemuck::cast(*out));
        }
    } else {
        let mut scratch = Scratch::take();
        let acc = scratch.slice(out.len());
        accumulate::<O, T>(extents, x, acc);
        for (out, &acc) in out.iter_mut().zip(&*acc) {
            *out = finish(acc);
        }
    }
}

/// The longest rows that [`reduce_rows`] takes.
pub const LONGEST_ROW: usize = rows::CHUNK;

/// Reduces each row of `columns` elements to one element of `out`, on this thread: what [`reduce`] gives for the last axis,
/// to the bit, for callers that have shared out the rows themselves and keep them in the cache.
///
/// # Panics
/// If `x` is not one row for each element of `out`, or rows are empty or longer than [`LONGEST_ROW`].
pub fn reduce_rows<O, T>(x: &[T], columns: usize, out: &mut [T])
where
    T: Pod + Send + Sync,
    O: Reduction<T, Monoid: Monoid<Acc = T>>,
{
    assert!((1..=LONGEST_ROW).contains(&columns) && x.len() == columns * out.len(), "whole rows");
    rows::chunks(std::marker::PhantomData::<O::Monoid>, x, columns, out, O::lift);
    for out in out {
        *out = O::finish(*out, columns);
    }
}

/// The joins of what belongs to each kept position, where there is something to reduce.
fn accumulate<O: Reduction<T>, T: Pod + Send + Sync>(
    extents: &Extents,
    x: &[T],
    acc: &mut [<O::Monoid as Monoid>::Acc],
) {
    let mut left = extents.merged.clone();
    if passes(&left) == 1 {
        pass::<O::Monoid, _>(&mut left, x, acc, O::lift);
        return;
    }
    let (mut a, mut b) = (Scratch::take(), Scratch::take());
    let (mut now, mut next) = (&mut a, &mut b);
    let mut len = x.len() / inner_reduced(&left);
    pass::<O::Monoid, _>(&mut left, x, now.slice(len), O::lift);
    while passes(&left) > 1 {
        let from: &[_] = now.slice(len);
        len /= inner_reduced(&left);
        pass::<O::Monoid, _>(&mut left, from, next.slice(len), |acc| acc);
        (now, next) = (next, now);
    }
    pass::<O::Monoid, _>(&mut left, now.slice(len), acc, |acc| acc);
}

fn passes(extents: &[Extent]) -> usize {
    extents.iter().filter(|e| e.reduced).count()
}

/// The size of the rightmost reduced extent.
fn inner_reduced(extents: &[Extent]) -> usize {
    extents.iter().rev().find(|e| e.reduced).map_or(1, |e| e.size)
}

/// Reduces the rightmost reduced extent and takes it out of `extents`.
fn pass<M: Monoid, X: Copy + Sync>(
    extents: &mut SmallVec<[Extent; 4]>,
    x: &[X],
    out: &mut [M::Acc],
    lift: impl Fn(X) -> M::Acc + Copy + Sync,
) {
    let Some(last) = extents.pop() else { return };
    if last.reduced {
        rows::reduce::<M, X>(x, last.size, out, lift);
        return;
    }
    let Some(reduced) = extents.pop() else { return };
    columns::reduce::<M, X>(x, reduced.size, last.size, out, lift);
    match extents.last_mut() {
        Some(outer) => outer.size *= last.size,
        None => extents.push(last),
    }
}
