//! The product of one row and one column: no tile to fill, so eight partial sums run side by side.

use super::K_BLOCK;
use super::element::{Element, Real};
use super::operand::View;
use crate::clones::clones;

const SIDE_BY_SIDE: usize = 8;

clones! {
    /// `start` plus the sum over `k` of `a` times `b`, as the engine defines it.
    ///
    /// # Panics
    /// If an operand is too short.
    pub(super) fn dot[S: Element](
        a: View<'_, S>,
        b: View<'_, S>,
        k: usize,
        start: Option<S::Acc>,
    ) -> S::Acc {
        let mut total = start;
        let mut first = 0;
        while first < k {
            let mut sums = [S::Acc::ZERO; SIDE_BY_SIDE];
            let pieces = if k - first >= SIDE_BY_SIDE * K_BLOCK {
                for q in first..first + K_BLOCK {
                    for (piece, sum) in sums.iter_mut().enumerate() {
                        let q = q + piece * K_BLOCK;
                        *sum = a.data[q * a.k].widen().fma(b.data[q * b.k].widen(), *sum);
                    }
                }
                SIDE_BY_SIDE
            } else {
                for q in first..k.min(first + K_BLOCK) {
                    sums[0] = a.data[q * a.k].widen().fma(b.data[q * b.k].widen(), sums[0]);
                }
                1
            };
            for sum in &sums[..pieces] {
                total = Some(total.map_or(*sum, |total| total.plus(*sum)));
            }
            first += pieces * K_BLOCK;
        }
        total.unwrap_or(S::Acc::ZERO)
    }
}
