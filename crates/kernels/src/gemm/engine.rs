//! The engine under every product: cuts the work into blocks, packs operands, calls the micro-kernel.
//!
//! The bits of a result depend on its operands and on k alone. An element is the sum, in order, of partial sums over
//! [`K_BLOCK`] consecutive k; a partial sum is one chain of fused multiply-adds in k order that starts from zero.
//! Everything else here (sides, packing, block sizes, tasks) is free to follow the machine.

use super::block::{P_BLOCK, Shared, Strided, Target, Whole, sums, whole_vectors};
use super::dot::dot;
use super::element::{Element, Real};
use super::kernel::Kernel;
use super::lines::{SUMS, Stretch, VECTORS, partials};
use super::operand::{Matrices, Operand, View};
use super::output::{Output, Rows};
use super::{Epilogue, GemmShape, K_BLOCK};
use crate::parallel;
use crate::scratch::Scratch;
use crate::threads;
use std::ops::Range;

/// Bytes of the vector side packed at a time, for each k.
const Q_BLOCK_BYTES: usize = 4096;
/// Rows of a block that share one packed vector side.
const P_SPAN: usize = 960;
/// With so few rows a transposed B is read in place and A transposed.
const FEW: usize = 48;
/// Sums of a transposed A that are as long as this pay for writing the result by columns.
const LONG: usize = 256;
/// From so many rows on B is packed once for all threads, if that takes no more than so many bytes.
const MANY: usize = 240;
const SHARED: usize = 32 << 20;
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

/// Multiply-adds up to which choosing a way would take longer than the product.
const SMALL: usize = 8192;

/// Computes a small product of plain matrices, both read in place, and answers whether it was one.
///
/// # Panics
/// As [`Product::run`].
pub(super) fn small<S: Element>(
    shape: &GemmShape,
    a: &[S],
    b: &[S],
    c: &mut [S],
    epilogue: Epilogue<'_, S>,
) -> bool {
    let GemmShape { batch, m, k, n, c_row, .. } = *shape;
    let plain = batch == 1 && S::DIRECT && shape.b.col == 1;
    // Below a vector of columns the rows may be the better vectors.
    if !plain || k == 0 || m == 0 || n < 4 || m.saturating_mul(k).saturating_mul(n) > SMALL {
        return false;
    }
    assert!(c_row >= n || m == 1, "rows of the result overlap");
    assert!(c.len() >= (m - 1) * c_row + n, "the result holds {} elements", c.len());
    let a = Matrices { data: a, outer: shape.a.row, k: shape.a.col, batch: 0 };
    let b = Matrices { data: b, outer: 1, k: shape.b.row, batch: 0 };
    let kernel = S::Acc::kernel(m, n, true);
    let to = Target { c: c.as_mut_ptr().cast(), add: shape.accumulate };
    // SAFETY: `c` holds `m` rows of `n` elements, `c_row` apart, and is borrowed; its elements are of the computing type.
    unsafe { sums(kernel, 0, (&a, 0..m), (&b, 0..n), 0..k, Strided { p: c_row, q: 1 }, to, None, &|_| ()) };
    if epilogue.bias.is_some() || epilogue.finish.is_some() {
        let output = Output::new(c, 1, Rows::strided(m, c_row, 0), n, false, epilogue);
        // SAFETY: the whole result, and `c` is borrowed.
        unsafe { output.finish(0, 0, m, 0, n) };
    }
    true
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

/// How the blocks of a product are computed.
#[derive(Clone, Copy)]
struct Way<T> {
    /// Whether B takes the broadcast side.
    swap: bool,
    kernel: Kernel<T>,
    /// All of B, made ready before.
    ready: Option<Whole<T>>,
}

// SAFETY: what is ready is read only, and lives until the product is computed.
unsafe impl<T: Sync> Sync for Way<T> {}

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
        self.run_with(c, rows, accumulate, epilogue, None);
    }

    /// The same with all of B packed before, if `ready`: then B itself is not looked at, and there is one product.
    pub(super) fn run_with<S>(
        &self,
        c: &mut [S],
        rows: Rows,
        accumulate: bool,
        epilogue: Epilogue<'_, S>,
        ready: Option<Whole<S::Acc>>,
    ) where
        S: Element,
        A: Operand<S>,
        B: Operand<S>,
    {
        let (m, n) = (rows.count(), self.n);
        if self.batch == 0 || m == 0 || n == 0 {
            return;
        }
        let swap =
            ready.is_none() && self.swap.unwrap_or_else(|| self.b_broadcasts(m, epilogue.finish.is_some()));
        let kernel = match swap {
            true => S::Acc::kernel(n, m, lies(self.a)),
            false => S::Acc::kernel(m, n, ready.is_none() && lies(self.b)),
        };
        let way = Way { swap, kernel, ready };
        let work = self.work(m);
        let tasks = parallel::parts(work);
        let output = Output::new(c, self.batch, rows, n, accumulate, epilogue);
        if ready.is_none() {
            if m == 1 && n == 1 && self.a.view(0).is_some() && self.b.view(0).is_some() {
                parallel::indices(self.batch, work, &|batch| self.dot(batch, &output));
                return;
            }
            if self.along_k(m, work, &output) {
                return;
            }
        }
        if !swap && self.shared(m, tasks, way, work, &output) {
            return;
        }
        let grid = self.grid(m, tasks, way);
        let blocks = self.batch * grid.per_product;
        let chunks = self.k.div_ceil(K_BLOCK);
        if blocks < tasks && chunks > 1 && m * n <= SPLIT_ELEMENTS / chunks {
            for index in 0..blocks {
                self.split_k(&grid.block(index), way, work / blocks, &output);
            }
        } else {
            parallel::indices(blocks, work, &|index| self.block(&grid.block(index), way, &output));
        }
    }

    /// Whether B takes the broadcast side: when the result is too narrow for vectors along its rows, when reading
    /// a B that lies transposed in place saves more than transposing a small A costs, or when A lies transposed.
    fn b_broadcasts<S>(&self, m: usize, finishes: bool) -> bool
    where
        S: Element,
        A: Operand<S>,
        B: Operand<S>,
    {
        let vector = S::Acc::kernel(m, 1, false).nr;
        let narrow = self.n < if self.a.runs_along_k() { vector / 4 } else { vector } && m > self.n;
        let few = m <= FEW && self.k >= 3 * m;
        let transposed = self.b.runs_along_k() && (!self.a.runs_along_k() || few) && m >= vector;
        // Every element of B is then packed once, in pieces that stay in the second-level cache, and A is read where it lies.
        // But its rows are not complete one after the other, to be finished while the cache has them.
        let plain = lies(self.a) && !self.b.runs_along_k() && !finishes;
        // For 256·1024·1024 that is 8 % faster, for 784·512·512 7 % slower.
        let turned = plain && self.k >= LONG && self.n >= 4 * m && m >= vector;
        narrow || transposed || turned
    }

    /// Nanoseconds that one thread needs, near enough.
    fn work(&self, m: usize) -> usize {
        let reads = m.saturating_add(self.n).saturating_mul(4);
        let products = m.saturating_mul(self.n).saturating_add(reads);
        parallel::multiply_adds(products.saturating_mul(self.k.max(1)).saturating_mul(self.batch))
    }

    fn grid<T>(&self, m: usize, tasks: usize, way: Way<T>) -> Grid {
        let Way { swap, kernel, .. } = way;
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
    fn block<S>(&self, block: &Block, way: Way<S::Acc>, output: &Output<'_, S>)
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
                // Rows are finished while L2 has them, if it is rows that the kernel takes some at a time.
                let early = !way.swap && self.k > 0 && output.finishes();
                let done = |some: Range<usize>| {
                    if early {
                        output.finish(batch, row + some.start, some.len(), col, width);
                    }
                };
                self.sums(block, 0..self.k, way, c, stride, output.accumulate, &done);
                if early {
                    return;
                }
            } else {
                let mut scratch = Scratch::take();
                let sums = scratch.slice::<S::Acc>(rows.len() * width);
                if output.accumulate {
                    output.read(batch, row, col, width, sums);
                }
                let c = sums.as_mut_ptr();
                self.sums(block, 0..self.k, way, c, width, output.accumulate, &|_| ());
                output.write(batch, row, col, width, sums);
            }
            output.finish(batch, row, rows.len(), col, width);
        }
    }

    /// Computes all products if one operand is a few vectors and the other one a matrix that lies along k, and answers
    /// whether they were that.
    fn along_k<S>(&self, m: usize, work: usize, output: &Output<'_, S>) -> bool
    where
        S: Element,
        A: Operand<S>,
        B: Operand<S>,
    {
        let lines = S::Acc::lines();
        let (a_matrix, rows, vectors) = if m >= self.n { (true, m, self.n) } else { (false, self.n, m) };
        if !S::DIRECT || vectors > VECTORS || rows < lines.side || self.k < lines.side {
            return false;
        }
        let views = |batch| Some((self.a.view(batch)?, self.b.view(batch)?));
        let sides = |(a, b)| if a_matrix { (a, b) } else { (b, a) };
        let lies = |(matrix, _): &(View<'_, S>, View<'_, S>)| matrix.k == 1 && matrix.outer > 1;
        let Some(first) = views(0).map(sides).filter(lies) else { return false };
        // Rows or vectors a multiple of a page apart compete for the same few lines of L1: then rows are copied, some at a
        // time; for several vectors it is packing that pays.
        let apart = |distance: usize| !(distance * size_of::<S::Acc>()).is_multiple_of(4096);
        let copied = !apart(first.0.outer);
        let pays = vectors <= 2 || apart(first.1.outer);
        if !pays || output.in_place(0, 0, 0).is_none() {
            return false;
        }
        let parts = rows.div_ceil(lines.rows());
        parallel::indices(self.batch * parts, work, &|index| {
            let (batch, first) = (index / parts, index % parts * lines.rows());
            let Some((matrix, x)) = views(batch).map(sides) else { return };
            let some = first..rows.min(first + lines.rows());
            assert!(
                (rows - 1) * matrix.outer + self.k <= matrix.data.len(),
                "operand of a product is too short"
            );
            let x_last = (vectors - 1) * x.outer + (self.k - 1) * x.k;
            assert!(x_last < x.data.len(), "operand of a product is too short");
            let (row, col) = if a_matrix { (first, 0) } else { (0, first) };
            let Some((c, stride)) = output.in_place(batch, row, col) else { return };
            // Element (r, v) of this part, r counted from `first`.
            let place =
                |r: usize, v: usize| c.wrapping_add(if a_matrix { r * stride + v } else { v * stride + r });
            // Groups of rows; the last ones begin earlier if there is no whole one left.
            let starts = [0, 1, 2, 3].map(|g| (first + g * lines.side).min(rows - lines.side));
            let mut sums = [S::Acc::ZERO; SUMS];
            let mut totals = [S::Acc::ZERO; SUMS];
            let mut begun = output.accumulate;
            let mut scratch = Scratch::take();
            // What is copied of rows: a line of the cache more than a piece, or they would be a page apart again.
            const ROOM: usize = K_BLOCK + 16;
            let (low, high) = (starts[0], starts[3] + lines.side);
            // SAFETY: the assertions above; the elements of the result belong to this part alone; the level is
            // available.
            unsafe {
                let each = |act: &mut dyn FnMut(*mut S::Acc, usize)| {
                    for (g, &start) in starts.iter().enumerate() {
                        // Rows of an earlier group are not this one's.
                        for r in (first + g * lines.side).max(start)..some.end.min(start + lines.side) {
                            for v in 0..vectors {
                                act(place(r - first, v), (v * 4 + g) * lines.side + r - start);
                            }
                        }
                    }
                };
                if begun {
                    each(&mut |c, at| totals[at] = *c);
                }
                for k in partials(self.k) {
                    let (data, stride) = match copied {
                        true => {
                            let copy = scratch.slice::<S::Acc>((high - low) * ROOM);
                            match a_matrix {
                                true => self.a.copy_rows(batch, low..high, k.clone(), ROOM, copy),
                                false => self.b.copy_rows(batch, low..high, k.clone(), ROOM, copy),
                            }
                            (copy.as_ptr(), ROOM)
                        }
                        false => {
                            let from = low * matrix.outer + k.start;
                            (matrix.data.as_ptr().cast::<S::Acc>().add(from), matrix.outer)
                        }
                    };
                    (lines.run)(
                        &Stretch {
                            rows: starts.map(|start| data.add((start - low) * stride)),
                            stride,
                            x: x.data.as_ptr().cast::<S::Acc>().add(k.start * x.k),
                            x_outer: x.outer,
                            x_k: x.k,
                            vectors,
                            k: k.len(),
                        },
                        &mut sums,
                    );
                    for (total, &sum) in totals.iter_mut().zip(&sums) {
                        *total = if begun { total.plus(sum) } else { sum };
                    }
                    begun = true;
                }
                each(&mut |c, at| *c = totals[at]);
                match a_matrix {
                    true => output.finish(batch, first, some.len(), 0, self.n),
                    false => output.finish(batch, 0, m, first, some.len()),
                }
            }
        });
        true
    }

    /// Computes one product of many rows with B packed once for all of them, and answers whether it was one.
    fn shared<S>(&self, m: usize, tasks: usize, way: Way<S::Acc>, work: usize, output: &Output<'_, S>) -> bool
    where
        S: Element,
        A: Operand<S>,
        B: Operand<S>,
    {
        let (k, n) = (self.k, self.n);
        let bytes = k.saturating_mul(n).saturating_mul(size_of::<S::Acc>());
        if self.batch != 1 || m < MANY || k == 0 || bytes > SHARED {
            return false;
        }
        let Some((c, stride)) = output.in_place(0, 0, 0) else { return false };
        let mut scratch = Scratch::take();
        let Way { kernel, ready, .. } = way;
        let q = ready.unwrap_or_else(|| whole_vectors(self.b, n, k, kernel.nr, &mut scratch));
        let q = Shared((q, c));
        // Equal strips, as many for each thread.
        let strips = m.div_ceil(P_BLOCK).next_multiple_of(threads::get().min(tasks));
        let rows = m.div_ceil(strips);
        parallel::indices(m.div_ceil(rows), work, &|strip| {
            let (q, c) = q.get();
            let some = strip * rows..m.min((strip + 1) * rows);
            let (row, height) = (some.start, some.len());
            let to = Target { c: c.wrapping_add(row * stride), add: output.accumulate };
            let c = Strided { p: stride, q: 1 };
            // SAFETY: the strips are disjoint rows of the result, each computed by one task; `whole_vectors` made all of B
            // ready, for as long as the scratch is held.
            unsafe {
                sums(kernel, 0, (self.a, some), (self.b, 0..n), 0..k, c, to, Some(q), &|_| ());
                output.finish(0, row, height, 0, n);
            }
        });
        true
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
    fn split_k<S>(&self, block: &Block, way: Way<S::Acc>, work: usize, output: &Output<'_, S>)
    where
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
            unsafe { self.sums(block, k, way, shared.get().add(chunk * size), width, false, &|_| ()) }
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

    /// Writes a block's sums over `k` to `c`, or adds them to it. Unless `swap`, `done` is told of rows that are complete.
    ///
    /// # Safety
    /// `c` starts `block.rows.len()` rows, `stride` apart, of `block.cols.len()` elements that only this call uses;
    /// `k` starts at a multiple of `K_BLOCK`.
    #[allow(clippy::too_many_arguments)]
    unsafe fn sums<S>(
        &self,
        block: &Block,
        k: Range<usize>,
        way: Way<S::Acc>,
        c: *mut S::Acc,
        stride: usize,
        add: bool,
        done: &dyn Fn(Range<usize>),
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
        let Way { swap, kernel, ready } = way;
        // SAFETY: passed on, with the result described along the sides P and Q.
        unsafe {
            if swap {
                let c = Strided { p: 1, q: stride };
                sums(kernel, batch, (self.b, cols), (self.a, rows), k, c, to, None, &|_| ());
            } else {
                let c = Strided { p: stride, q: 1 };
                sums(kernel, batch, (self.a, rows), (self.b, cols), k, c, to, ready, done);
            }
        }
    }
}

/// Whether the vector side may be read in place: its items lie together and are of the computing type.
fn lies<S: Element, O: Operand<S>>(operand: &O) -> bool {
    S::DIRECT && operand.view(0).is_some_and(|view| view.outer == 1)
}
