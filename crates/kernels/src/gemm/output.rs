//! Where a product goes: rows on a regular grid, written from many threads without overlap.

use super::Epilogue;
use super::element::Element;
use std::marker::PhantomData;

/// Elements of whole rows that are one run for an epilogue.
const RUN: usize = 2048;

/// The rows of a stack of results: row `i` of result `batch` starts at
/// `start + batch * batch_stride + sum of digit * stride`, the digits being those of `i` in the mixed radix `dims`.
#[derive(Clone, Copy, Debug)]
pub struct Rows {
    /// Offset of the first row.
    pub start: usize,
    /// From one result to the next.
    pub batch_stride: usize,
    /// How many rows there are along each axis, outermost first.
    pub dims: [usize; 4],
    /// From one row to the next along each axis.
    pub strides: [usize; 4],
}

impl Rows {
    /// `m` rows, `stride` apart.
    pub fn strided(m: usize, stride: usize, batch_stride: usize) -> Rows {
        Rows { start: 0, batch_stride, dims: [1, 1, 1, m], strides: [0, 0, 0, stride] }
    }

    /// The number of rows of one result.
    pub fn count(&self) -> usize {
        self.dims.iter().product()
    }

    fn offset(&self, batch: usize, mut row: usize) -> usize {
        let mut at = self.start + batch * self.batch_stride;
        for (dim, stride) in self.dims.iter().zip(self.strides).rev() {
            at += row % dim * stride;
            row /= dim;
        }
        at
    }

    /// The one distance between neighbouring rows, if there is one.
    fn uniform(&self) -> Option<usize> {
        let mut stride = None;
        let mut inner = 1usize;
        for (&dim, &s) in self.dims.iter().zip(&self.strides).rev() {
            if dim == 1 {
                continue;
            }
            match stride {
                None => stride = Some(s),
                Some(first) if first * inner == s => {}
                Some(_) => return None,
            }
            inner *= dim;
        }
        Some(stride.unwrap_or(0))
    }

    /// One past the last element, or `None` if two rows of `n` elements overlap or the size overflows.
    pub(crate) fn extent(&self, batch: usize, n: usize) -> Option<usize> {
        let mut span = n;
        let axes = self.dims.iter().zip(&self.strides).rev();
        for (&count, &stride) in axes.chain([(&batch, &self.batch_stride)]) {
            if count > 1 {
                if stride < span {
                    return None;
                }
                span = (count - 1).checked_mul(stride)?.checked_add(span)?;
            }
        }
        span.checked_add(self.start)
    }
}

/// The results of a product while threads write them.
pub(crate) struct Output<'a, S> {
    c: *mut S,
    rows: Rows,
    uniform: Option<usize>,
    n: usize,
    pub(crate) accumulate: bool,
    epilogue: Epilogue<'a, S>,
    borrowed: PhantomData<&'a mut [S]>,
}

// SAFETY: `Output` gives out pointers only through unsafe methods whose callers keep threads to disjoint blocks, and
// the elements may be sent between threads.
unsafe impl<S: Send> Sync for Output<'_, S> {}

impl<'a, S: Element> Output<'a, S> {
    /// Results of `rows` by `n` in `c`.
    ///
    /// # Panics
    /// If the rows overlap or reach past the end of `c`, or the bias has not `n` elements.
    pub(crate) fn new(
        c: &'a mut [S],
        batch: usize,
        rows: Rows,
        n: usize,
        accumulate: bool,
        epilogue: Epilogue<'a, S>,
    ) -> Self {
        let extent = rows.extent(batch, n).expect("rows of the result overlap");
        assert!(extent <= c.len(), "the result holds {} elements, {extent} are needed", c.len());
        if let Some(bias) = epilogue.bias {
            assert_eq!(bias.len(), n, "the bias has one element for each column");
        }
        let uniform = rows.uniform();
        Output { c: c.as_mut_ptr(), rows, uniform, n, accumulate, epilogue, borrowed: PhantomData }
    }

    fn offset(&self, batch: usize, row: usize) -> usize {
        match self.uniform {
            Some(stride) => self.rows.start + batch * self.rows.batch_stride + row * stride,
            None => self.rows.offset(batch, row),
        }
    }

    /// The first element of a block and the distance of its rows, if sums can be written in place.
    pub(crate) fn in_place(&self, batch: usize, row: usize, col: usize) -> Option<(*mut S::Acc, usize)> {
        let stride = self.uniform.filter(|_| S::DIRECT)?;
        let at = self.offset(batch, row) + col;
        Some((self.c.wrapping_add(at).cast(), stride))
    }

    /// One row of a block.
    ///
    /// # Safety
    /// Row and columns lie within the result, and nothing else uses these elements while the slice lives.
    #[allow(clippy::mut_from_ref)] // Disjoint rows of one result, as the safety contract says.
    unsafe fn row(&self, batch: usize, row: usize, col: usize, cols: usize) -> &mut [S] {
        // SAFETY: `new` checked the extent of all rows; exclusive use is the caller's word.
        unsafe { std::slice::from_raw_parts_mut(self.c.add(self.offset(batch, row) + col), cols) }
    }

    /// Reads a block into `sums`, row by row.
    ///
    /// # Safety
    /// The block lies within the result and nothing else uses it meanwhile.
    pub(crate) unsafe fn read(&self, batch: usize, row: usize, col: usize, cols: usize, sums: &mut [S::Acc]) {
        for (i, sums) in sums.chunks_exact_mut(cols).enumerate() {
            // SAFETY: passed on.
            let held = unsafe { self.row(batch, row + i, col, cols) };
            for (sum, x) in sums.iter_mut().zip(held) {
                *sum = x.widen();
            }
        }
    }

    /// Rounds a block of finished sums into the result.
    ///
    /// # Safety
    /// The block lies within the result and nothing else uses it meanwhile.
    pub(crate) unsafe fn write(&self, batch: usize, row: usize, col: usize, cols: usize, sums: &[S::Acc]) {
        for (i, sums) in sums.chunks_exact(cols).enumerate() {
            // SAFETY: passed on.
            let out = unsafe { self.row(batch, row + i, col, cols) };
            for (x, &sum) in out.iter_mut().zip(sums) {
                *x = S::round(sum);
            }
        }
    }

    /// Whether there is anything to do with finished blocks.
    pub(crate) fn finishes(&self) -> bool {
        self.epilogue.bias.is_some() || self.epilogue.finish.is_some()
    }

    /// Applies the epilogue to a finished block.
    ///
    /// # Safety
    /// The block lies within the result and nothing else uses it meanwhile.
    pub(crate) unsafe fn finish(&self, batch: usize, row: usize, rows: usize, col: usize, cols: usize) {
        let Epilogue { bias, finish } = self.epilogue;
        if !self.finishes() || cols == 0 {
            return;
        }
        // Whole rows that lie together are one run, as long as it stays in L1: short rows would pay for a call each.
        let together = if cols == self.n && self.uniform == Some(cols) { (RUN / cols).max(1) } else { 1 };
        for i in (0..rows).step_by(together) {
            let len = together.min(rows - i) * cols;
            // SAFETY: passed on; the run covers rows of the block, and several only where they lie together.
            let run = unsafe { self.row(batch, row + i, col, len) };
            if let Some(bias) = bias {
                for row in run.chunks_exact_mut(cols) {
                    for (x, b) in row.iter_mut().zip(&bias[col..]) {
                        *x = x.plus(*b);
                    }
                }
            }
            if let Some(finish) = finish {
                finish(self.offset(batch, row + i) + col, run);
            }
        }
    }
}
