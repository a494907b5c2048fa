//! The vector types of the micro-kernel and of chains: a few operations, one implementation for each instruction set.

/// A vector register of `LEN` elements. Every operation rounds as the scalar one does, lane by lane.
///
/// # Safety
/// All methods may only run where the instruction set of the implementation is available, and pointers
/// must be valid for `LEN` elements (no alignment is needed).
pub(crate) trait Vector: Copy {
    /// The element type.
    type Elem: Copy + std::ops::Add<Output = Self::Elem>;
    /// Elements in a vector.
    const LEN: usize;

    /// All lanes positive zero.
    unsafe fn zero() -> Self;
    /// All lanes `x`.
    unsafe fn splat(x: Self::Elem) -> Self;
    /// Reads `LEN` elements.
    unsafe fn load(p: *const Self::Elem) -> Self;
    /// Reads the first `count` elements, fewer than `LEN`, and touches no other; the other lanes are zero.
    unsafe fn load_first(p: *const Self::Elem, count: usize) -> Self;
    /// Writes `LEN` elements.
    unsafe fn store(self, p: *mut Self::Elem);
    /// Writes the first `count` elements, fewer than `LEN`, and touches no other.
    unsafe fn store_first(self, p: *mut Self::Elem, count: usize);
    /// Brings what will be read into the second-level cache. Any address will do.
    unsafe fn fetch(p: *const Self::Elem);
    /// `self * x + y`, rounded once.
    unsafe fn fma(self, x: Self, y: Self) -> Self;
    /// `self + x`.
    unsafe fn add(self, x: Self) -> Self;
    /// `self - x`.
    unsafe fn sub(self, x: Self) -> Self;
    /// `self * x`.
    unsafe fn mul(self, x: Self) -> Self;
    /// `self / x`.
    unsafe fn div(self, x: Self) -> Self;
    /// The square root.
    unsafe fn sqrt(self) -> Self;
}

#[cfg(target_arch = "x86_64")]
macro_rules! vector {
    ($name:ident, $elem:ty, $len:literal, $reg:ident, $feature:literal,
     $zero:ident, $splat:ident, $load:ident, $store:ident, $fma:ident, $sqrt:ident, [$($op:ident $with:ident),*],
     $mask:ident, $load_first:ident, $store_first:ident) => {
        #[doc = concat!(stringify!($len), " lanes of ", stringify!($elem), "; needs ", $feature, ".")]
        #[derive(Clone, Copy)]
        pub(crate) struct $name(pub(super) std::arch::x86_64::$reg);

        impl Vector for $name {
            type Elem = $elem;
            const LEN: usize = $len;

            #[inline(always)]
            unsafe fn zero() -> Self {
                // SAFETY: the caller runs on a machine with the feature.
                unsafe { $name(std::arch::x86_64::$zero()) }
            }
            #[inline(always)]
            unsafe fn splat(x: $elem) -> Self {
                // SAFETY: the caller runs on a machine with the feature.
                unsafe { $name(std::arch::x86_64::$splat(x)) }
            }
            #[inline(always)]
            unsafe fn load(p: *const $elem) -> Self {
                // SAFETY: the feature is there and `p` is valid for `LEN` elements, says the caller.
                unsafe { $name(std::arch::x86_64::$load(p)) }
            }
            #[inline(always)]
            unsafe fn load_first(p: *const $elem, count: usize) -> Self {
                // SAFETY: the feature is there, and lanes that the mask leaves out are not read.
                unsafe { $name($load_first(p, count)) }
            }
            #[inline(always)]
            unsafe fn store(self, p: *mut $elem) {
                // SAFETY: the feature is there and `p` is valid for `LEN` elements, says the caller.
                unsafe { std::arch::x86_64::$store(p, self.0) }
            }
            #[inline(always)]
            unsafe fn store_first(self, p: *mut $elem, count: usize) {
                // SAFETY: the feature is there, and lanes that the mask leaves out are not written.
                unsafe { std::arch::x86_64::$store_first(p, $mask(count), self.0) }
            }
            #[inline(always)]
            unsafe fn fetch(p: *const $elem) {
                // SAFETY: a hint, which never faults.
                unsafe { std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T1 }>(p.cast()) }
            }
            #[inline(always)]
            unsafe fn fma(self, x: Self, y: Self) -> Self {
                // SAFETY: the caller runs on a machine with the feature.
                unsafe { $name(std::arch::x86_64::$fma(self.0, x.0, y.0)) }
            }
            #[inline(always)]
            unsafe fn sqrt(self) -> Self {
                // SAFETY: the caller runs on a machine with the feature.
                unsafe { $name(std::arch::x86_64::$sqrt(self.0)) }
            }
            $(
                #[inline(always)]
                unsafe fn $op(self, x: Self) -> Self {
                    // SAFETY: the caller runs on a machine with the feature.
                    unsafe { $name(std::arch::x86_64::$with(self.0, x.0)) }
                }
            )*
        }
    };
}

#[cfg(target_arch = "x86_64")]
vector!(
    F32x16,
    f32,
    16,
    __m512,
    "avx512f",
    _mm512_setzero_ps,
    _mm512_set1_ps,
    _mm512_loadu_ps,
    _mm512_storeu_ps,
    _mm512_fmadd_ps,
    _mm512_sqrt_ps,
    [add _mm512_add_ps, sub _mm512_sub_ps, mul _mm512_mul_ps, div _mm512_div_ps],
    first_of_16,
    first_f32x16,
    _mm512_mask_storeu_ps
);
#[cfg(target_arch = "x86_64")]
vector!(
    F64x8,
    f64,
    8,
    __m512d,
    "avx512f",
    _mm512_setzero_pd,
    _mm512_set1_pd,
    _mm512_loadu_pd,
    _mm512_storeu_pd,
    _mm512_fmadd_pd,
    _mm512_sqrt_pd,
    [add _mm512_add_pd, sub _mm512_sub_pd, mul _mm512_mul_pd, div _mm512_div_pd],
    first_lanes_of_8,
    first_f64x8,
    _mm512_mask_storeu_pd
);
#[cfg(target_arch = "x86_64")]
vector!(
    F32x8,
    f32,
    8,
    __m256,
    "avx2 and fma",
    _mm256_setzero_ps,
    _mm256_set1_ps,
    _mm256_loadu_ps,
    _mm256_storeu_ps,
    _mm256_fmadd_ps,
    _mm256_sqrt_ps,
    [add _mm256_add_ps, sub _mm256_sub_ps, mul _mm256_mul_ps, div _mm256_div_ps],
    first_of_8,
    first_f32x8,
    _mm256_maskstore_ps
);
#[cfg(target_arch = "x86_64")]
vector!(
    F64x4,
    f64,
    4,
    __m256d,
    "avx2 and fma",
    _mm256_setzero_pd,
    _mm256_set1_pd,
    _mm256_loadu_pd,
    _mm256_storeu_pd,
    _mm256_fmadd_pd,
    _mm256_sqrt_pd,
    [add _mm256_add_pd, sub _mm256_sub_pd, mul _mm256_mul_pd, div _mm256_div_pd],
    first_of_4,
    first_f64x4,
    _mm256_maskstore_pd
);

/// The masks of the first lanes of a vector, and loads under them.
#[cfg(target_arch = "x86_64")]
mod first {
    use std::arch::x86_64::*;

    /// Sixteen lanes, of AVX-512.
    #[inline(always)]
    pub(super) fn first_of_16(count: usize) -> __mmask16 {
        ((1u32 << count) - 1) as __mmask16
    }

    /// Eight lanes, of AVX-512.
    #[inline(always)]
    pub(super) fn first_lanes_of_8(count: usize) -> __mmask8 {
        ((1u32 << count) - 1) as __mmask8
    }

    /// Eight lanes, of AVX2.
    ///
    /// # Safety
    /// AVX2 is available.
    #[inline(always)]
    pub(super) unsafe fn first_of_8(count: usize) -> __m256i {
        const LANES: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];
        let from = &LANES[8 - count..][..8];
        // SAFETY: eight lanes of the table; the feature is the caller's word.
        unsafe { _mm256_loadu_si256(from.as_ptr().cast()) }
    }

    /// Four lanes of 64 bits, of AVX2.
    ///
    /// # Safety
    /// AVX2 is available.
    #[inline(always)]
    pub(super) unsafe fn first_of_4(count: usize) -> __m256i {
        // SAFETY: passed on.
        unsafe { first_of_8(2 * count) }
    }

    macro_rules! load {
        ($name:ident, $elem:ty, $reg:ident, |$p:ident, $count:ident| $load:expr) => {
            /// Reads the first lanes.
            ///
            /// # Safety
            /// The feature is available and so many elements may be read.
            #[inline(always)]
            pub(super) unsafe fn $name($p: *const $elem, $count: usize) -> $reg {
                // SAFETY: the caller's word; lanes that the mask leaves out are not read.
                unsafe { $load }
            }
        };
    }
    load!(first_f32x16, f32, __m512, |p, count| _mm512_maskz_loadu_ps(first_of_16(count), p));
    load!(first_f64x8, f64, __m512d, |p, count| _mm512_maskz_loadu_pd(first_lanes_of_8(count), p));
    load!(first_f32x8, f32, __m256, |p, count| _mm256_maskload_ps(p, first_of_8(count)));
    load!(first_f64x4, f64, __m256d, |p, count| _mm256_maskload_pd(p, first_of_4(count)));
}
#[cfg(target_arch = "x86_64")]
use first::*;

macro_rules! plain {
    ($($op:ident $with:tt),*) => { $(
        #[inline(always)]
        unsafe fn $op(mut self, x: Self) -> Self {
            for (lane, x) in self.0.iter_mut().zip(x.0) {
                *lane $with x;
            }
            self
        }
    )* };
}

macro_rules! portable {
    ($name:ident, $elem:ty, $len:literal) => {
        #[doc = concat!(stringify!($len), " lanes of ", stringify!($elem), " in plain Rust.")]
        #[derive(Clone, Copy)]
        pub(crate) struct $name(pub(super) [$elem; $len]);

        impl Vector for $name {
            type Elem = $elem;
            const LEN: usize = $len;

            #[inline(always)]
            unsafe fn zero() -> Self {
                $name([0.0; $len])
            }
            #[inline(always)]
            unsafe fn splat(x: $elem) -> Self {
                $name([x; $len])
            }
            #[inline(always)]
            unsafe fn load(p: *const $elem) -> Self {
                // SAFETY: `p` is valid for `LEN` elements, says the caller.
                $name(unsafe { p.cast::<[$elem; $len]>().read_unaligned() })
            }
            #[inline(always)]
            unsafe fn load_first(p: *const $elem, count: usize) -> Self {
                // SAFETY: the first `count` elements may be read, says the caller.
                $name(std::array::from_fn(|i| if i < count { unsafe { *p.add(i) } } else { 0.0 }))
            }
            #[inline(always)]
            unsafe fn store(self, p: *mut $elem) {
                // SAFETY: `p` is valid for `LEN` elements, says the caller.
                unsafe { p.cast::<[$elem; $len]>().write_unaligned(self.0) }
            }
            #[inline(always)]
            unsafe fn store_first(self, p: *mut $elem, count: usize) {
                for (i, x) in self.0.into_iter().enumerate().take(count) {
                    // SAFETY: the first `count` elements may be written, says the caller.
                    unsafe { *p.add(i) = x };
                }
            }
            #[inline(always)]
            unsafe fn fetch(_: *const $elem) {}
            #[inline(always)]
            unsafe fn fma(mut self, x: Self, y: Self) -> Self {
                for lane in 0..$len {
                    self.0[lane] = self.0[lane].mul_add(x.0[lane], y.0[lane]);
                }
                self
            }
            #[inline(always)]
            unsafe fn sqrt(self) -> Self {
                $name(self.0.map(<$elem>::sqrt))
            }
            plain!(add +=, sub -=, mul *=, div /=);
        }
    };
}
portable!(Plain32, f32, 4);
portable!(Plain64, f64, 2);
