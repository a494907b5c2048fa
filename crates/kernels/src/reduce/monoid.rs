//! What is reduced: an associative join with an identity, and how elements get in and results out.

use bytemuck::Pod;
use half::{bf16, f16};

use super::super::half_float::HalfFloat;

/// An associative operation on accumulators.
pub trait Monoid: 'static {
    /// What partial results are kept in.
    type Acc: Pod + Send + Sync;
    /// The result of reducing nothing.
    const IDENTITY: Self::Acc;
    /// Joins the result of earlier elements with that of later ones.
    fn join(a: Self::Acc, b: Self::Acc) -> Self::Acc;
}

/// A reduction of elements of type `T`.
pub trait Reduction<T> {
    /// The operation and its accumulator.
    type Monoid: Monoid;
    /// One element as an accumulator.
    fn lift(x: T) -> <Self::Monoid as Monoid>::Acc;
    /// The result over `count` elements.
    fn finish(acc: <Self::Monoid as Monoid>::Acc, count: usize) -> T;
}

/// `reduce_sum`: integers wrap.
pub struct Sum;
/// `reduce_prod`: integers wrap.
pub struct Prod;
/// The sum of the squares of real numbers: integers wrap.
pub struct SumSquares;
/// `reduce_mean`: integers are summed in 64 bits, wrapping, and divided toward zero; none give 0.
pub struct Mean;
/// `reduce_max`: NaN if there is one; nothing gives -∞ or the lowest integer.
pub struct Max;
/// `reduce_min`: NaN if there is one; nothing gives ∞ or the highest integer.
pub struct Min;
/// `reduce_all` of truth values kept as bytes 0 and 1.
pub struct All;
/// `reduce_any` of truth values kept as bytes 0 and 1.
pub struct Any;

/// Addition of `A`.
pub struct Add<A>(std::marker::PhantomData<A>);
/// Multiplication of `A`.
pub struct Mul<A>(std::marker::PhantomData<A>);
/// The greater of two `A`.
pub struct Greater<A>(std::marker::PhantomData<A>);
/// The lesser of two `A`.
pub struct Lesser<A>(std::marker::PhantomData<A>);

macro_rules! monoid {
    ($name:ident<$acc:ty>, $identity:expr, |$a:ident, $b:ident| $join:expr) => {
        impl Monoid for $name<$acc> {
            type Acc = $acc;
            const IDENTITY: $acc = $identity;
            #[inline(always)]
            fn join($a: $acc, $b: $acc) -> $acc {
                $join
            }
        }
    };
}

macro_rules! float_monoids {
    ($($acc:ident)*) => {$(
        monoid!(Add<$acc>, 0.0, |a, b| a + b);
        monoid!(Mul<$acc>, 1.0, |a, b| a * b);
        // A comparison with NaN is false, so a NaN on the left stays; one on the right is let in. The first selection is the
        // processor's own maximum, and the second does not wait for what came before.
        monoid!(Greater<$acc>, $acc::NEG_INFINITY, |a, b| {
            let more = if b > a { b } else { a };
            if b.is_nan() { b } else { more }
        });
        monoid!(Lesser<$acc>, $acc::INFINITY, |a, b| {
            let less = if b < a { b } else { a };
            if b.is_nan() { b } else { less }
        });
    )*};
}

macro_rules! int_monoids {
    ($($acc:ident)*) => {$(
        monoid!(Add<$acc>, 0, |a, b| a.wrapping_add(b));
        monoid!(Mul<$acc>, 1, |a, b| a.wrapping_mul(b));
        monoid!(Greater<$acc>, $acc::MIN, |a, b| if a >= b { a } else { b });
        monoid!(Lesser<$acc>, $acc::MAX, |a, b| if a <= b { a } else { b });
    )*};
}

float_monoids!(f32 f64);
int_monoids!(i8 i16 i32 i64 u8 u16 u32 u64);

macro_rules! reduction {
    ($op:ident, $t:ty, $monoid:ident<$acc:ty>, |$x:ident| $lift:expr, |$y:ident, $n:ident| $finish:expr) => {
        impl Reduction<$t> for $op {
            type Monoid = $monoid<$acc>;
            #[inline(always)]
            fn lift($x: $t) -> $acc {
                $lift
            }
            #[inline(always)]
            fn finish($y: $acc, $n: usize) -> $t {
                $finish
            }
        }
    };
}

macro_rules! float_reductions {
    ($($t:ty, $acc:ident, |$x:ident| $widen:expr, |$y:ident| $narrow:expr;)*) => {$(
        reduction!(Sum, $t, Add<$acc>, |$x| $widen, |$y, _n| $narrow);
        reduction!(Prod, $t, Mul<$acc>, |$x| $widen, |$y, _n| $narrow);
        reduction!(SumSquares, $t, Add<$acc>, |$x| { let x = $widen; x * x }, |$y, _n| $narrow);
        reduction!(Mean, $t, Add<$acc>, |$x| $widen, |sum, n| { let $y = sum / n as $acc; $narrow });
        reduction!(Max, $t, Greater<$acc>, |$x| $widen, |$y, _n| $narrow);
        reduction!(Min, $t, Lesser<$acc>, |$x| $widen, |$y, _n| $narrow);
    )*};
}

float_reductions! {
    f32, f32, |x| x, |y| y;
    f64, f64, |x| x, |y| y;
    f16, f32, |x| x.widen(), |y| f16::narrow(y);
    bf16, f32, |x| x.widen(), |y| bf16::narrow(y);
}

macro_rules! int_reductions {
    ($($t:ty, $wide:ty;)*) => {$(
        reduction!(Sum, $t, Add<$t>, |x| x, |y, _n| y);
        reduction!(Prod, $t, Mul<$t>, |x| x, |y, _n| y);
        reduction!(SumSquares, $t, Add<$t>, |x| x.wrapping_mul(x), |y, _n| y);
        reduction!(Mean, $t, Add<$wide>, |x| <$wide>::from(x), |sum, n| {
            if n == 0 { 0 } else { (sum / n as $wide) as $t }
        });
        reduction!(Max, $t, Greater<$t>, |x| x, |y, _n| y);
        reduction!(Min, $t, Lesser<$t>, |x| x, |y, _n| y);
    )*};
}

int_reductions! {
    i8, i64;
    i16, i64;
    i32, i64;
    i64, i64;
    u8, u64;
    u16, u64;
    u32, u64;
    u64, u64;
}

/// Both of two truth bytes.
pub struct And;
/// Either of two truth bytes.
pub struct Or;

impl Monoid for And {
    type Acc = u8;
    const IDENTITY: u8 = 1;
    #[inline(always)]
    fn join(a: u8, b: u8) -> u8 {
        a & b
    }
}

impl Monoid for Or {
    type Acc = u8;
    const IDENTITY: u8 = 0;
    #[inline(always)]
    fn join(a: u8, b: u8) -> u8 {
        a | b
    }
}

impl Reduction<u8> for All {
    type Monoid = And;
    #[inline(always)]
    fn lift(x: u8) -> u8 {
        x
    }
    #[inline(always)]
    fn finish(acc: u8, _count: usize) -> u8 {
        acc
    }
}

impl Reduction<u8> for Any {
    type Monoid = Or;
    #[inline(always)]
    fn lift(x: u8) -> u8 {
        x
    }
    #[inline(always)]
    fn finish(acc: u8, _count: usize) -> u8 {
        acc
    }
}
