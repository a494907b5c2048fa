//! What may stand beside a tensor: another one, or a Rust number that adopts its dtype if it fits.

use super::Tensor;
use crate::dtype::{DType, Element};
use crate::error::{Error, Place, Result};
use crate::shape::{Meta, Shape};
use crate::variable::Variable;
use half::{bf16, f16};
use std::borrow::Cow;
use std::ops::Deref;

/// A host number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar {
    /// A float.
    Float(f64),
    /// An integer.
    Int(i128),
    /// A truth value.
    Bool(bool),
}

impl Scalar {
    /// The dtype when nothing says otherwise: TensorFlow's `float32`, `int32`, `bool`.
    pub fn default_dtype(self) -> DType {
        match self {
            Scalar::Float(_) => DType::F32,
            Scalar::Int(v) if i32::try_from(v).is_ok() => DType::I32,
            Scalar::Int(_) => DType::I64,
            Scalar::Bool(_) => DType::Bool,
        }
    }
    /// Whether the number means the same in `dtype`: floats only become floats, integers must be in range.
    pub fn fits(self, dtype: DType) -> bool {
        match self {
            Scalar::Float(_) => dtype.is_float(),
            Scalar::Int(v) => {
                dtype.is_float() || dtype.int_range().is_some_and(|(lo, hi)| lo <= v && v <= hi)
            }
            Scalar::Bool(_) => dtype == DType::Bool,
        }
    }
    /// A rank-0 tensor of `dtype`.
    pub(crate) fn tensor(self, dtype: DType) -> Tensor {
        let meta = Meta::new(dtype, Shape::scalar());
        let bytes: smallvec::SmallVec<[u8; 8]> = crate::with_element!(dtype, T => {
            let value: <T as Element>::Store = match self {
                Scalar::Int(v) if dtype.is_int() => return Tensor::from_int(v, dtype),
                Scalar::Int(v) => T::from_f64(v as f64).store(),
                Scalar::Float(v) => T::from_f64(v).store(),
                Scalar::Bool(v) => T::from_f64(v as u8 as f64).store(),
            };
            bytemuck::bytes_of(&value).into()
        });
        Tensor::from_bytes(meta, &bytes)
    }
}

impl Tensor {
    fn from_int(v: i128, dtype: DType) -> Tensor {
        Tensor::from_bytes(Meta::new(dtype, Shape::scalar()), &v.to_le_bytes()[..dtype.size()])
    }
    /// A small host tensor with these bytes.
    fn from_bytes(meta: Meta, bytes: &[u8]) -> Tensor {
        match Tensor::filled(&meta, bytes.len(), |room| room.copy_from_slice(bytes)) {
            Ok(made) => made,
            Err(error) => crate::error::raise(error),
        }
    }
}

/// An operand.
pub enum Operand<'a> {
    /// A tensor.
    Tensor(Cow<'a, Tensor>),
    /// A number without a dtype of its own.
    Scalar(Scalar),
}

/// Tensors, variables, references to them, and Rust numbers.
pub trait AsOperand {
    /// The operand.
    fn as_operand(&self) -> Operand<'_>;
}

impl AsOperand for Tensor {
    #[inline]
    fn as_operand(&self) -> Operand<'_> {
        Operand::Tensor(Cow::Borrowed(self))
    }
}

impl AsOperand for Operand<'_> {
    #[inline]
    fn as_operand(&self) -> Operand<'_> {
        match self {
            Operand::Tensor(x) => Operand::Tensor(Cow::Borrowed(&**x)),
            Operand::Scalar(s) => Operand::Scalar(*s),
        }
    }
}

impl AsOperand for Scalar {
    #[inline]
    fn as_operand(&self) -> Operand<'_> {
        Operand::Scalar(*self)
    }
}

impl AsOperand for Variable {
    #[track_caller]
    fn as_operand(&self) -> Operand<'_> {
        Operand::Tensor(Cow::Owned(self.read()))
    }
}

impl<T: AsOperand + ?Sized> AsOperand for &T {
    #[inline]
    #[track_caller]
    fn as_operand(&self) -> Operand<'_> {
        (**self).as_operand()
    }
}

macro_rules! scalar {
    ($($t:ty => |$v:ident| $e:expr;)*) => { $(
        impl AsOperand for $t {
            #[inline]
            fn as_operand(&self) -> Operand<'_> {
                let $v = *self;
                Operand::Scalar($e)
            }
        }
    )* };
}

scalar! {
    f32 => |v| Scalar::Float(v as f64);
    f64 => |v| Scalar::Float(v);
    f16 => |v| Scalar::Float(v.to_f64());
    bf16 => |v| Scalar::Float(v.to_f64());
    i8 => |v| Scalar::Int(v.into());
    i16 => |v| Scalar::Int(v.into());
    i32 => |v| Scalar::Int(v.into());
    i64 => |v| Scalar::Int(v.into());
    u8 => |v| Scalar::Int(v.into());
    u16 => |v| Scalar::Int(v.into());
    u32 => |v| Scalar::Int(v.into());
    u64 => |v| Scalar::Int(v.into());
    usize => |v| Scalar::Int(v as i128);
    bool => |v| Scalar::Bool(v);
}

/// A tensor that is borrowed or was made for the call.
pub(crate) enum Held<'a> {
    Cow(Cow<'a, Tensor>),
}

impl Deref for Held<'_> {
    type Target = Tensor;
    #[inline]
    fn deref(&self) -> &Tensor {
        let Held::Cow(tensor) = self;
        tensor
    }
}

/// Both operands as tensors: a number adopts the other's dtype; two numbers have their default dtype.
#[track_caller]
#[inline]
pub(crate) fn operands<'a>(
    op: &'static str,
    a: &'a impl AsOperand,
    b: &'a impl AsOperand,
) -> Result<(Held<'a>, Held<'a>)> {
    let (a, b) = match (a.as_operand(), b.as_operand()) {
        (Operand::Tensor(a), Operand::Tensor(b)) => (a, b),
        (Operand::Tensor(a), Operand::Scalar(s)) => {
            let b = beside(op, &a, s)?;
            (a, Cow::Owned(b))
        }
        (Operand::Scalar(s), Operand::Tensor(b)) => (Cow::Owned(beside(op, &b, s)?), b),
        (Operand::Scalar(a), Operand::Scalar(b)) => {
            let dtype = match (a, b) {
                (Scalar::Float(_), _) => DType::F32,
                _ => b.default_dtype(),
            };
            if !(a.fits(dtype) && b.fits(dtype)) {
                return Err(
                    Error::invalid(op, format!("{a:?} and {b:?} have no common dtype")).at(Place::caller())
                );
            }
            let new = |s: Scalar| Ok::<_, Error>(Cow::Owned(crate::device::place_new(s.tensor(dtype))?));
            (new(a)?, new(b)?)
        }
    };
    Ok((Held::Cow(a), Held::Cow(b)))
}

/// The number as a tensor of `x`'s dtype, on `x`'s device.
#[track_caller]
fn beside(op: &'static str, x: &Tensor, s: Scalar) -> Result<Tensor> {
    if !s.fits(x.dtype()) {
        let value = match s {
            Scalar::Float(v) => format!("{v:?}"),
            Scalar::Int(v) => v.to_string(),
            Scalar::Bool(v) => v.to_string(),
        };
        let text =
            format!("the number {value} does not fit the dtype of the tensor beside it: x is {}", x.meta());
        let hint = format!("cast the tensor: x.cast(tf::{})", s.default_dtype());
        return Err(Error::invalid(op, text).with_hint(hint).at(Place::caller()));
    }
    let host = s.tensor(x.dtype());
    if x.remote().is_some() { crate::device::transfer(&host, x.device()) } else { Ok(host) }
}
