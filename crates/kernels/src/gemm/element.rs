//! What a matrix may hold: storage types, and the two types that products are computed in.

use super::kernel::Kernel;
use super::lines::Lines;
use super::transpose::Square;
use crate::half_float::HalfFloat;
use bytemuck::Pod;
use half::{bf16, f16};
use std::ops::{AddAssign, Div};

mod sealed {
    /// Kernels rely on what `Element` and `Real` say of the types below, so no other type may implement them.
    pub trait Sealed {}
}

/// A floating-point type that matrices are stored in: `f32`, `f64`, `f16`, `bf16`.
pub trait Element: Pod + Send + Sync + sealed::Sealed {
    /// The type the products are computed and summed in.
    type Acc: Real;
    /// Whether `Acc` is this very type, so that kernels may read and write matrices in place.
    const DIRECT: bool;

    /// The same value in the computing type.
    fn widen(self) -> Self::Acc;
    /// The nearest value of this type, ties to even.
    fn round(sum: Self::Acc) -> Self;
    /// `self + other`, rounded once, as the addition op does.
    fn plus(self, other: Self) -> Self;
}

/// A type that products are computed in: `f32` or `f64`.
pub trait Real: Element<Acc = Self> + AddAssign + Div<Output = Self> + std::fmt::Debug {
    /// Positive zero.
    const ZERO: Self;
    /// One.
    const ONE: Self;

    /// The micro-kernel of the level in use for `p` items on the broadcast side and `q` on the vector side;
    /// `q_lies` says whether that side is read in place.
    fn kernel(p: usize, q: usize, q_lies: bool) -> Kernel<Self>;
    /// The transposing copy of the level in use, with the side of its square.
    fn square() -> (usize, Square<Self>);
    /// The function of the level in use for a matrix that lies along k and a few vectors.
    fn lines() -> Lines<Self>;
    /// The number nearest to a count.
    fn from_count(count: usize) -> Self;
    /// `self * x + y` rounded once.
    fn fma(self, x: Self, y: Self) -> Self;
}

macro_rules! real {
    ($type:ty, $kernel:ident, $square:ident, $lines:ident) => {
        impl sealed::Sealed for $type {}

        impl Element for $type {
            type Acc = $type;
            const DIRECT: bool = true;

            #[inline(always)]
            fn widen(self) -> $type {
                self
            }
            #[inline(always)]
            fn round(sum: $type) -> $type {
                sum
            }
            #[inline(always)]
            fn plus(self, other: $type) -> $type {
                self + other
            }
        }

        impl Real for $type {
            const ZERO: $type = 0.0;
            const ONE: $type = 1.0;

            fn kernel(p: usize, q: usize, q_lies: bool) -> Kernel<$type> {
                super::kernel::$kernel(p, q, q_lies)
            }
            fn square() -> (usize, Square<$type>) {
                super::transpose::$square()
            }
            fn lines() -> Lines<$type> {
                super::lines::$lines()
            }
            #[inline(always)]
            fn from_count(count: usize) -> $type {
                count as $type
            }
            #[inline(always)]
            fn fma(self, x: $type, y: $type) -> $type {
                self.mul_add(x, y)
            }
        }
    };
}
real!(f32, kernel_f32, square_f32, lines_f32);
real!(f64, kernel_f64, square_f64, lines_f64);

macro_rules! narrow {
    ($type:ty) => {
        impl sealed::Sealed for $type {}

        impl Element for $type {
            type Acc = f32;
            const DIRECT: bool = false;

            #[inline(always)]
            fn widen(self) -> f32 {
                HalfFloat::widen(self)
            }
            #[inline(always)]
            fn round(sum: f32) -> $type {
                HalfFloat::narrow(sum)
            }
            #[inline(always)]
            fn plus(self, other: $type) -> $type {
                HalfFloat::narrow(HalfFloat::widen(self) + HalfFloat::widen(other))
            }
        }
    };
}
narrow!(f16);
narrow!(bf16);
