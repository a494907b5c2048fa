//! Products of a matrix that lies along k with a few vectors: every element of the matrix is read once, so it is turned in
//! registers, on its way to the sums, rather than packed.
//!
//! Sums of `LEN` rows stand side by side in a vector and take one k at a time, so each is the chain that the engine defines.

use super::K_BLOCK;
use super::simd::Vector;
#[cfg(target_arch = "x86_64")]
use super::simd::{F32x8, F64x4};
use super::simd::{Plain32, Plain64};
use crate::ahead::ahead;
use crate::clones::level;

/// Most vectors at a time.
pub(super) const VECTORS: usize = 4;
/// Groups of rows whose chains run side by side.
const GROUPS: usize = 4;
/// How many vectors ahead of its use a row is asked for.
const AHEAD: usize = 16;
/// Most sums of one call.
pub(super) const SUMS: usize = VECTORS * GROUPS * 8;

/// A stretch of some rows, and the vectors.
pub(super) struct Stretch<T> {
    /// The first row of each group of [`Lines::side`] rows.
    pub(super) rows: [*const T; GROUPS],
    /// From one row to the next.
    pub(super) stride: usize,
    /// The first vector.
    pub(super) x: *const T,
    /// From one vector to the next.
    pub(super) x_outer: usize,
    /// From one k of a vector to the next.
    pub(super) x_k: usize,
    /// How many vectors: 1 to [`VECTORS`].
    pub(super) vectors: usize,
    /// Length of the sums.
    pub(super) k: usize,
}

/// The function for an element type at the level in use.
#[derive(Clone, Copy)]
pub struct Lines<T> {
    /// Rows of a group.
    pub(super) side: usize,
    /// Writes the sum of vector `v` and row `r` of group `g` to `sums[(v * 4 + g) * side + r]`.
    ///
    /// # Safety
    /// The instruction set is available and all that `Stretch` describes may be read.
    pub(super) run: unsafe fn(&Stretch<T>, &mut [T; SUMS]),
}

impl<T> Lines<T> {
    /// Rows of one call.
    pub(super) fn rows(&self) -> usize {
        GROUPS * self.side
    }
}

/// A vector type that squares of `LEN` by `LEN` can be turned in.
///
/// # Safety
/// As [`Vector`].
trait Turn<const LEN: usize>: Vector {
    /// The columns of a square whose rows are `stride` apart.
    unsafe fn columns(from: *const Self::Elem, stride: usize) -> [Self; LEN];
}

impl Turn<4> for Plain32 {
    #[inline(always)]
    unsafe fn columns(from: *const f32, stride: usize) -> [Self; 4] {
        // SAFETY: a square that may be read, says the caller.
        std::array::from_fn(|q| Plain32(std::array::from_fn(|r| unsafe { *from.add(r * stride + q) })))
    }
}

impl Turn<2> for Plain64 {
    #[inline(always)]
    unsafe fn columns(from: *const f64, stride: usize) -> [Self; 2] {
        // SAFETY: a square that may be read, says the caller.
        std::array::from_fn(|q| Plain64(std::array::from_fn(|r| unsafe { *from.add(r * stride + q) })))
    }
}

#[cfg(target_arch = "x86_64")]
impl Turn<8> for F32x8 {
    #[inline(always)]
    unsafe fn columns(from: *const f32, stride: usize) -> [Self; 8] {
        use std::arch::x86_64::*;
        // SAFETY: the feature is there and the square may be read, says the caller.
        unsafe {
            // No closures and no `map`: what is not inlined for certain would be compiled without the feature.
            macro_rules! half {
                ($col:literal) => {{
                    // Row i and row i + 4 share a register: four columns of each.
                    macro_rules! rows {
                        ($i:literal) => {
                            _mm256_insertf128_ps::<1>(
                                _mm256_castps128_ps256(_mm_loadu_ps(from.add($i * stride + $col))),
                                _mm_loadu_ps(from.add(($i + 4) * stride + $col)),
                            )
                        };
                    }
                    let (a, b, c, d) = (rows!(0), rows!(1), rows!(2), rows!(3));
                    let (ab_low, ab_high) = (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
                    let (cd_low, cd_high) = (_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d));
                    (
                        F32x8(_mm256_shuffle_ps::<0x44>(ab_low, cd_low)),
                        F32x8(_mm256_shuffle_ps::<0xee>(ab_low, cd_low)),
                        F32x8(_mm256_shuffle_ps::<0x44>(ab_high, cd_high)),
                        F32x8(_mm256_shuffle_ps::<0xee>(ab_high, cd_high)),
                    )
                }};
            }
            let ((a, b, c, d), (e, f, g, h)) = (half!(0), half!(4));
            [a, b, c, d, e, f, g, h]
        }
    }
}

#[cfg(target_arch = "x86_64")]
impl Turn<4> for F64x4 {
    #[inline(always)]
    unsafe fn columns(from: *const f64, stride: usize) -> [Self; 4] {
        use std::arch::x86_64::*;
        // SAFETY: the feature is there and the square may be read, says the caller.
        unsafe {
            macro_rules! half {
                ($col:literal) => {{
                    macro_rules! rows {
                        ($i:literal) => {
                            _mm256_insertf128_pd::<1>(
                                _mm256_castpd128_pd256(_mm_loadu_pd(from.add($i * stride + $col))),
                                _mm_loadu_pd(from.add(($i + 2) * stride + $col)),
                            )
                        };
                    }
                    let (a, b) = (rows!(0), rows!(1));
                    (F64x4(_mm256_unpacklo_pd(a, b)), F64x4(_mm256_unpackhi_pd(a, b)))
                }};
            }
            let ((a, b), (c, d)) = (half!(0), half!(2));
            [a, b, c, d]
        }
    }
}

/// V vectors.
///
/// # Safety
/// As [`Lines::run`].
#[inline(always)]
#[allow(clippy::needless_range_loop)] // Register arrays: plain counters unroll best and read best here.
unsafe fn stretch<W: Turn<LEN>, const LEN: usize, const V: usize>(
    s: &Stretch<W::Elem>,
    sums: &mut [W::Elem; SUMS],
    fma: impl Fn(W::Elem, W::Elem, W::Elem) -> W::Elem,
) {
    // SAFETY: everything that is read is part of the stretch; `sums` has room for V * GROUPS vectors.
    unsafe {
        let mut acc = [[W::zero(); GROUPS]; V];
        let whole = s.k / (2 * LEN) * (2 * LEN);
        let mut q = 0;
        while q < whole {
            for g in 0..GROUPS {
                // A whole cache line of each row at a time, and the one that is needed next but some, in L2, as L1 has no room for
                // many rows: what lies a page apart the processor does not foresee.
                for r in 0..LEN {
                    ahead(s.rows[g].wrapping_add(r * s.stride + q + AHEAD * LEN).cast(), 1);
                }
                for half in 0..2 {
                    let columns = W::columns(s.rows[g].add(q + half * LEN), s.stride);
                    for i in 0..LEN {
                        for v in 0..V {
                            let x = W::splat(*s.x.add(v * s.x_outer + (q + half * LEN + i) * s.x_k));
                            acc[v][g] = x.fma(columns[i], acc[v][g]);
                        }
                    }
                }
            }
            q += 2 * LEN;
        }
        for v in 0..V {
            for g in 0..GROUPS {
                let sums = &mut sums[(v * GROUPS + g) * LEN..][..LEN];
                acc[v][g].store(sums.as_mut_ptr());
                for q in whole..s.k {
                    let x = *s.x.add(v * s.x_outer + q * s.x_k);
                    for r in 0..LEN {
                        sums[r] = fma(x, *s.rows[g].add(r * s.stride + q), sums[r]);
                    }
                }
            }
        }
    }
}

macro_rules! lines {
    ($(#[$attr:meta])* $name:ident, $vector:ty, $elem:ty, $len:literal) => {
        /// Some vectors.
        ///
        /// # Safety
        /// As [`Lines::run`].
        $(#[$attr])*
        unsafe fn $name(s: &Stretch<$elem>, sums: &mut [$elem; SUMS]) {
            let fma = |x: $elem, y: $elem, sum: $elem| x.mul_add(y, sum);
            // SAFETY: passed on.
            unsafe {
                match s.vectors {
                    1 => stretch::<$vector, $len, 1>(s, sums, fma),
                    2 => stretch::<$vector, $len, 2>(s, sums, fma),
                    3 => stretch::<$vector, $len, 3>(s, sums, fma),
                    _ => stretch::<$vector, $len, 4>(s, sums, fma),
                }
            }
        }
    };
}
lines!(portable_f32, Plain32, f32, 4);
lines!(portable_f64, Plain64, f64, 2);
#[cfg(target_arch = "x86_64")]
lines!(
    #[target_feature(enable = "avx2,fma")]
    avx2_f32,
    F32x8,
    f32,
    8
);
#[cfg(target_arch = "x86_64")]
lines!(
    #[target_feature(enable = "avx2,fma")]
    avx2_f64,
    F64x4,
    f64,
    4
);

/// The function for `f32`.
pub(super) fn lines_f32() -> Lines<f32> {
    match level() {
        #[cfg(target_arch = "x86_64")]
        crate::clones::Level::Avx512 | crate::clones::Level::Avx2 => Lines { side: 8, run: avx2_f32 },
        _ => Lines { side: 4, run: portable_f32 },
    }
}

/// The function for `f64`.
pub(super) fn lines_f64() -> Lines<f64> {
    match level() {
        #[cfg(target_arch = "x86_64")]
        crate::clones::Level::Avx512 | crate::clones::Level::Avx2 => Lines { side: 4, run: avx2_f64 },
        _ => Lines { side: 2, run: portable_f64 },
    }
}

/// The stretches of k that partial sums are over.
pub(super) fn partials(k: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    (0..k).step_by(K_BLOCK).map(move |first| first..k.min(first + K_BLOCK))
}
