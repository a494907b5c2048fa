//! Where a product reads its operands from, and how they are packed for the micro-kernel.

use super::element::{Element, Real};
use std::ops::Range;

/// One side of a product. Its items have an *outer* index (the row of A, the column of B) and a *k* index.
///
/// Both sides look alike, so either can take either side of the micro-kernel.
pub(in crate::cpu) trait Operand<S: Element>: Sync {
    /// The operand as a plain strided matrix, if it is one.
    fn view(&self, batch: usize) -> Option<View<'_, S>>;

    /// Whether neighbours in k lie together in memory, so that copying rows beats copying panels.
    fn runs_along_k(&self) -> bool;

    /// Copies `out.len()` items of one row, from k index `k`.
    fn copy_row(&self, batch: usize, outer: usize, k: usize, out: &mut [S::Acc]);

    /// Copies a panel of `outer.len() <= width` rows as `out[k][width]`, with zeros behind the last row.
    fn copy_panel(
        &self,
        batch: usize,
        outer: Range<usize>,
        k: Range<usize>,
        width: usize,
        out: &mut [S::Acc],
    );
}

/// A strided matrix: item (outer, k) is `data[outer * outer_stride + k * k_stride]`.
#[derive(Clone, Copy)]
pub(in crate::cpu) struct View<'a, S> {
    /// Starts with the first item.
    pub(in crate::cpu) data: &'a [S],
    /// From one outer index to the next.
    pub(in crate::cpu) outer: usize,
    /// From one k to the next.
    pub(in crate::cpu) k: usize,
}

/// A stack of strided matrices.
pub(in crate::cpu) struct Matrices<'a, S> {
    /// All elements.
    pub(in crate::cpu) data: &'a [S],
    /// From one outer index to the next.
    pub(in crate::cpu) outer: usize,
    /// From one k to the next.
    pub(in crate::cpu) k: usize,
    /// From one matrix to the next; 0 repeats the same one.
    pub(in crate::cpu) batch: usize,
}

impl<S: Element> Operand<S> for Matrices<'_, S> {
    fn view(&self, batch: usize) -> Option<View<'_, S>> {
        Some(View { data: &self.data[batch * self.batch..], outer: self.outer, k: self.k })
    }

    fn runs_along_k(&self) -> bool {
        self.k == 1 && self.outer != 1
    }

    fn copy_row(&self, batch: usize, outer: usize, k: usize, out: &mut [S::Acc]) {
        let from = &self.data[batch * self.batch + outer * self.outer + k * self.k..];
        if self.k == 1 {
            for (to, x) in out.iter_mut().zip(from) {
                *to = x.widen();
            }
        } else {
            for (q, to) in out.iter_mut().enumerate() {
                *to = from[q * self.k].widen();
            }
        }
    }

    fn copy_panel(
        &self,
        batch: usize,
        outer: Range<usize>,
        k: Range<usize>,
        width: usize,
        out: &mut [S::Acc],
    ) {
        let from = &self.data[batch * self.batch + outer.start * self.outer + k.start * self.k..];
        strided_panel(View { data: from, outer: self.outer, k: self.k }, outer.len(), k.len(), width, out);
    }
}

/// Copies `rows` by `k` items of a strided matrix as `out[k][width]`, with zeros behind the last row.
pub(in crate::cpu) fn strided_panel<S: Element>(
    from: View<'_, S>,
    rows: usize,
    k: usize,
    width: usize,
    out: &mut [S::Acc],
) {
    let out = &mut out[..k * width];
    if from.outer == 1 {
        for (q, to) in out.chunks_exact_mut(width).enumerate() {
            let (real, rest) = to.split_at_mut(rows);
            for (to, x) in real.iter_mut().zip(&from.data[q * from.k..]) {
                *to = x.widen();
            }
            rest.fill(S::Acc::ZERO);
        }
        return;
    }
    // Sixteen k at a time: their cache lines of `out` stay in L1 while the rows go by.
    for (block, to) in out.chunks_mut(16 * width).enumerate() {
        for r in 0..rows {
            let from_row = &from.data[r * from.outer + block * 16 * from.k..];
            for (q, to) in to.chunks_exact_mut(width).enumerate() {
                to[r] = from_row[q * from.k].widen();
            }
        }
        for to in to.chunks_exact_mut(width) {
            to[rows..].fill(S::Acc::ZERO);
        }
    }
}
