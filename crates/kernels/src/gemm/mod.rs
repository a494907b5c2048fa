//! Matrix products.
//!
//! Every product, of whatever shape, layout, batch and thread count, follows one definition, so that none of these
//! changes a bit: the sum over k is cut every [`K_BLOCK`] steps; each piece is one chain of fused multiply-adds in k
//! order that starts from zero; the pieces are added in order.
//!
//! Share of the peak of the machine's arithmetic, one thread of a Zen 4 (117 GFLOP/s of `f32`): 256³ 97 %, 1024³ 90 %, 64³ 93 %,
//! 32·784·512 and its transposes 90 to 96 %, 64 times 128·64·64 88 %; `f16` and `bf16` 512³ 84 and 90 %; 8³ takes 55 ns. Where the
//! matrix is read once it is memory that counts: 1024·1024 times a vector runs at 34 GFLOP/s, 1000·1000 along k at 20; rows a
//! multiple of a page apart at 10.

pub(crate) mod block;
mod dot;
mod element;
mod engine;
mod integer;
pub(crate) mod kernel;
mod lines;
mod operand;
pub(crate) mod output;
mod packed;
mod series;
pub(crate) mod simd;
#[cfg(test)]
pub(crate) mod tests;
mod transpose;

pub use element::Element;
pub use element::Real;
pub use engine::Product;
pub use integer::gemm_integer;
use operand::Matrices;
pub use operand::{Operand, View, strided_panel};
pub use output::Rows;
pub use packed::{gemm_packed, pack, packed_len, packing_pays};
pub use series::gemm_series;
pub(crate) use transpose::transpose;

/// Length of a partial sum. Part of the definition of a product: changing it changes bits.
pub const K_BLOCK: usize = 512;

/// How a stack of matrices lies in a slice: element (batch, row, col) at `batch * batch + row * row + col * col`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strides {
    /// From one row to the next.
    pub row: usize,
    /// From one column to the next.
    pub col: usize,
    /// From one matrix to the next; 0 repeats the same matrix.
    pub batch: usize,
}

impl Strides {
    /// Matrices of `rows` by `cols` one after the other, row by row.
    pub fn row_major(rows: usize, cols: usize) -> Strides {
        Strides { row: cols, col: 1, batch: rows.saturating_mul(cols) }
    }

    /// The same elements read as transposed matrices.
    pub fn transposed(self) -> Strides {
        Strides { row: self.col, col: self.row, batch: self.batch }
    }

    /// The same matrix for the whole batch.
    pub fn repeated(self) -> Strides {
        Strides { batch: 0, ..self }
    }

    /// One past the last element of `batch` matrices of `rows` by `cols`.
    fn extent(&self, batch: usize, rows: usize, cols: usize) -> usize {
        if batch == 0 || rows == 0 || cols == 0 {
            return 0;
        }
        let axes = [(batch, self.batch), (rows, self.row), (cols, self.col)];
        axes.iter()
            .try_fold(1usize, |end, &(count, stride)| end.checked_add((count - 1).checked_mul(stride)?))
            .expect("extent of a matrix overflows")
    }
}

/// A stack of products `c = a b` or `c += a b`: A is `m` by `k`, B is `k` by `n`, C is `m` by `n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GemmShape {
    /// How many products.
    pub batch: usize,
    /// Rows of A and C.
    pub m: usize,
    /// Columns of A, rows of B.
    pub k: usize,
    /// Columns of B and C.
    pub n: usize,
    /// How A lies.
    pub a: Strides,
    /// How B lies.
    pub b: Strides,
    /// From one row of C to the next, at least `n`. The columns of C lie together.
    pub c_row: usize,
    /// From one C to the next.
    pub c_batch: usize,
    /// Whether to add to C: the pieces of the sum are added to what it holds, in order.
    pub accumulate: bool,
}

impl GemmShape {
    /// One product of matrices that lie row by row.
    pub fn new(m: usize, k: usize, n: usize) -> GemmShape {
        GemmShape {
            batch: 1,
            m,
            k,
            n,
            a: Strides::row_major(m, k),
            b: Strides::row_major(k, n),
            c_row: n,
            c_batch: m.saturating_mul(n),
            accumulate: false,
        }
    }

    /// The same product with A stored transposed, as `k` by `m`.
    pub fn transpose_a(self) -> GemmShape {
        GemmShape { a: Strides::row_major(self.k, self.m).transposed(), ..self }
    }

    /// The same product with B stored transposed, as `n` by `k`.
    pub fn transpose_b(self) -> GemmShape {
        GemmShape { b: Strides::row_major(self.n, self.k).transposed(), ..self }
    }

    /// The same product with A, B, or both stored transposed.
    pub fn transposed(self, a: bool, b: bool) -> GemmShape {
        let shape = if a { self.transpose_a() } else { self };
        if b { shape.transpose_b() } else { shape }
    }

    /// `batch` such products, one after the other in each slice.
    pub fn batched(self, batch: usize) -> GemmShape {
        GemmShape { batch, ..self }
    }

    /// Panics unless the operands hold every element of A and B.
    fn check(&self, a_len: usize, b_len: usize) {
        let a_need = self.a.extent(self.batch, self.m, self.k);
        let b_need = self.b.extent(self.batch, self.k, self.n);
        assert!(a_need <= a_len, "matrix product: A holds {a_len} elements, {a_need} are needed");
        assert!(b_need <= b_len, "matrix product: B holds {b_len} elements, {b_need} are needed");
    }

    /// A batch that shares B and continues A and C is one taller product.
    fn folded(self) -> GemmShape {
        let continues = self.a.batch == self.m.wrapping_mul(self.a.row)
            && self.c_batch == self.m.wrapping_mul(self.c_row);
        if self.batch > 1 && self.b.batch == 0 && continues {
            GemmShape { m: self.batch * self.m, batch: 1, ..self }
        } else {
            self
        }
    }
}

/// A function of finished elements: it is called with runs of them, each a part of one row or some whole rows that lie
/// together, and with the place in C of the run's first element.
pub type Finish<'a, S> = dyn Fn(usize, &mut [S]) + Sync + 'a;

/// What happens to each element of C after its sum is complete, while it is still in the cache. The bits are those of
/// separate passes over C.
///
/// `finish` is called for every element once, with runs in no particular order and from several threads at a time, as soon
/// as a block of some hundred rows and columns is done: a place to go on with whatever is computed element by element.
/// What else it needs of other arrays it finds by the place: where rows of C lie together, `place % n` is the column.
///
/// ```
/// use tenfold_kernels::gemm::{Epilogue, GemmShape, gemm};
///
/// let (a, b, mut c) = ([1.0f32, 2.0], [3.0, -4.0], [0.0; 4]);
/// let other = [10.0, 20.0, 30.0, 40.0];
/// let relu_plus_other = |place: usize, run: &mut [f32]| {
///     for (x, y) in run.iter_mut().zip(&other[place..]) {
///         *x = if *x > 0.0 { *x } else { 0.0 } + y;
///     }
/// };
/// let epilogue = Epilogue { bias: Some(&[0.5, 0.5]), finish: Some(&relu_plus_other) };
/// gemm(&GemmShape::new(2, 1, 2), &a, &b, &mut c, epilogue);
/// assert_eq!(c, [13.5, 20.0, 36.5, 40.0]);
/// ```
pub struct Epilogue<'a, S> {
    /// Added to each row before all else: one element for each column.
    pub bias: Option<&'a [S]>,
    /// Called with runs of elements, the bias added.
    pub finish: Option<&'a Finish<'a, S>>,
}

impl<S> Clone for Epilogue<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for Epilogue<'_, S> {}

impl<'a, S> Epilogue<'a, S> {
    /// Nothing.
    pub fn none() -> Self {
        Epilogue { bias: None, finish: None }
    }

    /// No bias, and this function.
    pub fn finish(finish: &'a Finish<'a, S>) -> Self {
        Epilogue { bias: None, finish: Some(finish) }
    }
}

/// One matrix as an operand: item (outer, k) at `outer * outer + k * k`.
pub fn matrix<S: Element>(data: &[S], outer: usize, k: usize) -> impl Operand<S> {
    Matrices { data, outer, k, batch: 0 }
}

/// Computes a stack of products of floating-point matrices.
///
/// `f16` and `bf16` are computed in `f32` and rounded once at the end. With `k = 0` the sums are zero.
///
/// # Panics
/// If a slice is too short for its matrices, if rows of C overlap, or if the bias has not `n` elements.
pub fn gemm<S: Element>(shape: &GemmShape, a: &[S], b: &[S], c: &mut [S], epilogue: Epilogue<'_, S>) {
    shape.check(a.len(), b.len());
    if engine::small(shape, a, b, c, epilogue) {
        return;
    }
    let shape = shape.folded();
    let a = Matrices { data: a, outer: shape.a.row, k: shape.a.col, batch: shape.a.batch };
    let b = Matrices { data: b, outer: shape.b.col, k: shape.b.row, batch: shape.b.batch };
    let product = Product { batch: shape.batch, k: shape.k, n: shape.n, a: &a, b: &b, swap: None };
    let rows = Rows::strided(shape.m, shape.c_row, shape.c_batch);
    product.run(c, rows, shape.accumulate, epilogue);
}
