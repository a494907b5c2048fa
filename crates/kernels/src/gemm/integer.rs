//! Products of integer matrices. Wrapping sums do not depend on their order, so the loops may follow the memory.

use super::GemmShape;
use super::output::Rows;
use bytemuck::Pod;

/// An integer type whose products wrap around.
pub trait Integer: Pod + Send + Sync {
    /// Zero.
    const ZERO: Self;
    /// `sum + x * y`, modulo two to the number of bits.
    fn multiply_add(sum: Self, x: Self, y: Self) -> Self;
}

macro_rules! integer {
    ($($type:ty)*) => {$(
        impl Integer for $type {
            const ZERO: $type = 0;

            #[inline(always)]
            fn multiply_add(sum: $type, x: $type, y: $type) -> $type {
                sum.wrapping_add(x.wrapping_mul(y))
            }
        }
    )*};
}
integer!(i8 i16 i32 i64 u8 u16 u32 u64);

/// Multiply-adds below which one thread computes everything.
const PARALLEL_WORK: usize = 1_000_000;

/// Computes a stack of products of integer matrices modulo two to the number of bits.
///
/// # Panics
/// If a slice is too short for its matrices, or if rows of C overlap.
pub fn gemm_integer<T: Integer>(shape: &GemmShape, a: &[T], b: &[T], c: &mut [T]) {
    let GemmShape { batch, m, k, n, .. } = *shape;
    shape.check(a.len(), b.len());
    if batch == 0 || m == 0 || n == 0 {
        return;
    }
    let rows = Rows::strided(m, shape.c_row, shape.c_batch);
    let extent = rows.extent(batch, n).expect("rows of the result overlap");
    assert!(extent <= c.len(), "the result holds {} elements, {extent} are needed", c.len());
    let row = |at: usize, out: &mut [T]| {
        let (z, i) = (at / m, at % m);
        if !shape.accumulate {
            out.fill(T::ZERO);
        }
        for q in 0..k {
            let x = a[z * shape.a.batch + i * shape.a.row + q * shape.a.col];
            let from = &b[z * shape.b.batch + q * shape.b.row..];
            if shape.b.col == 1 {
                for (sum, y) in out.iter_mut().zip(from) {
                    *sum = T::multiply_add(*sum, x, *y);
                }
            } else {
                for (j, sum) in out.iter_mut().enumerate() {
                    *sum = T::multiply_add(*sum, x, from[j * shape.b.col]);
                }
            }
        }
    };
    let work = n.saturating_mul(k).saturating_mul(m).saturating_mul(batch);
    let tasks = if work < PARALLEL_WORK { 1 } else { 4 * rayon::current_num_threads() };
    over_rows(&rows, n, 0..batch * m, m, tasks, c, 0, &row);
}

/// Calls `job` with every row of the result, on up to `tasks` threads. `c` starts at element `base` of the result.
#[allow(clippy::too_many_arguments)]
fn over_rows<T: Send>(
    rows: &Rows,
    n: usize,
    range: std::ops::Range<usize>,
    m: usize,
    tasks: usize,
    c: &mut [T],
    base: usize,
    job: &(impl Fn(usize, &mut [T]) + Sync),
) {
    let start = |at: usize| at / m * rows.batch_stride + at % m * rows.strides[3];
    if tasks <= 1 || range.len() <= 1 {
        for at in range {
            job(at, &mut c[start(at) - base..][..n]);
        }
    } else {
        let middle = range.start + range.len() / 2;
        let (left, right) = c.split_at_mut(start(middle) - base);
        rayon::join(
            || over_rows(rows, n, range.start..middle, m, tasks / 2, left, base, job),
            || over_rows(rows, n, middle..range.end, m, tasks - tasks / 2, right, start(middle), job),
        );
    }
}
