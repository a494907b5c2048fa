//! The micro-kernel: one register tile of a product, for each instruction set.
//!
//! A product has a *broadcast side* P, whose elements are spread over a vector one at a time, and a
//! *vector side* Q, which is read a vector at a time. Either operand of a product can take either side.

#[cfg(target_arch = "x86_64")]
use super::simd::{F32x8, F32x16, F64x4, F64x8};
use super::simd::{Plain32, Plain64, Vector};
use crate::clones::level;
use bytemuck::{Pod, Zeroable};

/// Most rows and most columns of any tile: the size of the spill buffer.
const MAX_TILE: usize = 12 * 32;

/// A stretch of k along which the broadcast side goes in equal steps.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct Run {
    /// From `Tile::p` to its first element, or [`Run::ZEROS`].
    pub(crate) at: usize,
    /// How long it is.
    pub(crate) k: usize,
}

impl Run {
    /// Where zeros are instead of elements: the run does not move on from there.
    pub(crate) const ZEROS: usize = usize::MAX;
}

/// The zeros of such runs: room for the rows of any tile.
static ZEROS: [u64; 16] = [0; 16];

/// The operands of one tile: `c[i * c_p + j * c_q] (+)= sum over k of p[i * p_outer + k * p_k] * q[k * q_k + j]`, with P in
/// runs, one after the other.
pub(crate) struct Tile<'a, T> {
    /// Rows: 1 to the kernel's `mr`.
    pub(crate) rows: usize,
    /// Columns: 1 to the kernel's `nr`.
    pub(crate) cols: usize,
    /// The stretches of the sums, none of them empty; in runs of zeros rows are one element apart, whatever `p_outer` says.
    pub(crate) runs: &'a [Run],
    /// The broadcast side.
    pub(crate) p: *const T,
    /// From one row of P to the next.
    pub(crate) p_outer: usize,
    /// From one k of P to the next.
    pub(crate) p_k: usize,
    /// The vector side: `cols` readable elements at each k.
    pub(crate) q: *const T,
    /// From one k of Q to the next.
    pub(crate) q_k: usize,
    /// The result.
    pub(crate) c: *mut T,
    /// From one row of the result to the next.
    pub(crate) c_p: usize,
    /// From one column of the result to the next.
    pub(crate) c_q: usize,
    /// Whether the sums are added to what the result holds.
    pub(crate) add: bool,
    /// What another tile reads soon, fetched into the second-level cache meanwhile: the hardware stops at the end of a page.
    pub(crate) soon: *const T,
    /// How much of it for each k; 0 for nothing.
    pub(crate) soon_k: usize,
}

/// A micro-kernel and the size of its tile.
#[derive(Clone, Copy)]
pub struct Kernel<T> {
    /// Rows of a full tile.
    pub(crate) mr: usize,
    /// Columns of a full tile.
    pub(crate) nr: usize,
    /// Computes a tile: every element is one FMA chain in k order that starts from zero.
    ///
    /// # Safety
    /// The instruction set is available; every element that `Tile` describes may be read, or written for `c`;
    /// no other thread touches these elements of `c`.
    pub(crate) run: unsafe fn(&Tile<'_, T>),
    /// Columns of a tile of what is left of Q after whole tiles, and the function that computes it and narrower ones.
    pub(crate) rest_nr: usize,
    /// As `run`.
    ///
    /// # Safety
    /// As `run`.
    pub(crate) rest: unsafe fn(&Tile<'_, T>),
}

/// R rows by NV vectors, the last of which has `t.cols` modulo `LEN` lanes unless WHOLE. FETCH says whether there is a `soon`.
///
/// # Safety
/// As [`Kernel::run`], with `R == rows` and `cols` more than `(NV - 1) * LEN`, and `NV * LEN` if WHOLE, or else less.
#[inline(always)]
#[allow(clippy::needless_range_loop)] // Register arrays: plain counters unroll best and read best here.
unsafe fn tile<V: Vector, const R: usize, const NV: usize, const WHOLE: bool, const FETCH: bool>(
    t: &Tile<'_, V::Elem>,
) {
    // SAFETY: the instruction set and the pointers are the caller's word; all offsets stay within the tile that
    // `Tile` describes, and `spill` holds R * NV * LEN <= MAX_TILE elements.
    unsafe {
        let mut acc = [[V::zero(); NV]; R];
        let mut q = t.q;
        let lanes = t.cols % V::LEN;
        let mut runs = t.runs.iter();
        let mut soon = t.soon;
        let (mut p, mut p_outer, mut p_k, mut left) = (t.p, t.p_outer, t.p_k, 0);
        // One loop, not one for each run: loops within loops make the compiler spill the sums.
        loop {
            if left == 0 {
                let Some(run) = runs.next() else { break };
                (p, p_outer, p_k) = match run.at {
                    Run::ZEROS => (ZEROS.as_ptr().cast(), 1, 0),
                    at => (t.p.wrapping_add(at), t.p_outer, t.p_k),
                };
                left = run.k;
            }
            left -= 1;
            if FETCH {
                V::fetch(soon);
                soon = soon.wrapping_add(t.soon_k);
            }
            let mut row = [V::zero(); NV];
            for v in 0..NV {
                let q = q.add(v * V::LEN);
                row[v] = if WHOLE || v + 1 < NV { V::load(q) } else { V::load_first(q, lanes) };
            }
            for r in 0..R {
                let x = V::splat(*p.add(r * p_outer));
                for v in 0..NV {
                    acc[r][v] = x.fma(row[v], acc[r][v]);
                }
            }
            p = p.wrapping_add(p_k);
            q = q.wrapping_add(t.q_k);
        }
        if t.c_q == 1 {
            for r in 0..R {
                for v in 0..NV {
                    let c = t.c.add(r * t.c_p + v * V::LEN);
                    if WHOLE || v + 1 < NV {
                        if t.add {
                            acc[r][v] = V::load(c).add(acc[r][v]);
                        }
                        acc[r][v].store(c);
                    } else {
                        if t.add {
                            acc[r][v] = V::load_first(c, lanes).add(acc[r][v]);
                        }
                        acc[r][v].store_first(c, lanes);
                    }
                }
            }
        } else {
            const { assert!(R * NV * V::LEN <= MAX_TILE) }
            let mut spill = std::mem::MaybeUninit::<[V::Elem; MAX_TILE]>::uninit();
            let spill = spill.as_mut_ptr().cast::<V::Elem>();
            for r in 0..R {
                for v in 0..NV {
                    acc[r][v].store(spill.add((r * NV + v) * V::LEN));
                }
            }
            for j in 0..t.cols {
                for r in 0..R {
                    let c = t.c.add(r * t.c_p + j * t.c_q);
                    let sum = *spill.add(r * NV * V::LEN + j);
                    *c = if t.add { *c + sum } else { sum };
                }
            }
        }
    }
}

macro_rules! kernel {
    (($($attr:tt)*) $name:ident, $vector:ty, $nv:tt, [$($r:literal)*]) => {
        /// A tile of any height up to the kernel's.
        ///
        /// # Safety
        /// As [`Kernel::run`].
        $($attr)*
        unsafe fn $name(t: &Tile<'_, <$vector as Vector>::Elem>) {
            match t.rows {
                $($r => kernel!(@widths t, $vector, $r, $nv),)*
                _ => unreachable!("tile height"),
            }
        }
    };
    // Of one width.
    (@widths $t:ident, $vector:ty, $r:literal, $nv:literal) => {
        // SAFETY: passed on; the const parameters are the tile's height and width.
        unsafe { tile::<$vector, $r, $nv, true, false>($t) }
    };
    // Of any width up to two vectors.
    (@widths $t:ident, $vector:ty, $r:literal, any) => {{
        const LEN: usize = <$vector as Vector>::LEN;
        // SAFETY: passed on; the const parameters are the tile's height and width.
        unsafe {
            match ($t.cols > LEN, $t.cols.is_multiple_of(LEN)) {
                (true, true) if $t.soon_k > 0 => tile::<$vector, $r, 2, true, true>($t),
                (true, true) => tile::<$vector, $r, 2, true, false>($t),
                (true, false) => tile::<$vector, $r, 2, false, false>($t),
                (false, true) => tile::<$vector, $r, 1, true, false>($t),
                (false, false) => tile::<$vector, $r, 1, false, false>($t),
            }
        }
    }};
}

/// The kernels of an element type on an instruction set, and a function that picks one: *square* for most products, and
/// *wide* ones for few rows that read Q in place (more of each line of it at a time, which memory likes).
macro_rules! kernels {
    ($module:ident, $vector:ty, $attr:tt, $mr:literal [$($r:literal)*],
     $($wide:ident $most:literal [$($wide_r:literal)*] $nv:literal),*) => {
        mod $module {
            use super::*;

            kernel!($attr square, $vector, any, [$($r)*]);
            $(kernel!($attr $wide, $vector, $nv, [$($wide_r)*]);)*

            pub(super) fn pick(p: usize, q: usize, q_lies: bool) -> Kernel<<$vector as Vector>::Elem> {
                const LEN: usize = <$vector as Vector>::LEN;
                $(if p <= $most && q_lies && q >= $nv * LEN {
                    return Kernel { mr: $most, nr: $nv * LEN, run: $wide, rest_nr: 2 * LEN, rest: square };
                })*
                let nr = if q <= LEN { LEN } else { 2 * LEN };
                Kernel { mr: $mr, nr, run: square, rest_nr: nr, rest: square }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
kernels!(f32_avx512, F32x16, (#[target_feature(enable = "avx512f,fma")]),
    12 [1 2 3 4 5 6 7 8 9 10 11 12], wide8 3 [1 2 3] 8, wide4 6 [1 2 3 4 5 6] 4);
#[cfg(target_arch = "x86_64")]
kernels!(f64_avx512, F64x8, (#[target_feature(enable = "avx512f,fma")]),
    12 [1 2 3 4 5 6 7 8 9 10 11 12], wide8 3 [1 2 3] 8, wide4 6 [1 2 3 4 5 6] 4);
#[cfg(target_arch = "x86_64")]
kernels!(f32_avx2, F32x8, (#[target_feature(enable = "avx2,fma")]), 6 [1 2 3 4 5 6], wide4 3 [1 2 3] 4);
#[cfg(target_arch = "x86_64")]
kernels!(f64_avx2, F64x4, (#[target_feature(enable = "avx2,fma")]), 6 [1 2 3 4 5 6], wide4 3 [1 2 3] 4);
kernels!(f32_portable, Plain32, (), 8 [1 2 3 4 5 6 7 8], wide4 2 [1 2] 4);
kernels!(f64_portable, Plain64, (), 8 [1 2 3 4 5 6 7 8], wide4 2 [1 2] 4);

/// The `f32` kernel for `p` items on the broadcast side and `q` on the vector side; `q_lies` says whether it is read in
/// place.
pub(super) fn kernel_f32(p: usize, q: usize, q_lies: bool) -> Kernel<f32> {
    match level() {
        #[cfg(target_arch = "x86_64")]
        crate::clones::Level::Avx512 => f32_avx512::pick(p, q, q_lies),
        #[cfg(target_arch = "x86_64")]
        crate::clones::Level::Avx2 => f32_avx2::pick(p, q, q_lies),
        _ => f32_portable::pick(p, q, q_lies),
    }
}

/// The `f64` kernel for `p` items on the broadcast side and `q` on the vector side; `q_lies` says whether it is read in
/// place.
pub(super) fn kernel_f64(p: usize, q: usize, q_lies: bool) -> Kernel<f64> {
    match level() {
        #[cfg(target_arch = "x86_64")]
        crate::clones::Level::Avx512 => f64_avx512::pick(p, q, q_lies),
        #[cfg(target_arch = "x86_64")]
        crate::clones::Level::Avx2 => f64_avx2::pick(p, q, q_lies),
        _ => f64_portable::pick(p, q, q_lies),
    }
}
