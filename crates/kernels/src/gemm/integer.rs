//! Products of integer matrices. Wrapping sums do not depend on their order, so the loops may follow the memory.

use super::GemmShape;
use super::output::Rows;
use crate::parallel;
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
    // A multiply-add of integers costs about four of floats, of 64 bits or in columns more.
    let work = parallel::multiply_adds(4usize.saturating_mul(n).saturating_mul(k).saturating_mul(m));
    let task = parallel::together(m, work) * shape.c_row;
    for z in 0..batch {
        let c = &mut c[z * shape.c_batch..][..(m - 1) * shape.c_row + n];
        parallel::pieces(c, task, work, &|first, c| {
            for (i, out) in c.chunks_mut(shape.c_row).enumerate() {
                row(z * m + first / shape.c_row + i, &mut out[..n]);
            }
        });
    }
}
