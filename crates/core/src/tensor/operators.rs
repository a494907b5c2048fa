//! `+ - * / % -x` between tensors, references to them, variables and Rust numbers.

use super::Tensor;
use crate::ops;
use crate::variable::Variable;
use half::{bf16, f16};
use std::ops::{Add, Div, Mul, Neg, Sub};

macro_rules! pairs {
    ($tr:ident $method:ident $f:ident: $(($a:ty, $b:ty))*) => { $(
        impl $tr<$b> for $a {
            type Output = Tensor;
            #[track_caller]
            #[inline]
            fn $method(self, other: $b) -> Tensor {
                ops::$f(self, other)
            }
        }
    )* };
}

macro_rules! operator {
    ($tr:ident $method:ident $f:ident) => {
        pairs! { $tr $method $f:
            (Tensor, Tensor) (Tensor, &Tensor) (&Tensor, Tensor) (&Tensor, &Tensor)
            (Variable, Tensor) (&Variable, Tensor) (Variable, &Tensor) (&Variable, &Tensor)
            (Tensor, Variable) (Tensor, &Variable) (&Tensor, Variable) (&Tensor, &Variable)
            (Variable, Variable) (&Variable, &Variable)
        }
        operator!(@numbers $tr $method $f: f16 bf16 f32 f64 i8 i16 i32 i64 u8 u16 u32 u64);
    };
    (@numbers $tr:ident $method:ident $f:ident: $($n:ty)*) => { $(
        pairs! { $tr $method $f:
            (Tensor, $n) (&Tensor, $n) ($n, Tensor) ($n, &Tensor)
            (Variable, $n) (&Variable, $n) ($n, Variable) ($n, &Variable)
        }
    )* };
}

operator!(Add add add);
operator!(Sub sub subtract);
operator!(Mul mul multiply);
operator!(Div div divide);

impl Neg for Tensor {
    type Output = Tensor;
    #[track_caller]
    fn neg(self) -> Tensor {
        self.negative()
    }
}

impl Neg for &Tensor {
    type Output = Tensor;
    #[track_caller]
    fn neg(self) -> Tensor {
        self.negative()
    }
}

macro_rules! assigning {
    ($($tr:ident $method:ident $f:ident)*) => { $(
        impl<T> std::ops::$tr<T> for Tensor
        where
            T: crate::tensor::AsOperand,
        {
            #[track_caller]
            fn $method(&mut self, other: T) {
                *self = ops::$f(&*self, other);
            }
        }
    )* };
}

assigning!(AddAssign add_assign add SubAssign sub_assign subtract MulAssign mul_assign multiply
    DivAssign div_assign divide);
