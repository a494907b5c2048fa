//! Series of products that one matrix takes in one after the other, as a loop does that adds a product in each turn.
//!
//! Each block of the matrix goes through the whole series before the next one does, and so stays in the cache of the thread
//! that has it: turn by turn all of the matrix would come and go, and the products with it.

use super::block::{Shared, Strided, Target, sums};
use super::element::Real;
use super::operand::Matrices;
use super::output::Rows;
use super::{GemmShape, K_BLOCK};
use crate::parallel;

/// Bytes of a block of the matrix: what a second-level cache has room for beside the operands.
const BLOCK_BYTES: usize = 128 << 10;
/// Rows of a block.
const BLOCK_ROWS: usize = 256;

/// Adds the products of a stack to the one matrix C, one after the other: `c = c + a[0] b[0]`, then `c = c + a[1] b[1]`, or
/// `backwards` from the last one to the first. The bits are those of as many products and sums of matrices.
///
/// Of `shape`, `c_batch` and `accumulate` have no meaning.
///
/// # Panics
/// If `k` is more than [`K_BLOCK`], a slice is too short for its matrices, or rows of C overlap.
pub fn gemm_series<S: Real>(shape: &GemmShape, backwards: bool, a: &[S], b: &[S], c: &mut [S]) {
    let GemmShape { batch, m, k, n, c_row, .. } = *shape;
    assert!(k <= K_BLOCK, "a product of several partial sums is not added in one");
    shape.check(a.len(), b.len());
    let extent = Rows::strided(m, c_row, 0).extent(1, n).expect("rows of the result overlap");
    assert!(extent <= c.len(), "the result holds {} elements, {extent} are needed", c.len());
    if batch == 0 || m == 0 || n == 0 {
        return;
    }
    if k == 0 {
        // Each sum is a zero; what is left of C is what one zero leaves.
        (0..m).for_each(|i| c[i * c_row..][..n].iter_mut().for_each(|x| *x = x.plus(S::ZERO)));
        return;
    }
    let a = Matrices { data: a, outer: shape.a.row, k: shape.a.col, batch: shape.a.batch };
    let b = Matrices { data: b, outer: shape.b.col, k: shape.b.row, batch: shape.b.batch };
    let kernel = S::kernel(m, n, shape.b.col == 1);
    let work = parallel::multiply_adds(m.saturating_mul(n).saturating_mul(k).saturating_mul(batch));
    let tasks = parallel::parts(work);
    let even = |len: usize, parts: usize, unit: usize| len.div_ceil(parts).next_multiple_of(unit);
    let rows = even(m, m.div_ceil(BLOCK_ROWS), kernel.mr).min(m);
    let most = (BLOCK_BYTES / (rows * size_of::<S>())).max(kernel.nr);
    let mut cols = even(n, n.div_ceil(most), kernel.nr);
    let down = m.div_ceil(rows);
    while down * n.div_ceil(cols) < tasks && cols > 2 * kernel.nr {
        cols = even(cols, 2, kernel.nr);
    }
    let across = n.div_ceil(cols);
    let to = Shared(c.as_mut_ptr());
    parallel::indices(down * across, work, &|index| {
        let (row, col) = (index / across * rows, index % across * cols);
        let (some, few) = (row..m.min(row + rows), col..n.min(col + cols));
        for turn in 0..batch {
            let z = if backwards { batch - 1 - turn } else { turn };
            let to = Target { c: to.get().wrapping_add(row * c_row + col), add: true };
            let (a, b) = ((&a, some.clone()), (&b, few.clone()));
            // SAFETY: the assertion on the extent; blocks are disjoint, and each is one task's; `c` is borrowed.
            unsafe { sums(kernel, z, a, b, 0..k, Strided { p: c_row, q: 1 }, to, None, &|_| ()) };
        }
    });
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Numbers, with_threads};
    use super::super::{Epilogue, Strides, gemm};
    use super::*;
    use crate::clones::at_each_level;

    /// One series against products and sums of their own.
    fn check<T: Real + From<f32>>(shape: &GemmShape, numbers: &mut Numbers) {
        let GemmShape { batch, m, k, n, .. } = *shape;
        let a = numbers.vec::<T, T>(batch * m * k);
        let b = numbers.vec::<T, T>(batch * k * n);
        let c = numbers.vec::<T, T>(m * n);
        for backwards in [false, true] {
            let mut expected = c.clone();
            for turn in 0..batch {
                let z = if backwards { batch - 1 - turn } else { turn };
                let mut made = vec![T::ONE; m * n];
                let one = GemmShape { batch: 1, ..*shape };
                gemm(&one, &a[z * m * k..], &b[z * k * n..], &mut made, Epilogue::none());
                expected.iter_mut().zip(made).for_each(|(c, x)| *c = c.plus(x));
            }
            at_each_level(|level| {
                for threads in [1, 2, 3] {
                    let mut found = c.clone();
                    with_threads(threads, || gemm_series(shape, backwards, &a, &b, &mut found));
                    let [found, expected] = [&found, &expected].map(|x| bytemuck::cast_slice::<T, u8>(x));
                    let same = found == expected;
                    assert!(same, "{shape:?} at {level:?} with {threads} threads");
                }
            });
        }
    }

    #[test]
    fn a_series_has_the_bits_of_products_and_sums() {
        let numbers = &mut Numbers(11);
        for (batch, m, k, n) in [
            (0, 3, 2, 3),
            (5, 1, 1, 1),
            (4, 7, 3, 33),
            (3, 128, 32, 200),
            (2, 300, 5, 90),
            (2, 20, 512, 40),
            (3, 4, 0, 4),
        ] {
            for turned in [(false, false), (true, false), (false, true)] {
                let mut shape = GemmShape::new(m, k, n).batched(batch);
                if turned.0 {
                    shape.a = Strides::row_major(k, m).transposed();
                }
                if turned.1 {
                    shape.b = Strides::row_major(n, k).transposed();
                }
                check::<f32>(&shape, numbers);
                check::<f64>(&shape, numbers);
            }
        }
    }

    #[test]
    fn zeros_keep_the_sign_that_sums_give_them() {
        for k in [0, 2] {
            let shape = GemmShape::new(1, k, 2).batched(2);
            let mut c = [-0.0f32, 0.0];
            gemm_series(&shape, true, &[0.0; 4][..2 * k], &[-1.0; 8][..4 * k], &mut c);
            assert_eq!(c.map(f32::to_bits), [0, 0], "{k}");
        }
    }

    #[test]
    #[should_panic(expected = "several partial sums")]
    fn a_sum_of_pieces_is_refused() {
        let shape = GemmShape::new(1, K_BLOCK + 1, 1);
        gemm_series(&shape, false, &[0.0f32; K_BLOCK + 1], &[0.0; K_BLOCK + 1], &mut [0.0]);
    }
}
