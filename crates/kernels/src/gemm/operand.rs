//! Where a product reads its operands from, and how they are packed for the micro-kernel.

use super::element::Element;
use super::transpose::transpose;
use crate::scratch::Scratch;
use std::ops::Range;

/// One side of a product. Its items have an *outer* index (the row of A, the column of B) and a *k* index.
///
/// Both sides look alike, so either can take either side of the micro-kernel.
pub trait Operand<S: Element>: Sync {
    /// The operand as a plain strided matrix, if it is one.
    fn view(&self, batch: usize) -> Option<View<'_, S>>;

    /// Whether neighbours in k lie together in memory, so that copying rows beats copying panels.
    fn runs_along_k(&self) -> bool;

    /// Copies rows to places `stride` apart in `out`.
    fn copy_rows(
        &self,
        batch: usize,
        outer: Range<usize>,
        k: Range<usize>,
        stride: usize,
        out: &mut [S::Acc],
    );

    /// Copies a panel of `outer.len() <= width` rows as `out[k][width]`. What it leaves behind the last row has no
    /// meaning and no effect.
    fn copy_panel(
        &self,
        batch: usize,
        outer: Range<usize>,
        k: Range<usize>,
        width: usize,
        out: &mut [S::Acc],
    ) {
        let mut scratch = Scratch::take();
        let rows = scratch.slice::<S::Acc>(outer.len() * k.len());
        self.copy_rows(batch, outer.clone(), k.clone(), k.len(), rows);
        transpose(rows, k.len(), outer.len(), k.len(), width, out);
    }
}

/// A strided matrix: item (outer, k) is `data[outer * outer_stride + k * k_stride]`.
#[derive(Clone, Copy)]
pub struct View<'a, S> {
    /// Starts with the first item.
    pub data: &'a [S],
    /// From one outer index to the next.
    pub outer: usize,
    /// From one k to the next.
    pub k: usize,
}

/// A stack of strided matrices.
pub struct Matrices<'a, S> {
    /// All elements.
    pub data: &'a [S],
    /// From one outer index to the next.
    pub outer: usize,
    /// From one k to the next.
    pub k: usize,
    /// From one matrix to the next; 0 repeats the same one.
    pub batch: usize,
}

impl<S: Element> Operand<S> for Matrices<'_, S> {
    fn view(&self, batch: usize) -> Option<View<'_, S>> {
        // With k = 0 there may be no data at all.
        let data = self.data.get(batch * self.batch..).unwrap_or(&[]);
        Some(View { data, outer: self.outer, k: self.k })
    }

    fn runs_along_k(&self) -> bool {
        self.k == 1 && self.outer != 1
    }

    fn copy_rows(
        &self,
        batch: usize,
        outer: Range<usize>,
        k: Range<usize>,
        stride: usize,
        out: &mut [S::Acc],
    ) {
        for (row, out) in outer.zip(out.chunks_mut(stride)) {
            let from = &self.data[batch * self.batch + row * self.outer + k.start * self.k..];
            let out = &mut out[..k.len()];
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

/// Copies `rows` by `k` items of a strided matrix as `out[k][width]`. What it leaves behind the last row has no meaning.
pub fn strided_panel<S: Element>(from: View<'_, S>, rows: usize, k: usize, width: usize, out: &mut [S::Acc]) {
    let out = &mut out[..k * width];
    match (from.outer, from.k, width) {
        (1, _, 32) => copy_lines::<S, 32>(from, rows, width, out),
        (1, _, 9..=16) => copy_lines::<S, 16>(from, rows, width, out),
        (1, _, 5..=8) => copy_lines::<S, 8>(from, rows, width, out),
        (1, _, 1..=4) => copy_lines::<S, 4>(from, rows, width, out),
        (outer, 1, _) if S::DIRECT => transpose(bytemuck::cast_slice(from.data), outer, rows, k, width, out),
        _ => copy_items(from, rows, k, width, out),
    }
}

/// Copies a panel whose items lie together at each k, `WIDE >= width` of them at a time: what is too much is overwritten by
/// the next line.
fn copy_lines<S: Element, const WIDE: usize>(
    from: View<'_, S>,
    rows: usize,
    width: usize,
    out: &mut [S::Acc],
) {
    for q in 0..out.len() / width {
        let (items, to) = (&from.data[q * from.k..], &mut out[q * width..]);
        if let (Some(items), Some(to)) = (items.first_chunk::<WIDE>(), to.first_chunk_mut::<WIDE>()) {
            *to = items.map(S::widen);
        } else {
            for (to, x) in to[..rows].iter_mut().zip(items) {
                *to = x.widen();
            }
        }
    }
}

/// Copies items one by one.
fn copy_items<S: Element>(from: View<'_, S>, rows: usize, k: usize, width: usize, out: &mut [S::Acc]) {
    // Sixteen k at a time: their cache lines of `out` stay in L1 while the rows go by.
    for k0 in (0..k).step_by(16) {
        for r in 0..rows {
            for q in k0..k.min(k0 + 16) {
                out[q * width + r] = from.data[r * from.outer + q * from.k].widen();
            }
        }
    }
}
