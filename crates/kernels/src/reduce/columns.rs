//! Reduces the last extent but one: a batch of [rows, columns] arrays, each to one row.

use std::marker::PhantomData;

use super::super::clones::clones;
use super::super::parallel;
use super::{Monoid, PARALLEL_FROM, TASK};

/// Columns whose accumulators stand side by side.
const TILE: usize = 512;

/// Rows in a leaf of the tree.
const LEAF: usize = 64;

/// Arrays of fewer columns than half of this are seen as wider ones of fewer rows, so that vectors fill.
const WIDE: usize = 64;

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
    let parallel = x.len() >= PARALLEL_FROM;
    let size = rows * columns;
    let one = move |x: &[X], out: &mut [M::Acc]| {
        if size <= SMALL {
            for (k, out) in out.iter_mut().enumerate() {
                let column = x[k..].iter().step_by(columns);
                *out = column.fold(M::IDENTITY, |acc, &x| M::join(acc, lift(x)));
            }
        } else if columns < WIDE / 2 {
            narrow::<M, X>(x, columns, out, lift, parallel);
        } else {
            let tile = |first: usize, out: &mut [M::Acc]| {
                tree::<M, X>(x, Part { stride: columns, first, rows }, out, lift, parallel);
            };
            if parallel && size > TASK {
                parallel::pieces(out, TILE, &tile);
            } else {
                out.chunks_mut(TILE).enumerate().for_each(|(i, out)| tile(i * TILE, out));
            }
        }
    };
    let task = if parallel { (TASK / size).max(1) * columns } else { 0 };
    parallel::pieces(out, task, &|first, out| {
        out.chunks_mut(columns).zip(x[first * rows..].chunks(size)).for_each(|(out, x)| one(x, out));
    });
}

/// Few columns: `m` rows at a time as one of `m · columns`, then the `m` groups halved to one.
fn narrow<M: Monoid, X: Copy + Sync>(
    x: &[X],
    columns: usize,
    out: &mut [M::Acc],
    lift: impl Fn(X) -> M::Acc + Copy + Sync,
    parallel: bool,
) {
    let mut m = 1;
    while 2 * m * columns <= WIDE {
        m *= 2;
    }
    let width = m * columns;
    let rows = x.len() / width;
    let mut acc = [M::IDENTITY; WIDE];
    let acc = &mut acc[..width];
    tree::<M, X>(x, Part { stride: width, first: 0, rows }, acc, lift, parallel);
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

/// Writes the columns' joins to `acc`: a tree over leaves of 64 rows, the left branch having the greatest
/// power of two below their number.
fn tree<M: Monoid, X: Copy + Sync>(
    x: &[X],
    at: Part,
    acc: &mut [M::Acc],
    lift: impl Fn(X) -> M::Acc + Copy + Sync,
    parallel: bool,
) {
    if at.rows <= LEAF {
        leaf(PhantomData::<M>, x, at, acc, lift);
        return;
    }
    let above = at.rows.div_ceil(LEAF).next_power_of_two() / 2 * LEAF;
    let left = Part { rows: above, ..at };
    let right = Part { rows: at.rows - above, ..at };
    let below = &x[above * at.stride..];
    let mut other = [M::IDENTITY; TILE];
    let other = &mut other[..acc.len()];
    if parallel && at.rows * acc.len() > TASK {
        parallel::join(&mut || tree::<M, X>(x, left, acc, lift, true), &mut || {
            tree::<M, X>(below, right, other, lift, true)
        });
    } else {
        tree::<M, X>(x, left, acc, lift, false);
        tree::<M, X>(below, right, other, lift, false);
    }
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
