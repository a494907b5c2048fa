//! The vector types of the micro-kernel: five operations, one implementation for each instruction set.

/// A vector register of `LEN` elements. Every operation rounds as the scalar one does, lane by lane.
///
/// # Safety
/// All methods may only run where the instruction set of the implementation is available, and pointers
/// must be valid for `LEN` elements (no alignment is needed).
pub(super) trait Vector: Copy {
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
    /// Writes `LEN` elements.
    unsafe fn store(self, p: *mut Self::Elem);
    /// `self * x + y`, rounded once.
    unsafe fn fma(self, x: Self, y: Self) -> Self;
    /// `self + x`.
    unsafe fn add(self, x: Self) -> Self;
}

#[cfg(target_arch = "x86_64")]
macro_rules! vector {
    ($name:ident, $elem:ty, $len:literal, $reg:ident, $feature:literal,
     $zero:ident, $splat:ident, $load:ident, $store:ident, $fma:ident, $add:ident) => {
        #[doc = concat!(stringify!($len), " lanes of ", stringify!($elem), "; needs ", $feature, ".")]
        #[derive(Clone, Copy)]
        pub(super) struct $name(std::arch::x86_64::$reg);

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
            unsafe fn store(self, p: *mut $elem) {
                // SAFETY: the feature is there and `p` is valid for `LEN` elements, says the caller.
                unsafe { std::arch::x86_64::$store(p, self.0) }
            }
            #[inline(always)]
            unsafe fn fma(self, x: Self, y: Self) -> Self {
                // SAFETY: the caller runs on a machine with the feature.
                unsafe { $name(std::arch::x86_64::$fma(self.0, x.0, y.0)) }
            }
            #[inline(always)]
            unsafe fn add(self, x: Self) -> Self {
                // SAFETY: the caller runs on a machine with the feature.
                unsafe { $name(std::arch::x86_64::$add(self.0, x.0)) }
            }
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
    _mm512_add_ps
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
    _mm512_add_pd
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
    _mm256_add_ps
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
    _mm256_add_pd
);

macro_rules! portable {
    ($name:ident, $elem:ty, $len:literal) => {
        #[doc = concat!(stringify!($len), " lanes of ", stringify!($elem), " in plain Rust.")]
        #[derive(Clone, Copy)]
        pub(super) struct $name([$elem; $len]);

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
            unsafe fn store(self, p: *mut $elem) {
                // SAFETY: `p` is valid for `LEN` elements, says the caller.
                unsafe { p.cast::<[$elem; $len]>().write_unaligned(self.0) }
            }
            #[inline(always)]
            unsafe fn fma(mut self, x: Self, y: Self) -> Self {
                for lane in 0..$len {
                    self.0[lane] = self.0[lane].mul_add(x.0[lane], y.0[lane]);
                }
                self
            }
            #[inline(always)]
            unsafe fn add(mut self, x: Self) -> Self {
                for lane in 0..$len {
                    self.0[lane] += x.0[lane];
                }
                self
            }
        }
    };
}
portable!(Plain32, f32, 4);
portable!(Plain64, f64, 2);
