//! Tensors without elements, to ask about calls that are not made.

use super::{Repr, Symbol, Tensor};
use crate::dtype::DType;
use crate::error::{Error, Kind};
use crate::graph::Value;
use crate::shape::Meta;

/// No trace has this number, and no variable's handle this value.
const SPEC: Symbol = Symbol { trace: 0, value: Value { node: u32::MAX, output: 1 } };

/// A tensor of a dtype and sizes, without elements: an argument for `f::graph`, `f::concrete`, `f::cost` and `f::memory` of a
/// traced function `f`, which run nothing. It takes no memory, however large the sizes are. It is on the current device, and
/// everything that needs its elements is an error.
///
/// Source: `tf.TensorSpec`, for the arguments of `get_concrete_function`.
///
/// ```
/// # use tenfold_core as tf;
/// let x = tf::tensor_spec([1 << 20, 1 << 20], tf::DType::F32);
/// assert_eq!(x.shape().elements(), 1 << 40);
/// assert!(x.to_vec::<f32>().is_err());
/// ```
pub fn tensor_spec(sizes: impl AsRef<[usize]>, dtype: DType) -> Tensor {
    Tensor::new(Meta::new(dtype, sizes.as_ref()), Repr::Symbol(SPEC))
}

impl Tensor {
    /// Whether [`tensor_spec`] made it.
    pub(crate) fn is_spec(&self) -> bool {
        self.symbol() == Some(SPEC)
    }
}

#[cold]
pub(super) fn no_value(x: &Tensor) -> Error {
    let text = format!("{} was made by tensor_spec: it has no elements", x.meta());
    Error::new(Kind::FailedPrecondition, "tensor", text).with_hint(
        "it stands for a tensor in what runs nothing: f::graph, f::concrete, f::cost and f::memory",
    )
}
