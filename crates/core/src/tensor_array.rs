//! A list of tensors of one shape, of a length fixed before a loop fills it.

use crate::dim::Dim;
use crate::dtype::DType;
use crate::error::{OrRaise, Result};
use crate::ops;
use crate::shape::Shape;
use crate::tensor::{AsOperand, Tensor};
use crate::trace::{Rebuild, State, Structure, Visitor};

/// Tensors of one dtype and shape, by number, for loops over tensors to write and read.
///
/// Like every value it does not change: [`write`](TensorArray::write) gives a new one, which takes the old one's place.
/// Elements that nobody has written are zeros.
///
/// Source: `tf.TensorArray`.
///
/// ```
/// # use tenfold_core as tf;
/// let mut squares = tf::TensorArray::new(tf::DType::F32, 3, tf::Shape::scalar());
/// for i in 0..3 {
///     squares = squares.write(i, &tf::constant((i * i) as f32));
/// }
/// assert_eq!(squares.stack().to_vec::<f32>().unwrap(), [0.0, 1.0, 4.0]);
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct TensorArray {
    stacked: Tensor,
}

impl TensorArray {
    /// So many zeros of a dtype and shape. The size may be a dimension of another tensor that a trace leaves open.
    ///
    /// # Panics
    ///
    /// If they are too many for memory.
    #[track_caller]
    pub fn new(dtype: DType, size: impl Into<Dim>, element_shape: impl Into<Shape>) -> TensorArray {
        let shape: Shape = std::iter::once(size.into()).chain(element_shape.into().iter().copied()).collect();
        let zero = ops::zeros_of(dtype, Shape::scalar());
        TensorArray { stacked: ops::broadcast_to(&zero, shape) }
    }
    /// The rows of a tensor.
    ///
    /// Source: `tf.TensorArray.unstack`.
    pub fn unstack(rows: &Tensor) -> TensorArray {
        TensorArray { stacked: rows.clone() }
    }
    /// With `value` as element `index`.
    ///
    /// # Panics
    ///
    /// If there is no such element, or the value has another dtype or shape; the twin is [`TensorArray::try_write`].
    #[track_caller]
    pub fn write(&self, index: impl AsOperand, value: &Tensor) -> TensorArray {
        self.try_write(index, value).or_raise()
    }
    /// Like [`TensorArray::write`], but returns the error.
    #[track_caller]
    pub fn try_write(&self, index: impl AsOperand, value: &Tensor) -> Result<TensorArray> {
        let at = ops::zeros_of(DType::I32, [1]);
        let index = match index.as_operand() {
            crate::tensor::Operand::Tensor(t) => t.try_reshape([1, 1])?,
            scalar => at.try_add(scalar)?.try_reshape([1, 1])?,
        };
        let stacked = self.stacked.try_tensor_scatter_nd_update(&index, &value.try_expand_dims(0)?)?;
        Ok(TensorArray { stacked })
    }
    /// Element `index`.
    ///
    /// # Panics
    ///
    /// If there is none.
    #[track_caller]
    pub fn read(&self, index: impl AsOperand) -> Tensor {
        let at = ops::zeros_of(DType::I32, Shape::scalar());
        let index = match index.as_operand() {
            crate::tensor::Operand::Tensor(t) => t.into_owned(),
            scalar => at.try_add(scalar).or_raise(),
        };
        self.stacked.gather(&index, 0)
    }
    /// All elements along a new first axis.
    #[must_use]
    pub fn stack(&self) -> Tensor {
        self.stacked.clone()
    }
    /// How many there are.
    pub fn size(&self) -> Dim {
        self.stacked.shape()[0]
    }
}

impl Structure for TensorArray {
    fn visit(&self, v: &mut Visitor) {
        v.shape("TensorArray", 1);
        v.tensor(&self.stacked);
    }
    fn rebuild(&self, r: &mut Rebuild<'_>) -> TensorArray {
        TensorArray { stacked: r.tensor() }
    }
}

impl State for TensorArray {}
