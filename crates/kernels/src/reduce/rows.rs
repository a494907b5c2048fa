//! Reduces the last extent: each row of a [rows, columns] array to one result.

use std::marker::PhantomData;

use super::super::clones::clones;
use super::super::parallel;
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
    let task = if parallel { (TASK / columns).max(1) } else { 0 };
    parallel::pieces(out, task, &|first, out| {
        let x = &x[first * columns..][..out.len() * columns];
        if columns <= CHUNK {
            whole(PhantomData::<M>, x, columns, out, lift, finish);
        } else {
            for (out, row) in out.iter_mut().zip(x.chunks_exact(columns)) {
                *out = finish(tree::<M, X>(row, lift, parallel));
            }
        }
    });
}

clones! {
    /// Rows of at most one chunk.
    fn whole[
        M: Monoid, X: Copy, Y, L: Fn(X) -> M::Acc + Copy, F: Fn(M::Acc) -> Y
    ](_of: PhantomData<M>, x: &[X], columns: usize, out: &mut [Y], lift: L, finish: F) {
        for (out, row) in out.iter_mut().zip(x.chunks_exact(columns)) {
            *out = finish(if columns < SHORT {
                row.iter().fold(M::IDENTITY, |acc, &x| M::join(acc, lift(x)))
            } else {
                leaf::<M, X>(row, lift)
            });
        }
    }
}

clones! {
    /// One chunk of a long row.
    fn chunk[M: Monoid, X: Copy, L: Fn(X) -> M::Acc](_of: PhantomData<M>, row: &[X], lift: L) -> M::Acc {
        leaf::<M, X>(row, lift)
    }
}

/// A row as a tree over its chunks: the left branch has the greatest power of two below their number.
fn tree<M: Monoid, X: Copy + Sync>(
    row: &[X],
    lift: impl Fn(X) -> M::Acc + Copy + Sync,
    parallel: bool,
) -> M::Acc {
    if row.len() <= CHUNK {
        return chunk(PhantomData::<M>, row, lift);
    }
    let (left, right) = row.split_at(row.len().div_ceil(CHUNK).next_power_of_two() / 2 * CHUNK);
    if parallel && row.len() > TASK {
        let (mut a, mut b) = (M::IDENTITY, M::IDENTITY);
        parallel::join(&mut || a = tree::<M, X>(left, lift, true), &mut || {
            b = tree::<M, X>(right, lift, true)
        });
        return M::join(a, b);
    }
    M::join(tree::<M, X>(left, lift, false), tree::<M, X>(right, lift, false))
}

/// A leaf: lanes, then the lanes halved until one is left.
#[inline(always)]
fn leaf<M: Monoid, X: Copy>(row: &[X], lift: impl Fn(X) -> M::Acc) -> M::Acc {
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
