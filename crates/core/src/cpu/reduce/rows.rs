//! Reduces the last extent: each row of a [rows, columns] array to one result.

use rayon::prelude::*;

use super::{Monoid, PARALLEL_FROM, TASK};

/// Accumulators side by side in a chunk: element i goes to lane i mod 32.
const LANES: usize = 32;

/// Elements in a leaf of a row's tree.
const CHUNK: usize = 4_096;

/// Rows shorter than this are folded from the left.
const SHORT: usize = 16;

/// `out[r] = finish(join of lift(x) over row r)`, rows of `columns` elements, `columns` not 0.
pub(super) fn reduce<M: Monoid, X: Copy + Sync, Y: Send>(
    x: &[X],
    columns: usize,
    out: &mut [Y],
    lift: impl Fn(X) -> M::Acc + Copy + Sync,
    finish: impl Fn(M::Acc) -> Y + Copy + Sync,
) {
    let parallel = x.len() >= PARALLEL_FROM;
    let some = move |x: &[X], out: &mut [Y]| {
        for (out, row) in out.iter_mut().zip(x.chunks_exact(columns)) {
            *out = finish(if columns < SHORT {
                short::<M, X>(row, lift)
            } else {
                tree::<M, X>(row, lift, parallel)
            });
        }
    };
    if parallel && out.len() > 1 {
        let rows = (TASK / columns).max(1);
        out.par_chunks_mut(rows).zip(x.par_chunks(rows * columns)).for_each(|(out, x)| some(x, out));
    } else {
        some(x, out);
    }
}

/// A short row, from the left.
#[inline(always)]
fn short<M: Monoid, X: Copy>(row: &[X], lift: impl Fn(X) -> M::Acc) -> M::Acc {
    row.iter().fold(M::IDENTITY, |acc, &x| M::join(acc, lift(x)))
}

/// A row as a tree over its chunks: the left branch has the greatest power of two below their number.
fn tree<M: Monoid, X: Copy + Sync>(
    row: &[X],
    lift: impl Fn(X) -> M::Acc + Copy + Sync,
    parallel: bool,
) -> M::Acc {
    if row.len() <= CHUNK {
        return chunk::<M, X>(row, lift);
    }
    let (left, right) = row.split_at(row.len().div_ceil(CHUNK).next_power_of_two() / 2 * CHUNK);
    let (left, right) = if parallel && row.len() > TASK {
        rayon::join(|| tree::<M, X>(left, lift, true), || tree::<M, X>(right, lift, true))
    } else {
        (tree::<M, X>(left, lift, false), tree::<M, X>(right, lift, false))
    };
    M::join(left, right)
}

/// A leaf: lanes, then the lanes halved until one is left.
#[inline(always)]
fn chunk<M: Monoid, X: Copy>(row: &[X], lift: impl Fn(X) -> M::Acc) -> M::Acc {
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
