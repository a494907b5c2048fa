use crate::dtype::DType;
use crate::error::Result;
use crate::shape::Shape;
use crate::tensor::{AsOperand, Operand, Scalar, Tensor, faces, free_faces};

free_faces! {
    /// A tensor of `shape` with every element `value`: a Rust number (f32, i32 or bool) or a scalar tensor of any dtype.
    ///
    /// Source: `tf.fill`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::fill([2], 9).to_vec::<i32>().unwrap(), [9, 9]);
    /// ```
    pub fn fill / try_fill(shape: impl Into<Shape>, value: impl AsOperand) = {
        match value.as_operand() {
            Operand::Tensor(x) => x.try_broadcast_to(shape),
            Operand::Scalar(s) => filled(s, s.default_dtype(), shape.into()),
        }
    };
    /// A tensor of `dtype` and `shape` with every element zero (false).
    ///
    /// Source: `tf.zeros`.
    pub fn zeros_of / try_zeros_of(dtype: DType, shape: impl Into<Shape>) = filled(number(dtype, 0), dtype, shape.into());
    /// A tensor of `dtype` and `shape` with every element one (true).
    ///
    /// Source: `tf.ones`.
    pub fn ones_of / try_ones_of(dtype: DType, shape: impl Into<Shape>) = filled(number(dtype, 1), dtype, shape.into());
    /// f32 zeros.
    ///
    /// Source: `tf.zeros`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::zeros([2]).to_vec::<f32>().unwrap(), [0.0, 0.0]);
    /// ```
    pub fn zeros / try_zeros(shape: impl Into<Shape>) = try_zeros_of(DType::F32, shape);
    /// f32 ones.
    ///
    /// Source: `tf.ones`.
    pub fn ones / try_ones(shape: impl Into<Shape>) = try_ones_of(DType::F32, shape);
}

faces! {
    /// Zeros with the dtype and shape of `x`.
    ///
    /// Source: `tf.zeros_like`.
    pub fn zeros_like / try_zeros_like(x: &Tensor) = like(x, 0);
    /// Ones with the dtype and shape of `x`.
    ///
    /// Source: `tf.ones_like`.
    pub fn ones_like / try_ones_like(x: &Tensor) = like(x, 1);
}

fn number(dtype: DType, value: i128) -> Scalar {
    if dtype == DType::Bool { Scalar::Bool(value != 0) } else { Scalar::Int(value) }
}

#[track_caller]
fn filled(value: Scalar, dtype: DType, shape: Shape) -> Result<Tensor> {
    crate::device::place_new(value.tensor(dtype))?.try_broadcast_to(shape)
}

#[track_caller]
fn like(x: &Tensor, value: i128) -> Result<Tensor> {
    let one = number(x.dtype(), value).tensor(x.dtype());
    let one = if x.remote().is_some() { crate::device::transfer(&one, x.device())? } else { one };
    one.try_broadcast_to(x.shape())
}
