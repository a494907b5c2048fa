//! Transposing in registers, for packing matrices that lie the other way.

use super::element::Real;
use crate::clones::level;

/// Copies a square from rows `from_stride` apart to rows `to_stride` apart, transposed.
///
/// # Safety
/// The instruction set it was picked for is available, and both squares are valid for reading or writing.
pub(super) type Square<T> = unsafe fn(from: *const T, from_stride: usize, to: *mut T, to_stride: usize);

/// Copies `rows` rows of `k` neighbouring items, `stride` apart, as `out[k][width]`.
///
/// # Panics
/// If `from` or `out` is too short or `width < rows`.
pub(crate) fn transpose<T: Real>(
    from: &[T],
    stride: usize,
    rows: usize,
    k: usize,
    width: usize,
    out: &mut [T],
) {
    if rows == 0 || k == 0 {
        return;
    }
    assert!(rows <= width && (k - 1) * width + rows <= out.len() && (rows - 1) * stride + k <= from.len());
    let (side, square) = T::square();
    if rows < side || k < side {
        for r in 0..rows {
            for q in 0..k {
                out[q * width + r] = from[r * stride + q];
            }
        }
        return;
    }
    // A cache line of each row at a time, of no more rows than there are pages at hand, so that every line is read once
    // and few are being written. The last square of either direction overlaps the one before.
    const LINE: usize = 16;
    const ROWS: usize = 512;
    let blocks = (0..rows).step_by(ROWS).flat_map(|r0| (0..k).step_by(LINE).map(move |k0| (r0, k0)));
    for (r0, k0) in blocks {
        for r in (r0..rows.min(r0 + ROWS)).step_by(side).map(|r| r.min(rows - side)) {
            for q in (k0..k.min(k0 + LINE)).step_by(side).map(|q| q.min(k - side)) {
                // SAFETY: what `level` answers is available; rows r.. and items q.. of a square are below `rows` and `k`, so
                // within what the assertion above checked.
                unsafe {
                    square(
                        from.as_ptr().add(r * stride + q),
                        stride,
                        out.as_mut_ptr().add(q * width + r),
                        width,
                    );
                }
            }
        }
    }
}

/// The square of `f32` for the level in use, with its side.
pub(super) fn square_f32() -> (usize, Square<f32>) {
    match level() {
        #[cfg(target_arch = "x86_64")]
        crate::clones::Level::Avx512 | crate::clones::Level::Avx2 => (8, square_f32_avx2),
        _ => (4, square_portable::<f32>),
    }
}

/// The square of `f64` for the level in use, with its side.
pub(super) fn square_f64() -> (usize, Square<f64>) {
    match level() {
        #[cfg(target_arch = "x86_64")]
        crate::clones::Level::Avx512 | crate::clones::Level::Avx2 => (4, square_f64_avx2),
        _ => (4, square_portable::<f64>),
    }
}

/// Four by four in plain Rust.
///
/// # Safety
/// As [`Square`].
unsafe fn square_portable<T: Real>(from: *const T, from_stride: usize, to: *mut T, to_stride: usize) {
    for i in 0..4 {
        for j in 0..4 {
            // SAFETY: within the squares that the caller vouches for.
            unsafe { *to.add(j * to_stride + i) = *from.add(i * from_stride + j) };
        }
    }
}

/// Eight by eight.
///
/// # Safety
/// As [`Square`].
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn square_f32_avx2(from: *const f32, from_stride: usize, to: *mut f32, to_stride: usize) {
    use std::arch::x86_64::*;
    // SAFETY: all loads and stores are within the squares that the caller vouches for.
    unsafe {
        // Row i and row i + 4 share a register: four columns of each.
        let halves = |i: usize, col: usize| {
            let low = _mm_loadu_ps(from.add(i * from_stride + col));
            let high = _mm_loadu_ps(from.add((i + 4) * from_stride + col));
            _mm256_insertf128_ps::<1>(_mm256_castps128_ps256(low), high)
        };
        for col in [0, 4] {
            let (a, b, c, d) = (halves(0, col), halves(1, col), halves(2, col), halves(3, col));
            let (ab_low, ab_high) = (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
            let (cd_low, cd_high) = (_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d));
            let columns = [
                _mm256_shuffle_ps::<0x44>(ab_low, cd_low),
                _mm256_shuffle_ps::<0xee>(ab_low, cd_low),
                _mm256_shuffle_ps::<0x44>(ab_high, cd_high),
                _mm256_shuffle_ps::<0xee>(ab_high, cd_high),
            ];
            for (j, column) in columns.into_iter().enumerate() {
                _mm256_storeu_ps(to.add((col + j) * to_stride), column);
            }
        }
    }
}

/// Four by four.
///
/// # Safety
/// As [`Square`].
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn square_f64_avx2(from: *const f64, from_stride: usize, to: *mut f64, to_stride: usize) {
    use std::arch::x86_64::*;
    // SAFETY: all loads and stores are within the squares that the caller vouches for.
    unsafe {
        let [a, b, c, d] = [0, 1, 2, 3].map(|i| _mm256_loadu_pd(from.add(i * from_stride)));
        let (ab_low, ab_high) = (_mm256_unpacklo_pd(a, b), _mm256_unpackhi_pd(a, b));
        let (cd_low, cd_high) = (_mm256_unpacklo_pd(c, d), _mm256_unpackhi_pd(c, d));
        _mm256_storeu_pd(to, _mm256_permute2f128_pd::<0x20>(ab_low, cd_low));
        _mm256_storeu_pd(to.add(to_stride), _mm256_permute2f128_pd::<0x20>(ab_high, cd_high));
        _mm256_storeu_pd(to.add(2 * to_stride), _mm256_permute2f128_pd::<0x31>(ab_low, cd_low));
        _mm256_storeu_pd(to.add(3 * to_stride), _mm256_permute2f128_pd::<0x31>(ab_high, cd_high));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clones::at_each_level;

    #[test]
    fn every_item_finds_its_place() {
        fn check<T: Real + From<f32> + PartialEq>(squares: fn() -> (usize, Square<T>)) {
            at_each_level(|level| {
                let (side, square) = squares();
                let from: Vec<T> = (0..side * 11).map(|x| T::from(x as f32)).collect();
                let mut to = vec![T::ZERO; side * 13];
                // SAFETY: `from` has `side` rows of 11 items and `to` of 13, no shorter than `side`.
                unsafe { square(from.as_ptr(), 11, to.as_mut_ptr(), 13) };
                for (i, j) in (0..side).flat_map(|i| (0..side).map(move |j| (i, j))) {
                    assert!(to[j * 13 + i] == from[i * 11 + j], "{level:?} {i} {j}");
                }
            });
            for (rows, k) in [(0, 3), (1, 1), (8, 8), (7, 200), (21, 77)] {
                let from: Vec<T> = (0..rows * 203).map(|x| T::from(x as f32)).collect();
                let mut out = vec![T::ZERO; k * 21];
                transpose(&from, 203, rows, k, 21, &mut out);
                for (r, q) in (0..rows).flat_map(|r| (0..k).map(move |q| (r, q))) {
                    assert!(out[q * 21 + r] == from[r * 203 + q]);
                }
            }
        }
        check::<f32>(square_f32);
        check::<f64>(square_f64);
    }
}
