//! Reduces the last extent but one: a batch of [rows, columns] arrays, each to one row.

use std::marker::PhantomData;

use super::super::clones::clones;
use super::super::parallel;
use super::super::scratch::Scratch;
use super::{Monoid, TASK, join_rows, work};

/// Columns whose accumulators stand side by side.
const TILE: usize = 512;

/// Columns of a leaf that stands alone: 16 KiB of `f32` accumulators. In tiles of 512 columns the sum of 4,096 by 4,096 over its
/// rows ran at 12 GB/s, each row being on other pages, in these at 24 (one thread of a Zen 4; reading alone: 31).
const WIDE_TILE: usize = 4096;

/// Wide arrays of more leaves than this are shared by their rows, others by their columns.
const FEW_LEAVES: usize = 8;

/// Rows in a leaf of the tree.
const LEAF: usize = 64;

/// Arrays of fewer columns than half of this are seen as wider ones of fewer rows, so that vectors fill.
const WIDE: usize = 64;

/// So many large arrays, or more, are shared as they are.
const WIDE_BATCH: usize = 16;

/// Arrays of at most this many elements are folded column by column.
const SMALL: usize = 128;

/// `out[b, k]` = join over r of lift(x[b, r, k]), for arrays of `rows` × `columns`, neither 0.
pub(super) fn reduce<M: Monoid, X: Copy + Sync>(
    x: &[X],
    rows: usize,
    columns: usize,
    out: &mut [M::Acc],
    lift: impl Fn(X) -> M::Acc + Copy + Sync,
) {
    let size = rows * columns;
    if size > TASK && out.len() < WIDE_BATCH * columns {
        // A few large arrays: one after the other, each shared by tiles of its columns or by branches of its rows.
        for (out, x) in out.chunks_mut(columns).zip(x.chunks(size)) {
            if columns < WIDE / 2 {
                narrow::<M, X>(x, columns, out, lift);
            } else if columns < 4 * TILE || rows > FEW_LEAVES * LEAF {
                let all = Part { stride: columns, first: 0, rows };
                tall::<M, X>(x, all, out, lift);
            } else {
                parallel::pieces(out, TILE, work(size), &|first, out| {
                    tree::<M, X>(x, Part { stride: columns, first, rows }, out, lift);
                });
            }
        }
        return;
    }
    let work = work(x.len());
    let task = parallel::together(out.len() / columns, work) * columns;
    parallel::pieces(out, task, work, &|first, out| {
        for (out, x) in out.chunks_mut(columns).zip(x[first * rows..].chunks(size)) {
            if size <= SMALL {
                for (k, out) in out.iter_mut().enumerate() {
                    let column = x[k..].iter().step_by(columns);
                    *out = column.fold(M::IDENTITY, |acc, &x| M::join(acc, lift(x)));
                }
            } else if columns < WIDE / 2 {
                narrow::<M, X>(x, columns, out, lift);
            } else {
                for (i, out) in out.chunks_mut(TILE).enumerate() {
                    tree::<M, X>(x, Part { stride: columns, first: i * TILE, rows }, out, lift);
                }
            }
        }
    });
}

/// Few columns: `m` rows at a time as one of `m · columns`, then the `m` groups halved to one.
fn narrow<M: Monoid, X: Copy + Sync>(
    x: &[X],
    columns: usize,
    out: &mut [M::Acc],
    lift: impl Fn(X) -> M::Acc + Copy + Sync,
) {
    let mut m = 1;
    while 2 * m * columns <= WIDE {
        m *= 2;
    }
    let width = m * columns;
    let rows = x.len() / width;
    let mut acc = [M::IDENTITY; WIDE];
    let acc = &mut acc[..width];
    tall::<M, X>(x, Part { stride: width, first: 0, rows }, acc, lift);
    for (acc, &x) in acc.iter_mut().zip(&x[rows * width..]) {
        *acc = M::join(*acc, lift(x));
    }
    while m > 1 {
        m /= 2;
        for i in 0..m * columns {
            acc[i] = M::join(acc[i], acc[i + m * columns]);
        }
    }
    out.copy_from_slice(&acc[..columns]);
}

/// Some columns of some rows: the columns from `first` on, as many as there are accumulators.
#[derive(Clone, Copy)]
struct Part {
    stride: usize,
    first: usize,
    rows: usize,
}

/// Writes the columns' joins to `acc`, with the branches of the tree that have about [`TASK`] elements shared.
fn tall<M: Monoid, X: Copy + Sync>(
    x: &[X],
    at: Part,
    acc: &mut [M::Acc],
    lift: impl Fn(X) -> M::Acc + Copy + Sync,
) {
    let width = acc.len();
    let mut branch = LEAF;
    while branch * width < TASK {
        branch *= 2;
    }
    let mut scratch = Scratch::take();
    let partials = scratch.slice::<M::Acc>(at.rows.div_ceil(branch) * width);
    parallel::pieces(partials, width, work(at.rows * width), &|first, partial| {
        let from = first / width * branch;
        let part = Part { rows: branch.min(at.rows - from), ..at };
        // A leaf goes along its rows as far as the accumulators stay in L1.
        let width = if part.rows <= LEAF { WIDE_TILE } else { TILE };
        for (i, partial) in partial.chunks_mut(width).enumerate() {
            let tile = Part { first: at.first + i * width, ..part };
            tree::<M, X>(&x[from * at.stride..], tile, partial, lift);
        }
    });
    join_rows::<M>(partials, width);
    acc.copy_from_slice(&partials[..width]);
}

/// Writes the columns' joins to `acc`: a tree over leaves of 64 rows, the left branch having the greatest
/// power of two below their number.
fn tree<M: Monoid, X: Copy + Sync>(
    x: &[X],
    at: Part,
    acc: &mut [M::Acc],
    lift: impl Fn(X) -> M::Acc + Copy + Sync,
) {
    if at.rows <= LEAF {
        leaf(PhantomData::<M>, x, at, acc, lift);
        return;
    }
    let above = at.rows.div_ceil(LEAF).next_power_of_two() / 2 * LEAF;
    let left = Part { rows: above, ..at };
    let right = Part { rows: at.rows - above, ..at };
    let mut other = [M::IDENTITY; TILE];
    let other = &mut other[..acc.len()];
    tree::<M, X>(x, left, acc, lift);
    tree::<M, X>(&x[above * at.stride..], right, other, lift);
    for (acc, &other) in acc.iter_mut().zip(&*other) {
        *acc = M::join(*acc, other);
    }
}

clones! {
    /// Up to 64 rows, from the top, four at a time to spare the accumulators' loads and stores.
    fn leaf[M: Monoid, X: Copy, L: Fn(X) -> M::Acc](
        _of: PhantomData<M>, x: &[X], at: Part, acc: &mut [M::Acc], lift: L,
    ) {
        let width = acc.len();
        let row = |r: usize| &x[r * at.stride + at.first..][..width];
        acc.fill(M::IDENTITY);
        let mut r = 0;
        while r + 4 <= at.rows {
            let (a, b, c, d) = (row(r), row(r + 1), row(r + 2), row(r + 3));
            for i in 0..width {
                let two = M::join(M::join(acc[i], lift(a[i])), lift(b[i]));
                acc[i] = M::join(M::join(two, lift(c[i])), lift(d[i]));
            }
            r += 4;
        }
        for r in r..at.rows {
            for (acc, &x) in acc.iter_mut().zip(row(r)) {
                *acc = M::join(*acc, lift(x));
            }
        }
    }
}
