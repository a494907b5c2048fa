//! Shapes and metas: what is known of a tensor without its values.

use crate::dim::Dim;
use crate::dtype::DType;
use crate::error::{Error, Kind, OrRaise};
use smallvec::SmallVec;
use std::fmt;
use std::ops::Deref;

/// The dimensions of a tensor, outermost first; row-major. Rank 0 is a scalar.
///
/// Outside a trace every dimension is a number; in a trace with named dimensions some are symbols. It dereferences to
/// `[Dim]`, so indexing, iteration and slicing are a slice's.
///
/// ```
/// use tenfold_core as tf;
/// let x = tf::zeros([2, 3]);
/// assert_eq!(x.shape()[1], 3);
/// assert_eq!(x.shape().to_vec(), [2, 3]);
/// ```
#[derive(PartialEq, Eq, Hash, Default)]
pub struct Shape(SmallVec<[Dim; 6]>);

impl Clone for Shape {
    /// A plain copy: a derived one would go element by element, in every call of an op.
    #[inline]
    fn clone(&self) -> Shape {
        let mut dims = [Dim::default(); 6];
        match self.0.as_slice() {
            [] => {}
            [a] => dims[0] = *a,
            [a, b] => (dims[0], dims[1]) = (*a, *b),
            [a, b, c] => (dims[0], dims[1], dims[2]) = (*a, *b, *c),
            [a, b, c, d] => (dims[0], dims[1], dims[2], dims[3]) = (*a, *b, *c, *d),
            more => return Shape(SmallVec::from_slice(more)),
        }
        Shape(SmallVec::from_buf_and_len(dims, self.0.len()))
    }
}

impl Shape {
    /// Rank 0.
    pub fn scalar() -> Shape {
        Shape::default()
    }
    /// The number of dimensions.
    #[inline]
    pub fn rank(&self) -> usize {
        self.0.len()
    }
    /// Whether every dimension is a number.
    #[inline]
    pub fn is_known(&self) -> bool {
        self.0.iter().all(|d| d.is_known())
    }
    /// The sizes, if all are known.
    pub fn sizes(&self) -> Option<SmallVec<[usize; 6]>> {
        self.0.iter().map(|d| d.size()).collect()
    }
    /// The sizes as a vector.
    ///
    /// # Panics
    ///
    /// If a dimension is a symbol, which only happens inside a trace with named dimensions.
    #[track_caller]
    pub fn to_vec(&self) -> Vec<usize> {
        match self.sizes() {
            Some(sizes) => sizes.to_vec(),
            None => Err(symbolic(self)).or_raise(),
        }
    }
    /// The number of elements as a dimension: the product, 1 for a scalar.
    pub fn elements(&self) -> Dim {
        match self.sizes() {
            Some(sizes) => Dim::from(sizes.iter().fold(1usize, |n, d| n.saturating_mul(*d))),
            None => self.0.iter().fold(Dim::from(1), |n, d| n * *d),
        }
    }
    /// The number of elements.
    ///
    /// # Panics
    ///
    /// If a dimension is a symbol, which only happens inside a trace with named dimensions.
    #[track_caller]
    pub fn num_elements(&self) -> usize {
        match self.elements().size() {
            Some(n) => n,
            None => Err(symbolic(self)).or_raise(),
        }
    }
    /// Row-major strides in elements of a known shape.
    pub fn strides(&self) -> SmallVec<[usize; 6]> {
        let mut strides: SmallVec<[usize; 6]> = SmallVec::from_elem(0, self.rank());
        let mut step = 1usize;
        for (stride, dim) in strides.iter_mut().zip(&self.0).rev() {
            *stride = step;
            step = step.saturating_mul(dim.size().unwrap_or(1));
        }
        strides
    }
    /// The shape that broadcasting makes of two (NumPy's rule), `None` where known sizes differ and none is 1.
    pub fn broadcast(&self, other: &Shape) -> Option<Shape> {
        if self == other {
            return Some(self.clone());
        }
        let (long, short) = if self.rank() >= other.rank() { (self, other) } else { (other, self) };
        let mut out = long.clone();
        let skip = long.rank() - short.rank();
        for (o, s) in out.0[skip..].iter_mut().zip(&short.0) {
            *o = o.broadcast(*s)?;
        }
        Some(out)
    }
    /// The axis as a position: negative counts from the back. `None` if out of range.
    pub fn axis(&self, axis: i64) -> Option<usize> {
        let rank = self.rank() as i64;
        (-rank <= axis && axis < rank).then(|| axis.rem_euclid(rank.max(1)) as usize)
    }
    /// Appends a dimension.
    pub fn push(&mut self, dim: impl Into<Dim>) {
        self.0.push(dim.into());
    }
    /// Inserts a dimension.
    pub fn insert(&mut self, at: usize, dim: impl Into<Dim>) {
        self.0.insert(at, dim.into());
    }
    /// Removes a dimension.
    pub fn remove(&mut self, at: usize) -> Dim {
        self.0.remove(at)
    }
    /// The dimensions, to be changed.
    pub fn dims_mut(&mut self) -> &mut [Dim] {
        &mut self.0
    }
    /// Every dimension under `bindings`; `None` if one cannot be evaluated.
    pub fn bind(&self, bindings: &[(Dim, usize)]) -> Option<Shape> {
        self.0.iter().map(|d| d.evaluate(bindings).map(Dim::from)).collect::<Option<SmallVec<_>>>().map(Shape)
    }
}

#[cold]
fn symbolic(shape: &Shape) -> Error {
    Error::new(
        Kind::FailedPrecondition,
        "shape",
        format!("the sizes of {shape} are not all known while tracing"),
    )
    .with_hint("pass the dimension itself (`x.shape()[0]`), use `tf::shape(&x)`, or trace with exact shapes")
}

impl Deref for Shape {
    type Target = [Dim];
    #[inline]
    fn deref(&self) -> &[Dim] {
        &self.0
    }
}

impl FromIterator<Dim> for Shape {
    fn from_iter<I: IntoIterator<Item = Dim>>(dims: I) -> Shape {
        Shape(dims.into_iter().collect())
    }
}

impl FromIterator<usize> for Shape {
    fn from_iter<I: IntoIterator<Item = usize>>(dims: I) -> Shape {
        dims.into_iter().map(Dim::from).collect()
    }
}

macro_rules! into_shape {
    ($($t:ty),*) => { $(
        impl<const N: usize> From<[$t; N]> for Shape {
            #[inline]
            fn from(dims: [$t; N]) -> Shape { dims.into_iter().collect() }
        }
        impl<const N: usize> From<&[$t; N]> for Shape {
            fn from(dims: &[$t; N]) -> Shape { dims.iter().copied().collect() }
        }
        impl From<&[$t]> for Shape {
            fn from(dims: &[$t]) -> Shape { dims.iter().copied().collect() }
        }
        impl From<Vec<$t>> for Shape {
            fn from(dims: Vec<$t>) -> Shape { dims.into_iter().collect() }
        }
        impl From<&Vec<$t>> for Shape {
            fn from(dims: &Vec<$t>) -> Shape { dims.iter().copied().collect() }
        }
    )* };
}

into_shape!(usize, Dim);

impl From<&Shape> for Shape {
    fn from(shape: &Shape) -> Shape {
        shape.clone()
    }
}

impl From<()> for Shape {
    fn from((): ()) -> Shape {
        Shape::scalar()
    }
}

impl<const N: usize> PartialEq<[usize; N]> for Shape {
    fn eq(&self, other: &[usize; N]) -> bool {
        self.0.len() == N && self.0.iter().zip(other).all(|(a, b)| a == b)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (i, d) in self.0.iter().enumerate() {
            write!(f, "{}{d}", if i == 0 { "" } else { ", " })?;
        }
        f.write_str("]")
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Dtype and shape: all that shape rules see of a tensor.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Meta {
    /// The element type.
    pub dtype: DType,
    /// The dimensions.
    pub shape: Shape,
}

impl Meta {
    /// Dtype and shape.
    pub fn new(dtype: DType, shape: impl Into<Shape>) -> Meta {
        Meta { dtype, shape: shape.into() }
    }
    /// Bytes of all elements, `None` if a dimension is a symbol or the product overflows `isize`.
    pub fn bytes(&self) -> Option<usize> {
        let mut bytes = Some(self.dtype.size());
        let mut empty = false;
        for d in self.shape.iter() {
            let d = d.size()?;
            empty |= d == 0;
            bytes = bytes.and_then(|b| b.checked_mul(d)).filter(|b| *b <= isize::MAX as usize);
        }
        if empty { Some(0) } else { bytes }
    }
    /// The meta under `bindings`.
    pub fn bind(&self, bindings: &[(Dim, usize)]) -> Option<Meta> {
        Some(Meta { dtype: self.dtype, shape: self.shape.bind(bindings)? })
    }
}

impl fmt::Display for Meta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.dtype, self.shape)
    }
}

impl fmt::Debug for Meta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broadcasting() {
        let s = |d: &[usize]| Shape::from(d);
        assert_eq!(s(&[4, 1, 3]).broadcast(&s(&[2, 1])), Some(s(&[4, 2, 3])));
        assert_eq!(s(&[]).broadcast(&s(&[2])), Some(s(&[2])));
        assert_eq!(s(&[0]).broadcast(&s(&[1])), Some(s(&[0])));
        assert_eq!(s(&[2]).broadcast(&s(&[3])), None);
        assert_eq!(s(&[2, 3, 4]).strides().as_slice(), [12, 4, 1]);
        assert_eq!(s(&[2]).axis(-1), Some(0));
        assert_eq!(s(&[]).axis(0), None);
    }

    #[test]
    fn huge_sizes_are_refused_not_wrapped() {
        assert_eq!(Meta::new(DType::F32, [usize::MAX / 2, 8]).bytes(), None);
        assert_eq!(Meta::new(DType::F32, [usize::MAX / 2, 8, 0]).bytes(), Some(0));
    }
}
