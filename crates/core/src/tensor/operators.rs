//! Operators between tensors, references to them, variables and Rust numbers.
//!
//! `+ - *` and unary `-` are `add`, `subtract`, `multiply`, `negative`; `%` is `floormod`. `/` is `divide`
//! for floats and `floordiv` for integers, TensorFlow's `//`: so `n / 2` keeps the dtype of `n`, as every
//! operator here does. TensorFlow's `/` of integers, which gives f64, is `truediv`. `& | ^ !` are the logical
//! ops for bool and the bitwise ones for integers; `<< >>` shift integers. There is no `==` and no `<`:
//! comparing tensors gives a tensor, and Rust's operators give `bool`; use `x.equal(y)`, `x.less(y)` and
//! their kin.
//!
//! A tensor on the left takes anything that [`AsOperand`] does, by *one* implementation: with one for each
//! number type the compiler could not tell the type of `x * 2.0` before it has settled that of `2.0`, and `(x
//! * 2.0).sqrt()` would not compile. For the same reason a number on the left is `f64` or `i32`, the types
//! that literals become; a literal `0.1` is then exact for a tensor of doubles too.

use super::{AsOperand, Tensor, operands};
use crate::dtype::DType;
use crate::error::OrRaise;
use crate::ops::{self, add, floormod, left_shift, multiply, negative, right_shift, subtract};
use crate::variable::Variable;
use std::ops::{Add, BitAnd, BitOr, BitXor, Div, Mul, Neg, Not, Rem, Shl, Shr, Sub};

macro_rules! binary {
    ($tr:ident $method:ident $f:ident: $($left:ty)*) => { $(
        impl<T: AsOperand> $tr<T> for $left {
            type Output = Tensor;
            #[track_caller]
            #[inline]
            fn $method(self, other: T) -> Tensor {
                $f(self, other)
            }
        }
    )* };
    ($tr:ident $method:ident $f:ident; $($left:ty)*) => { $(
        binary!(@number $tr $method $f $left: Tensor, &Tensor, Variable, &Variable);
    )* };
    (@number $tr:ident $method:ident $f:ident $left:ty: $($right:ty),*) => { $(
        impl $tr<$right> for $left {
            type Output = Tensor;
            #[track_caller]
            #[inline]
            fn $method(self, other: $right) -> Tensor {
                $f(self, other)
            }
        }
    )* };
}

macro_rules! operator {
    ($($tr:ident $method:ident $f:ident;)*) => { $(
        binary!($tr $method $f: Tensor &Tensor Variable &Variable);
        binary!($tr $method $f; f64 i32);
    )* };
}

operator! {
    Add add add;
    Sub sub subtract;
    Mul mul multiply;
    Div div quotient;
    Rem rem floormod;
    BitAnd bitand and;
    BitOr bitor or;
    BitXor bitxor xor;
    Shl shl left_shift;
    Shr shr right_shift;
}

#[track_caller]
#[inline]
fn quotient(x: impl AsOperand, y: impl AsOperand) -> Tensor {
    let (x, y) = operands("divide", &x, &y).or_raise();
    match x.dtype().is_int() {
        true => ops::floordiv(&*x, &*y),
        false => ops::divide(&*x, &*y),
    }
}

macro_rules! logical_or_bitwise {
    ($($f:ident $logical:ident $bitwise:ident;)*) => { $(
        #[track_caller]
        fn $f(x: impl AsOperand, y: impl AsOperand) -> Tensor {
            let (x, y) = operands(stringify!($logical), &x, &y).or_raise();
            match x.dtype() {
                DType::Bool => ops::$logical(&*x, &*y),
                _ => ops::$bitwise(&*x, &*y),
            }
        }
    )* };
}

logical_or_bitwise! {
    and logical_and bitwise_and;
    or logical_or bitwise_or;
    xor logical_xor bitwise_xor;
}

macro_rules! assigning {
    ($($tr:ident $method:ident $f:ident;)*) => { $(
        impl<T: AsOperand> std::ops::$tr<T> for Tensor {
            #[track_caller]
            fn $method(&mut self, other: T) {
                *self = $f(&*self, other);
            }
        }
    )* };
}

assigning! {
    AddAssign add_assign add;
    SubAssign sub_assign subtract;
    MulAssign mul_assign multiply;
    DivAssign div_assign quotient;
    RemAssign rem_assign floormod;
    BitAndAssign bitand_assign and;
    BitOrAssign bitor_assign or;
    BitXorAssign bitxor_assign xor;
    ShlAssign shl_assign left_shift;
    ShrAssign shr_assign right_shift;
}

macro_rules! unary {
    ($($tr:ident $method:ident $f:ident;)*) => { $(
        impl $tr for Tensor {
            type Output = Tensor;
            #[track_caller]
            fn $method(self) -> Tensor {
                $f(&self)
            }
        }
        impl $tr for &Tensor {
            type Output = Tensor;
            #[track_caller]
            fn $method(self) -> Tensor {
                $f(self)
            }
        }
    )* };
}

#[track_caller]
fn complement(x: &Tensor) -> Tensor {
    if x.dtype() == DType::Bool { x.logical_not() } else { x.invert() }
}

unary! {
    Neg neg negative;
    Not not complement;
}

#[cfg(test)]
mod tests {
    use crate as tf;

    fn i32s(x: &tf::Tensor) -> Vec<i32> {
        x.to_vec().unwrap()
    }

    #[test]
    fn quotients_keep_the_dtype() {
        let n = tf::constant([7, -7]);
        assert_eq!(i32s(&(&n / 2)), [3, -4]);
        assert_eq!(i32s(&(&n % 3)), [1, 2]);
        assert_eq!(i32s(&(8 / tf::constant([2, 3]))), [4, 2]);
        assert_eq!((tf::constant([7.0]) / 2.0).to_vec::<f32>().unwrap(), [3.5]);
        let mut n = n;
        n /= 2;
        n %= 3;
        assert_eq!(i32s(&n), [0, 2]);
        let error = tf::catch(|| &n / 0).unwrap_err();
        assert!(error.to_string().contains("division by zero"), "{error}");
        assert_eq!(error.kind(), tf::Kind::InvalidArgument);
    }

    #[test]
    fn bits_and_truth_values_share_operators() {
        let n = tf::constant([6, 3]);
        assert_eq!(i32s(&(&n & 5)), [4, 1]);
        assert_eq!(i32s(&(&n | 1)), [7, 3]);
        assert_eq!(i32s(&(&n ^ &n)), [0, 0]);
        assert_eq!(i32s(&!&n), [-7, -4]);
        assert_eq!((i32s(&(&n << 2)), i32s(&(&n >> 1))), (vec![24, 12], vec![3, 1]));
        let (a, b) = (n.greater(4), n.less(5));
        assert_eq!((&a & &b).to_vec::<bool>().unwrap(), [false, false]);
        assert_eq!((&a | &b).to_vec::<bool>().unwrap(), [true, true]);
        assert_eq!((&a ^ true).to_vec::<bool>().unwrap(), [false, true]);
        assert_eq!((!a).to_vec::<bool>().unwrap(), [false, true]);
    }
}
