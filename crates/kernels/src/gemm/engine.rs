//! The engine under every product: cuts the work into blocks, packs operands, calls the micro-kernel.
//!
//! The bits of a result depend on its operands and on k alone. An element is the sum, in order, of partial sums over
//! [`K_BLOCK`] consecutive k; a partial sum is one chain of fused multiply-adds in k order that starts from zero.
//! Everything else here (sides, packing, block sizes, tasks) is free to follow the machine.

use super::dot::dot;
use super::element::{Element, Real};
use super::kernel::{Kernel, Tile};
use super::operand::Operand;
use super::output::{Output, Rows};
use super::{Epilogue, K_BLOCK};
use crate::parallel;
use crate::scratch::Scratch;
use std::ops::Range;

/// Rows of the broadcast side packed at a time: with `K_BLOCK`, a quarter of a 1 MiB L2 for `f32`.
const P_BLOCK: usize = 120;
/// Bytes of the vector side packed at a time, for each k.
const Q_BLOCK_BYTES: usize = 4096;
/// Rows of a block that share one packed vector side.
const P_SPAN: usize = 960;
/// Packed rows lie a cache line further apart than a power of two, or they would compete for the same sets of L1.
const ROW_PAD: usize = 16;
/// With so few rows of the other side, an operand is not read often enough to be worth packing.
const FEW: usize = 48;
/// Most elements of partial sums kept when k is shared out among threads.
const SPLIT_ELEMENTS: usize = 4 << 20;

/// A stack of products, `c[batch] = a[batch] b[batch]` with sums over `k`.
pub struct Product<'a, A, B> {
    /// How many products.
    pub batch: usize,
    /// Length of the sums.
    pub k: usize,
    /// Columns of the result.
    pub n: usize,
    /// The left operand; outer index: row.
    pub a: &'a A,
    /// The right operand; outer index: column.
    pub b: &'a B,
    /// Whether B takes the broadcast side of the micro-kernel, if the caller knows better than the engine.
    pub swap: Option<bool>,
}

/// The part of a stack of products that one task computes at a time.
#[derive(Clone)]
struct Block {
    batch: usize,
    rows: Range<usize>,
    cols: Range<usize>,
}

/// A stack of products cut into equal blocks.
struct Grid {
    m: usize,
    n: usize,
    block_rows: usize,
    block_cols: usize,
    /// Blocks along the columns, and in all, of one product.
    across: usize,
    per_product: usize,
}

impl Grid {
    fn new(m: usize, n: usize, block_rows: usize, block_cols: usize) -> Grid {
        let across = n.div_ceil(block_cols);
        Grid { m, n, block_rows, block_cols, across, per_product: m.div_ceil(block_rows) * across }
    }

    fn block(&self, index: usize) -> Block {
        let (batch, index) = (index / self.per_product, index % self.per_product);
        let (row, col) = (index / self.across * self.block_rows, index % self.across * self.block_cols);
        let rows = row..self.m.min(row + self.block_rows);
        Block { batch, rows, cols: col..self.n.min(col + self.block_cols) }
    }
}

impl<A, B> Product<'_, A, B> {
    /// Computes all products into rows of `c`, adding to what is there if `accumulate`, then applies the epilogue.
    ///
    /// # Panics
    /// If the rows overlap or do not fit into `c`, an operand is too short, or the bias has not `n` elements.
    pub fn run<S>(&self, c: &mut [S], rows: Rows, accumulate: bool, epilogue: Epilogue<'_, S>)
    where
        S: Element,
        A: Operand<S>,
        B: Operand<S>,
    {
        let (m, n) = (rows.count(), self.n);
        if self.batch == 0 || m == 0 || n == 0 {
            return;
        }
        let swap = self.swap.unwrap_or_else(|| self.b_broadcasts(m));
        let kernel =
            if swap { S::Acc::kernel(n, m, lies(self.a)) } else { S::Acc::kernel(m, n, lies(self.b)) };
        let work = self.work(m);
        let tasks = parallel::parts(work);
        let output = Output::new(c, self.batch, rows, n, accumulate, epilogue);
        if m == 1 && n == 1 && self.a.view(0).is_some() && self.b.view(0).is_some() {
            parallel::indices(self.batch, work, &|batch| self.dot(batch, &output));
            return;
        }
        let grid = self.grid(m, tasks, swap, kernel);
        let blocks = self.batch * grid.per_product;
        let chunks = self.k.div_ceil(K_BLOCK);
        if blocks < tasks && chunks > 1 && m * n <= SPLIT_ELEMENTS / chunks {
            for index in 0..blocks {
                self.split_k(&grid.block(index), swap, kernel, work / blocks, &output);
            }
        } else {
            parallel::indices(blocks, work, &|index| self.block(&grid.block(index), swap, kernel, &output));
        }
    }

    /// Whether B takes the broadcast side: when the result is too narrow for vectors along its rows, or when reading
    /// a B that lies transposed in place saves more than transposing a small A costs.
    fn b_broadcasts<S>(&self, m: usize) -> bool
    where
        S: Element,
        A: Operand<S>,
        B: Operand<S>,
    {
        let vector = S::Acc::kernel(m, 1, false).nr;
        let narrow = self.n < if self.a.runs_along_k() { vector / 4 } else { vector } && m > self.n;
        let transposed = self.b.runs_along_k() && (!self.a.runs_along_k() || m <= FEW) && m >= vector;
        narrow || transposed
    }

    /// Nanoseconds that one thread needs, near enough.
    fn work(&self, m: usize) -> usize {
        let reads = m.saturating_add(self.n).saturating_mul(4);
        let products = m.saturating_mul(self.n).saturating_add(reads);
        parallel::multiply_adds(products.saturating_mul(self.k.max(1)).saturating_mul(self.batch))
    }

    fn grid<T>(&self, m: usize, tasks: usize, swap: bool, kernel: Kernel<T>) -> Grid {
        let q_span = Q_BLOCK_BYTES / size_of::<T>();
        let (row_unit, col_unit) = if swap { (kernel.nr, kernel.mr) } else { (kernel.mr, kernel.nr) };
        let (row_max, col_max) = if swap { (q_span, P_SPAN) } else { (P_SPAN, q_span) };
        if tasks == 1 && m <= row_max && self.n <= col_max {
            return Grid::new(m, self.n, m, self.n);
        }
        let (mut down, mut across) = (m.div_ceil(row_max), self.n.div_ceil(col_max));
        let size = |len: usize, parts: usize, unit: usize| len.div_ceil(parts).next_multiple_of(unit);
        while self.batch * down * across < tasks {
            let (rows, cols) = (size(m, down, row_unit), size(self.n, across, col_unit));
            if rows >= cols && rows >= 2 * row_unit {
                down *= 2;
            } else if cols >= 2 * col_unit {
                across *= 2;
            } else if rows >= 2 * row_unit {
                down *= 2;
            } else {
                break;
            }
        }
        Grid::new(m, self.n, size(m, down, row_unit), size(self.n, across, col_unit))
    }

    /// Computes one block of the result with its epilogue.
    fn block<S>(&self, block: &Block, swap: bool, kernel: Kernel<S::Acc>, output: &Output<'_, S>)
    where
        S: Element,
        A: Operand<S>,
        B: Operand<S>,
    {
        let Block { batch, rows, cols } = block.clone();
        let (row, col, width) = (rows.start, cols.start, cols.len());
        // SAFETY: blocks of one grid are disjoint and within the result, and each is computed by one task, so every
        // pointer and slice below is this task's own; `sums` has `rows.len()` rows of `width` elements.
        unsafe {
            if let Some((c, stride)) = output.in_place(batch, row, col) {
                self.sums(block, 0..self.k, swap, kernel, c, stride, output.accumulate);
            } else {
                let mut scratch = Scratch::take();
                let sums = scratch.slice::<S::Acc>(rows.len() * width);
                if output.accumulate {
                    output.read(batch, row, col, width, sums);
                }
                self.sums(block, 0..self.k, swap, kernel, sums.as_mut_ptr(), width, output.accumulate);
                output.write(batch, row, col, width, sums);
            }
            output.finish(batch, row, rows.len(), col, width);
        }
    }

    /// Computes one product of a row and a column with its epilogue.
    fn dot<S>(&self, batch: usize, output: &Output<'_, S>)
    where
        S: Element,
        A: Operand<S>,
        B: Operand<S>,
    {
        let (Some(a), Some(b)) = (self.a.view(batch), self.b.view(batch)) else { return };
        let mut held = [S::Acc::ZERO];
        // SAFETY: each product is computed by one task, and its only element is read and written by none else.
        unsafe {
            if output.accumulate {
                output.read(batch, 0, 0, 1, &mut held);
            }
            let sum = dot(a, b, self.k, output.accumulate.then_some(held[0]));
            output.write(batch, 0, 0, 1, &[sum]);
            output.finish(batch, 0, 1, 0, 1);
        }
    }

    /// Computes one block with its k-blocks shared out among threads: the same partial sums, added in the same order.
    fn split_k<S>(
        &self,
        block: &Block,
        swap: bool,
        kernel: Kernel<S::Acc>,
        work: usize,
        output: &Output<'_, S>,
    ) where
        S: Element,
        A: Operand<S>,
        B: Operand<S>,
    {
        let Block { batch, rows, cols } = block.clone();
        let (row, col, width) = (rows.start, cols.start, cols.len());
        let size = rows.len() * width;
        let chunks = self.k.div_ceil(K_BLOCK);
        let mut scratch = Scratch::take();
        let (sums, partials) = scratch.slice::<S::Acc>((chunks + 1) * size).split_at_mut(size);
        let shared = Shared(partials.as_mut_ptr());
        parallel::indices(chunks, work, &|chunk| {
            let k = chunk * K_BLOCK..self.k.min((chunk + 1) * K_BLOCK);
            // SAFETY: each chunk has `size` elements of `partials` of its own, as `rows.len()` rows of `width`.
            unsafe { self.sums(block, k, swap, kernel, shared.get().add(chunk * size), width, false) }
        });
        // SAFETY: this thread alone works on the block, which lies within the result.
        unsafe {
            let mut partials = partials.chunks_exact(size);
            if output.accumulate {
                output.read(batch, row, col, width, sums);
            } else if let Some(first) = partials.next() {
                sums.copy_from_slice(first);
            }
            for partial in partials {
                for (sum, x) in sums.iter_mut().zip(partial) {
                    *sum += *x;
                }
            }
            output.write(batch, row, col, width, sums);
            output.finish(batch, row, rows.len(), col, width);
        }
    }

    /// Writes a block's sums over `k` to `c`, or adds them to it.
    ///
    /// # Safety
    /// `c` starts `block.rows.len()` rows, `stride` apart, of `block.cols.len()` elements that only this call uses;
    /// `k` starts at a multiple of `K_BLOCK`.
    #[allow(clippy::too_many_arguments)]
    unsafe fn sums<S>(
        &self,
        block: &Block,
        k: Range<usize>,
        swap: bool,
        kernel: Kernel<S::Acc>,
        c: *mut S::Acc,
        stride: usize,
        add: bool,
    ) where
        S: Element,
        A: Operand<S>,
        B: Operand<S>,
    {
        let Block { batch, rows, cols } = block.clone();
        if k.is_empty() && !add {
            for i in 0..rows.len() {
                // SAFETY: a row of the caller's block.
                unsafe { std::slice::from_raw_parts_mut(c.add(i * stride), cols.len()) }.fill(S::Acc::ZERO);
            }
        }
        let to = Target { c, add };
        // SAFETY: passed on, with the result described along the sides P and Q.
        unsafe {
            if swap {
                sums(kernel, batch, (self.b, cols), (self.a, rows), k, Strided { p: 1, q: stride }, to);
            } else {
                sums(kernel, batch, (self.a, rows), (self.b, cols), k, Strided { p: stride, q: 1 }, to);
            }
        }
    }
}

/// Distances in the result along the broadcast and the vector side.
#[derive(Clone, Copy)]
struct Strided {
    p: usize,
    q: usize,
}

/// Where sums go.
struct Target<T> {
    c: *mut T,
    add: bool,
}

/// Items of an operand that tiles can read: item (i, k) of row group g at `start + g * group + i * outer + k * k`.
#[derive(Clone, Copy)]
struct Readable<T> {
    start: *const T,
    group: usize,
    outer: usize,
    k: usize,
}

/// Whether the vector side may be read in place: its items lie together and are of the computing type.
fn lies<S: Element, O: Operand<S>>(operand: &O) -> bool {
    S::DIRECT && operand.view(0).is_some_and(|view| view.outer == 1)
}

/// The operand in place for `outer` and `k`, if it is a plain matrix of the computing type.
fn readable<S: Element, O: Operand<S>>(
    operand: &O,
    batch: usize,
    outer: &Range<usize>,
    k: &Range<usize>,
    group: usize,
) -> Option<Readable<S::Acc>> {
    let view = operand.view(batch).filter(|_| S::DIRECT)?;
    let first = outer.start * view.outer + k.start * view.k;
    let last = (outer.end - 1) * view.outer + (k.end - 1) * view.k;
    assert!(first <= last && last < view.data.len(), "operand of a product is too short");
    let start = view.data[first..].as_ptr().cast();
    Some(Readable { start, group: group * view.outer, outer: view.outer, k: view.k })
}

/// Writes the sums over `k` of the items of P times the items of Q.
///
/// # Safety
/// `to.c` with the strides `c` starts a result of `p.1.len()` by `q.1.len()` elements that only this call uses.
unsafe fn sums<S: Element, P: Operand<S>, Q: Operand<S>>(
    kernel: Kernel<S::Acc>,
    batch: usize,
    (p, p_items): (&P, Range<usize>),
    (q, q_items): (&Q, Range<usize>),
    k: Range<usize>,
    c: Strided,
    to: Target<S::Acc>,
) {
    let Kernel { mr, nr, .. } = kernel;
    let (mut p_scratch, mut q_scratch) = (Scratch::take(), Scratch::take());
    let whole = q_items.len() / nr * nr;
    for k0 in k.clone().step_by(K_BLOCK) {
        let k_now = k0..k.end.min(k0 + K_BLOCK);
        let kc = k_now.len();
        let add = to.add || k0 > k.start;

        // The vector side: whole panels in place if that is possible and they are read only a few times.
        let whole_q = q_items.start..q_items.start + whole;
        let q_place = if p_items.len() <= FEW && whole > 0 {
            readable(q, batch, &whole_q, &k_now, nr).filter(|place| place.outer == 1)
        } else {
            None
        };
        let first_packed = if q_place.is_some() { whole } else { 0 };
        let panels = q_scratch.slice::<S::Acc>((q_items.len() - first_packed).div_ceil(nr) * nr * kc);
        for (j, panel) in (first_packed..q_items.len()).step_by(nr).zip(panels.chunks_exact_mut(nr * kc)) {
            let items = q_items.start + j..q_items.end.min(q_items.start + j + nr);
            q.copy_panel(batch, items, k_now.clone(), nr, panel);
        }
        let q_packed = Readable { start: panels.as_ptr(), group: nr * kc, outer: 1, k: nr };

        for i0 in (0..p_items.len()).step_by(P_BLOCK) {
            let p_now = p_items.start + i0..p_items.end.min(p_items.start + i0 + P_BLOCK);
            let few = p_items.len() <= FEW || q_items.len() <= nr;
            let p_place = if few { readable(p, batch, &p_now, &k_now, mr) } else { None };
            let p_read =
                p_place.unwrap_or_else(|| pack_broadcast(p, batch, &p_now, &k_now, mr, &mut p_scratch));

            for j in (0..q_items.len()).step_by(nr) {
                let (q_read, panel) = match q_place {
                    Some(place) if j < whole => (place, j / nr),
                    _ => (q_packed, (j - first_packed) / nr),
                };
                for i in (0..p_now.len()).step_by(mr) {
                    // SAFETY: `readable` checked the operands in place, and packed panels are whole; the offsets into
                    // `c` stay within the caller's block; the kernel's instruction set was chosen as available.
                    unsafe {
                        (kernel.run)(&Tile {
                            rows: mr.min(p_now.len() - i),
                            cols: nr.min(q_items.len() - j),
                            k: kc,
                            p: p_read.start.add(i / mr * p_read.group),
                            p_outer: p_read.outer,
                            p_k: p_read.k,
                            q: q_read.start.add(panel * q_read.group),
                            q_k: q_read.k,
                            c: to.c.add((i0 + i) * c.p + j * c.q),
                            c_p: c.p,
                            c_q: c.q,
                            add,
                        });
                    }
                }
            }
        }
    }
}

/// Packs items of the broadcast side: as rows if they lie along k, or as panels of `mr`.
fn pack_broadcast<S: Element, P: Operand<S>>(
    p: &P,
    batch: usize,
    items: &Range<usize>,
    k: &Range<usize>,
    mr: usize,
    scratch: &mut Scratch,
) -> Readable<S::Acc> {
    if p.runs_along_k() {
        let row = k.len() + ROW_PAD;
        let rows = scratch.slice::<S::Acc>(items.len() * row);
        p.copy_rows(batch, items.clone(), k.clone(), row, rows);
        Readable { start: rows.as_ptr(), group: mr * row, outer: row, k: 1 }
    } else {
        let panels = scratch.slice::<S::Acc>(items.len().div_ceil(mr) * mr * k.len());
        for (outer, panel) in items.clone().step_by(mr).zip(panels.chunks_exact_mut(mr * k.len())) {
            p.copy_panel(batch, outer..items.end.min(outer + mr), k.clone(), mr, panel);
        }
        Readable { start: panels.as_ptr(), group: mr * k.len(), outer: 1, k: mr }
    }
}

/// A pointer that tasks may share.
struct Shared<T>(*mut T);

// SAFETY: the tasks write disjoint elements, which the place that makes a `Shared` has to see to.
unsafe impl<T: Send> Sync for Shared<T> {}

impl<T> Shared<T> {
    fn get(&self) -> *mut T {
        self.0
    }
}
