//! Elementary functions on `f32` and `f64`, written once, vectorised by the compiler.
//!
//! [`Real`] holds them. Each is `#[inline(always)]`, branch-free and calls no library, so that a
//! loop over it inside `clones!` becomes vector code (but for a remainder, which processors have no instruction for). A
//! function has one definition made of IEEE operations alone: **an element gets the same bits whether it
//! is computed alone, in the AVX2 clone, in the AVX-512 clone or in the portable one** (where `mul_add` is
//! a slow library call with the same result). Only the payload and sign of a NaN are left open.
//!
//! `f32` and `f64` have inherent methods of the same names, which call the platform's library, and in
//! `x.exp()` on a concrete type *the inherent method wins*. So write `Real::exp(x)`, or be generic over
//! `T: Real`, where only the trait's methods exist.
//!
//! `f16` and `bf16` are computed in `f32` by the callers. The special functions (gamma, Bessel, …) are in
//! [`special`].
//!
//! The error that stands beside each function, first for `f32`, is the largest that was seen over some
//! 120,000 arguments of all magnitudes (`f64`: 12,000, against 160 bits; circular functions: 60,000), denormal results included, in ulp (units in the last
//! place).

mod angle64;
mod circle64;
mod erf64;
mod exp32;
mod kernel64;
mod log32;
mod log64;
mod real32;
mod real64;
pub mod special;
mod wide32;

#[cfg(test)]
mod tests;

use std::ops::{Add, Div, Mul, Neg, Rem, Sub};

/// A floating-point number that kernels compute with: `f32` or `f64`.
///
/// Every function propagates NaN, keeps the sign of zero and follows C99 at zeros, infinities and outside its
/// domain (NaN), unless it says otherwise.
pub trait Real:
    Copy
    + PartialOrd
    + Send
    + Sync
    + std::fmt::Debug
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Rem<Output = Self>
    + Neg<Output = Self>
    + 'static
{
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// A quiet NaN.
    const NAN: Self;
    /// +∞.
    const INFINITY: Self;

    /// `x` rounded to this type.
    fn of(x: f64) -> Self;
    /// This number as an `f64`, exactly.
    fn wide(self) -> f64;
    /// self · a + b, rounded once.
    fn mul_add(self, a: Self, b: Self) -> Self;
    /// |x|.
    fn abs(self) -> Self;
    /// Whether x is NaN.
    fn is_nan(self) -> bool;
    /// The next number after x in the direction of `to`; `to` if they are equal.
    fn nextafter(self, to: Self) -> Self;

    /// e^x; 0.95 ulp, `f64` 0.93.
    fn exp(self) -> Self;
    /// 2^x, exact at integers; 0.85 ulp, `f64` 0.84.
    fn exp2(self) -> Self;
    /// e^x - 1; 1.33 ulp, `f64` 1.66.
    fn expm1(self) -> Self;
    /// Natural logarithm; 0.73 ulp, `f64` 0.75.
    fn ln(self) -> Self;
    /// ln(1+x); 1.24 ulp, `f64` 0.74.
    fn log1p(self) -> Self;
    /// Logarithm to base 2, exact at powers of two; 0.51 ulp, `f64` 0.65.
    fn log2(self) -> Self;
    /// Logarithm to base 10; 0.51 ulp, `f64` 0.66.
    fn log10(self) -> Self;
    /// √x, correctly rounded.
    fn sqrt(self) -> Self;
    /// 1/√x, ±∞ at ±0; 1.46 ulp, `f64` 1.40.
    #[inline(always)]
    fn rsqrt(self) -> Self {
        Self::ONE / self.sqrt()
    }
    /// sin x, for every finite x; 0.51 ulp, `f64` 0.69.
    fn sin(self) -> Self;
    /// cos x, for every finite x; 0.51 ulp, `f64` 0.67.
    fn cos(self) -> Self;
    /// tan x, for every finite x; 0.51 ulp, `f64` 0.74.
    fn tan(self) -> Self;
    /// Whether x is so small that [`sin_near`](Real::sin_near) and its kin are functions of it; every x of `f32`.
    #[inline(always)]
    fn is_near(self) -> bool {
        true
    }
    /// [`sin`](Real::sin), to the bit and sooner, where [`is_near`](Real::is_near) holds.
    #[inline(always)]
    fn sin_near(self) -> Self {
        self.sin()
    }
    /// [`cos`](Real::cos) likewise.
    #[inline(always)]
    fn cos_near(self) -> Self {
        self.cos()
    }
    /// [`tan`](Real::tan) likewise.
    #[inline(always)]
    fn tan_near(self) -> Self {
        self.tan()
    }
    /// arcsin x; 0.51 ulp, `f64` 0.61.
    fn asin(self) -> Self;
    /// arccos x; 0.51 ulp, `f64` 0.60.
    fn acos(self) -> Self;
    /// arctan x; 0.51 ulp, `f64` 0.60.
    fn atan(self) -> Self;
    /// The angle of the point (x, self), in [-π, π]; 0.51 ulp, `f64` 0.72.
    fn atan2(self, x: Self) -> Self;
    /// Hyperbolic sine; 0.51 ulp, `f64` 2.20.
    fn sinh(self) -> Self;
    /// Hyperbolic cosine; 0.51 ulp, `f64` 1.20.
    fn cosh(self) -> Self;
    /// Hyperbolic tangent; 0.97 ulp, `f64` 1.15.
    fn tanh(self) -> Self;
    /// Inverse hyperbolic sine; 0.51 ulp, `f64` 1.50.
    fn asinh(self) -> Self;
    /// Inverse hyperbolic cosine; 0.51 ulp, `f64` 1.66.
    fn acosh(self) -> Self;
    /// Inverse hyperbolic tangent; 0.51 ulp, `f64` 1.38.
    fn atanh(self) -> Self;
    /// 1/(1+e^-x), with all its digits in the left tail; 1.41 ulp, `f64` 1.39.
    fn sigmoid(self) -> Self;
    /// ln(1+e^x) as max(x, 0) + log1p(e^-|x|); 1.45 ulp, `f64` 1.37.
    fn softplus(self) -> Self;
    /// ln sigmoid(x) = -softplus(-x); 1.45 ulp, `f64` 1.37.
    #[inline(always)]
    fn log_sigmoid(self) -> Self {
        -(-self).softplus()
    }
    /// The error function; 0.93 ulp, `f64` 0.77.
    fn erf(self) -> Self;
    /// 1 - erf x, with all its digits in the right tail; 0.51 ulp, `f64` 1.52.
    fn erfc(self) -> Self;
    /// self^y, with C99's table of special values; 0.51 ulp, `f64` 0.93.
    fn pow(self, y: Self) -> Self;

    /// The largest integer not above x.
    fn floor(self) -> Self;
    /// The smallest integer not below x.
    fn ceil(self) -> Self;
    /// The nearest integer, ties to even: TensorFlow's `round` and `rint`.
    fn rint(self) -> Self;
    /// The integer part.
    fn trunc(self) -> Self;
    /// -1, 0 or 1; +0 at -0, too, and NaN at NaN.
    #[inline(always)]
    fn sign(self) -> Self {
        let y = if self > Self::ZERO { Self::ONE } else { self + Self::ZERO };
        if self < Self::ZERO { -Self::ONE } else { y }
    }
    /// floor(self / y): TensorFlow's `floordiv` on floats.
    #[inline(always)]
    fn floor_div(self, y: Self) -> Self {
        (self / y).floor()
    }
    /// The remainder with the sign of `y`: TensorFlow's `floormod`, from the exact C99 `fmod`.
    #[inline(always)]
    fn floor_mod(self, y: Self) -> Self {
        let r = self % y;
        if (r != Self::ZERO) & ((r < Self::ZERO) != (y < Self::ZERO)) { r + y } else { r }
    }
    /// The larger; NaN if either is.
    #[inline(always)]
    fn maximum(self, y: Self) -> Self {
        if (self > y) | self.is_nan() { self } else { y }
    }
    /// The smaller; NaN if either is.
    #[inline(always)]
    fn minimum(self, y: Self) -> Self {
        if (self < y) | self.is_nan() { self } else { y }
    }

    /// self · ln y; self where self is ±0, whatever y is.
    #[inline(always)]
    fn xlogy(self, y: Self) -> Self {
        if self == Self::ZERO { self } else { self * y.ln() }
    }
    /// self · ln(1+y); self where self is ±0, whatever y is.
    #[inline(always)]
    fn xlog1py(self, y: Self) -> Self {
        if self == Self::ZERO { self } else { self * y.log1p() }
    }
    /// self / y; self where self is ±0, whatever y is.
    #[inline(always)]
    fn xdivy(self, y: Self) -> Self {
        if self == Self::ZERO { self } else { self / y }
    }
    /// self / y; +0 where y is 0, whatever self is.
    #[inline(always)]
    fn divide_no_nan(self, y: Self) -> Self {
        if y == Self::ZERO { Self::ZERO } else { self / y }
    }
    /// self · y; +0 where y is 0, whatever self is.
    #[inline(always)]
    fn multiply_no_nan(self, y: Self) -> Self {
        if y == Self::ZERO { Self::ZERO } else { self * y }
    }
}
