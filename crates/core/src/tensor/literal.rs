//! Tensors from Rust values: literals, nested arrays, slices, vectors.

use super::Tensor;
use crate::buffer::Storage;
use crate::dtype::Element;
use crate::error::{Error, OrRaise, Place, Result};
use crate::shape::{Meta, Shape};
use half::{bf16, f16};

/// Values that [`constant`] takes: a number, or arrays, slices and vectors of values, to any depth.
///
/// `f64` is left out on purpose, so that a plain float literal is `f32` as in TensorFlow; [`constant_f64`] makes doubles.
pub trait Literal {
    /// The element type.
    type Element: Element;
    /// The shape, `None` if rows differ in length.
    fn shape(&self) -> Option<Vec<usize>>;
    /// Appends the elements, row-major.
    fn collect(&self, into: &mut Vec<Self::Element>);
}

/// Numbers of [`Literal`] and `f64`: what nested values are made of.
pub trait Values {
    /// The element type.
    type Element: Element;
    /// The shape, `None` if rows differ in length.
    fn shape(&self) -> Option<Vec<usize>>;
    /// Appends the elements, row-major.
    fn collect(&self, into: &mut Vec<Self::Element>);
}

macro_rules! numbers {
    ($tr:ident: $($t:ty),*) => { $(
        impl $tr for $t {
            type Element = $t;
            fn shape(&self) -> Option<Vec<usize>> { Some(vec![]) }
            fn collect(&self, into: &mut Vec<$t>) { into.push(*self) }
        }
    )* };
}

numbers!(Literal: f16, bf16, f32, i8, i16, i32, i64, u8, u16, u32, u64, bool);
numbers!(Values: f64);

macro_rules! nested {
    ($($tr:ident),*) => { $(
        impl<T: $tr, const N: usize> $tr for [T; N] {
            type Element = T::Element;
            fn shape(&self) -> Option<Vec<usize>> { $tr::shape(self.as_slice()) }
            fn collect(&self, into: &mut Vec<T::Element>) { $tr::collect(self.as_slice(), into) }
        }
        impl<T: $tr> $tr for Vec<T> {
            type Element = T::Element;
            fn shape(&self) -> Option<Vec<usize>> { $tr::shape(self.as_slice()) }
            fn collect(&self, into: &mut Vec<T::Element>) { $tr::collect(self.as_slice(), into) }
        }
        impl<T: $tr> $tr for [T] {
            type Element = T::Element;
            fn shape(&self) -> Option<Vec<usize>> {
                let inner = match self.first() {
                    Some(first) => first.shape()?,
                    None => vec![],
                };
                let even = self.iter().all(|row| row.shape().as_ref() == Some(&inner));
                even.then(|| [vec![self.len()], inner].concat())
            }
            fn collect(&self, into: &mut Vec<T::Element>) { self.iter().for_each(|row| row.collect(into)) }
        }
        impl<T: $tr + ?Sized> $tr for &T {
            type Element = T::Element;
            fn shape(&self) -> Option<Vec<usize>> { (**self).shape() }
            fn collect(&self, into: &mut Vec<T::Element>) { (**self).collect(into) }
        }
    )* };
}

nested!(Literal, Values);

#[track_caller]
fn build<T: Element>(shape: Option<Vec<usize>>, values: Vec<T>) -> Result<Tensor> {
    let Some(shape) = shape else {
        let text = "the rows of a nested literal differ in length";
        return Err(Error::invalid("constant", text)
            .with_hint("pad them, or build with Tensor::from_vec")
            .at(Place::caller()));
    };
    crate::device::place_new(Tensor::from_vec(values, shape)?)
}

/// A tensor with these values: `constant(1.0)`, `constant([[1, 2], [3, 4]])`, `constant(&vec)`. A float literal is `f32`,
/// an integer literal `i32`.
///
/// Source: `tf.constant`.
///
/// ```
/// # use tenfold_core as tf;
/// let x = tf::constant([[1.0, 2.0], [3.0, 4.0]]);
/// assert_eq!((x.dtype(), x.shape().to_vec()), (tf::DType::F32, vec![2, 2]));
/// ```
///
/// # Panics
///
/// If rows differ in length, or the current device fails; the twin is [`try_constant`].
#[track_caller]
pub fn constant(values: impl Literal) -> Tensor {
    try_constant(values).or_raise()
}

/// Like [`constant`], but returns the error.
#[track_caller]
pub fn try_constant<L: Literal>(values: L) -> Result<Tensor> {
    let mut elements = vec![];
    values.collect(&mut elements);
    build(values.shape(), elements)
}

/// A tensor of doubles: `constant_f64([1.0, 2.0])`.
///
/// # Panics
///
/// As [`constant`]; the twin is [`try_constant_f64`].
#[track_caller]
pub fn constant_f64(values: impl Values<Element = f64>) -> Tensor {
    try_constant_f64(values).or_raise()
}

/// Like [`constant_f64`], but returns the error.
#[track_caller]
pub fn try_constant_f64(values: impl Values<Element = f64>) -> Result<Tensor> {
    let mut elements = vec![];
    values.collect(&mut elements);
    build(values.shape(), elements)
}

impl<L: Literal> From<L> for Tensor {
    #[track_caller]
    fn from(values: L) -> Tensor {
        constant(values)
    }
}

impl From<&Tensor> for Tensor {
    fn from(x: &Tensor) -> Tensor {
        x.clone()
    }
}

impl Tensor {
    /// A host tensor from raw bytes in row-major order.
    ///
    /// # Errors
    ///
    /// If the number of bytes is not the meta's, or memory runs out.
    pub fn from_raw(meta: Meta, bytes: &[u8]) -> Result<Tensor> {
        if meta.bytes() != Some(bytes.len()) {
            return Err(Error::invalid("constant", format!("{} bytes do not fill {meta}", bytes.len())));
        }
        Ok(Tensor::from_storage(meta, Storage::copied(bytes)?))
    }
    /// A host tensor of any dtype from `f64` values, each the nearest value of the dtype.
    ///
    /// # Errors
    ///
    /// If the values do not fill the shape.
    #[track_caller]
    pub fn from_f64(values: &[f64], dtype: crate::dtype::DType, shape: impl Into<Shape>) -> Result<Tensor> {
        crate::with_element!(dtype, T => Tensor::from_vec(values.iter().map(|v| T::from_f64(*v)).collect::<Vec<T>>(), shape))
    }
}
