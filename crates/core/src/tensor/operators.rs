//! `+ - * / -x` between tensors, references to them, variables and Rust numbers.
//!
//! A tensor on the left takes anything that [`AsOperand`] does, by *one* implementation: with one for each number type
//! the compiler could not tell the type of `x * 2.0` before it has settled that of `2.0`, and `(x * 2.0).sqrt()` would
//! not compile. For the same reason a number on the left is `f64` or `i32`, the types that literals become; a literal
//! `0.1` is then exact for a tensor of doubles too.

use super::Tensor;
use crate::ops;
use crate::tensor::AsOperand;
use crate::variable::Variable;
use std::ops::{Add, Div, Mul, Neg, Sub};

macro_rules! binary {
    ($tr:ident $method:ident $f:ident: $($left:ty)*) => { $(
        impl<T: AsOperand> $tr<T> for $left {
            type Output = Tensor;
            #[track_caller]
            #[inline]
            fn $method(self, other: T) -> Tensor {
                ops::$f(self, other)
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
                ops::$f(self, other)
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
    Div div divide;
}

macro_rules! assigning {
    ($($tr:ident $method:ident $f:ident;)*) => { $(
        impl<T: AsOperand> std::ops::$tr<T> for Tensor {
            #[track_caller]
            fn $method(&mut self, other: T) {
                *self = ops::$f(&*self, other);
            }
        }
    )* };
}

assigning! {
    AddAssign add_assign add;
    SubAssign sub_assign subtract;
    MulAssign mul_assign multiply;
    DivAssign div_assign divide;
}

macro_rules! unary {
    ($($tr:ident $method:ident $f:ident;)*) => { $(
        impl $tr for Tensor {
            type Output = Tensor;
            #[track_caller]
            fn $method(self) -> Tensor {
                ops::$f(&self)
            }
        }
        impl $tr for &Tensor {
            type Output = Tensor;
            #[track_caller]
            fn $method(self) -> Tensor {
                ops::$f(self)
            }
        }
    )* };
}

unary! {
    Neg neg negative;
}
