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

use smallvec::SmallVec;

use super::scratch::Scratch;

pub use arg::{ArgIndex, ArgOrder, argmax, argmin};
pub use monoid::{All, Any, Max, Mean, Min, Monoid, Prod, Reduction, Sum, SumSquares};

/// Fewer elements than this are reduced by the calling thread alone.
const PARALLEL_FROM: usize = 100_000;

/// Elements a parallel task is worth its wake-up for.
const TASK: usize = 32_768;

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
pub fn reduce<O: Reduction<T>, T: Copy + Send + Sync>(extents: &Extents, x: &[T], out: &mut [T]) {
    assert_eq!(x.len(), extents.kept * extents.reduced, "elements to reduce");
    assert_eq!(out.len(), extents.kept, "results");
    let count = extents.reduced;
    let finish = move |acc| O::finish(acc, count);
    if out.is_empty() {
        return;
    }
    if count == 0 {
        out.fill(finish(O::Monoid::IDENTITY));
        return;
    }
    let mut left = extents.merged.clone();
    match passes(&left) {
        0 => {
            for (out, &x) in out.iter_mut().zip(x) {
                *out = finish(O::lift(x));
            }
        }
        1 => pass::<O::Monoid, _, _>(&mut left, x, out, O::lift, finish),
        _ => {
            let (mut a, mut b) = (Scratch::take(), Scratch::take());
            let (mut now, mut next) = (&mut a, &mut b);
            let mut len = x.len() / inner_reduced(&left);
            pass::<O::Monoid, _, _>(&mut left, x, now.slice(len), O::lift, |acc| acc);
            while passes(&left) > 0 {
                let from: &[_] = now.slice(len);
                len /= inner_reduced(&left);
                pass::<O::Monoid, _, _>(&mut left, from, next.slice(len), |acc| acc, |acc| acc);
                (now, next) = (next, now);
            }
            let now: &[_] = now.slice(len);
            for (out, &acc) in out.iter_mut().zip(now) {
                *out = finish(acc);
            }
        }
    }
}

fn passes(extents: &[Extent]) -> usize {
    extents.iter().filter(|e| e.reduced).count()
}

/// The size of the rightmost reduced extent.
fn inner_reduced(extents: &[Extent]) -> usize {
    extents.iter().rev().find(|e| e.reduced).map_or(1, |e| e.size)
}

/// Reduces the rightmost reduced extent and takes it out of `extents`.
fn pass<M: Monoid, X: Copy + Sync, Y: Send>(
    extents: &mut SmallVec<[Extent; 4]>,
    x: &[X],
    out: &mut [Y],
    lift: impl Fn(X) -> M::Acc + Copy + Sync,
    finish: impl Fn(M::Acc) -> Y + Copy + Sync,
) {
    let Some(last) = extents.pop() else { return };
    if last.reduced {
        rows::reduce::<M, X, Y>(x, last.size, out, lift, finish);
        return;
    }
    let Some(reduced) = extents.pop() else { return };
    columns::reduce::<M, X, Y>(x, reduced.size, last.size, out, lift, finish);
    match extents.last_mut() {
        Some(outer) => outer.size *= last.size,
        None => extents.push(last),
    }
}
