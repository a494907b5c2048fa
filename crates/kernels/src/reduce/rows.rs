//! Reduces the last extent: each row of a [rows, columns] array to one result.

use std::marker::PhantomData;

use super::super::clones::clones;
use super::super::parallel;
use super::super::scratch::Scratch;
use super::{Monoid, TASK, join_rows, work};

/// Accumulators side by side in a chunk: element i goes to lane i mod 32.
const LANES: usize = 32;

/// Elements in a leaf of a row's tree.
pub(super) const CHUNK: usize = 4_096;

/// Rows shorter than this are folded from the left.
const SHORT: usize = 16;

/// `out[r]` = join of lift(x) over row r, rows of `columns` elements, `columns` not 0.
pub(super) fn reduce<M: Monoid, X: Copy + Sync>(
    x: &[X],
    columns: usize,
    out: &mut [M::Acc],
    lift: impl Fn(X) -> M::Acc + Copy + Sync,
) {
    let work = work(x.len());
    if columns > TASK {
        for (out, row) in out.iter_mut().zip(x.chunks_exact(columns)) {
            *out = long::<M, X>(row, lift);
        }
        return;
    }
    parallel::pieces(out, parallel::together(out.len(), work), work, &|first, out| {
        let x = &x[first * columns..][..out.len() * columns];
        if columns <= CHUNK {
            chunks(PhantomData::<M>, x, columns, out, lift);
        } else {
            for (out, row) in out.iter_mut().zip(x.chunks_exact(columns)) {
                *out = tree::<M, X>(row, lift);
            }
        }
    });
}

/// A row whose branches of [`TASK`] elements, a power of two of chunks, are shared.
fn long<M: Monoid, X: Copy + Sync>(row: &[X], lift: impl Fn(X) -> M::Acc + Copy + Sync) -> M::Acc {
    const { assert!((TASK / CHUNK).is_power_of_two() && TASK.is_multiple_of(CHUNK)) }
    let mut scratch = Scratch::take();
    let partials = scratch.slice::<M::Acc>(row.len().div_ceil(TASK));
    parallel::pieces(partials, 1, work(row.len()), &|branch, partial| {
        let from = &row[branch * TASK..];
        partial[0] = tree::<M, X>(&from[..from.len().min(TASK)], lift);
    });
    join_rows::<M>(partials, 1);
    partials[0]
}

clones! {
    /// Rows of at most one chunk each.
    pub(super) fn chunks[M: Monoid, X: Copy, L: Fn(X) -> M::Acc + Copy](
        _of: PhantomData<M>, x: &[X], columns: usize, out: &mut [M::Acc], lift: L,
    ) {
        for (out, row) in out.iter_mut().zip(x.chunks_exact(columns)) {
            *out = if columns < SHORT {
                row.iter().fold(M::IDENTITY, |acc, &x| M::join(acc, lift(x)))
            } else {
                lanes::<M, X>(row, lift)
            };
        }
    }
}

/// A row as a tree over its chunks: the left branch has the greatest power of two below their number.
fn tree<M: Monoid, X: Copy + Sync>(row: &[X], lift: impl Fn(X) -> M::Acc + Copy + Sync) -> M::Acc {
    if row.len() <= CHUNK {
        let mut acc = [M::IDENTITY];
        chunks(PhantomData::<M>, row, row.len(), &mut acc, lift);
        return acc[0];
    }
    let (left, right) = row.split_at(row.len().div_ceil(CHUNK).next_power_of_two() / 2 * CHUNK);
    M::join(tree::<M, X>(left, lift), tree::<M, X>(right, lift))
}

/// A leaf: lanes, then the lanes halved until one is left.
#[inline(always)]
fn lanes<M: Monoid, X: Copy>(row: &[X], lift: impl Fn(X) -> M::Acc) -> M::Acc {
    let mut lanes = [M::IDENTITY; LANES];
    let (groups, rest) = row.as_chunks::<LANES>();
    for group in groups {
        for (lane, &x) in lanes.iter_mut().zip(group) {
            *lane = M::join(*lane, lift(x));
        }
    }
    for (lane, &x) in lanes.iter_mut().zip(rest) {
        *lane = M::join(*lane, lift(x));
    }
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            lanes[i] = M::join(lanes[i], lanes[i + width]);
        }
        width /= 2;
    }
    lanes[0]
}
