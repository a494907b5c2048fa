//! Samples: inputs that the op suite tries every face of an op with.

use super::attr::{Attr, Attrs};
use crate::dtype::DType;

/// The values of one input, as `f64`; they are cast to each dtype of the input's class, or to `dtype`.
#[derive(Clone, Debug)]
pub struct Data {
    /// The shape.
    pub shape: Vec<usize>,
    /// Row-major values.
    pub values: Vec<f64>,
    /// A fixed dtype, if the values make no sense in others.
    pub dtype: Option<DType>,
}

/// What a sample's call does.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It succeeds.
    Ok,
    /// It fails, and the error's text contains this.
    Err(&'static str),
}

/// Inputs and attributes of one call.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The inputs.
    pub inputs: Vec<Data>,
    /// The attributes, in the signature's order.
    pub attrs: Attrs,
    /// What happens.
    pub outcome: Outcome,
    /// Only these dtypes for the inputs without a fixed one; empty for all of the class.
    pub dtypes: &'static [DType],
    /// Whether the gradient is checked numerically here: false at kinks and poles.
    pub smooth: bool,
}

/// Values of a shape, in every dtype that the input takes.
pub fn floats<const N: usize>(shape: [usize; N], values: &[f64]) -> Data {
    Data { shape: shape.to_vec(), values: values.to_vec(), dtype: None }
}

/// i32 values of a shape.
pub fn ints<const N: usize>(shape: [usize; N], values: &[i64]) -> Data {
    Data {
        shape: shape.to_vec(),
        values: values.iter().map(|v| *v as f64).collect(),
        dtype: Some(DType::I32),
    }
}

/// bool values of a shape.
pub fn bools<const N: usize>(shape: [usize; N], values: &[bool]) -> Data {
    Data {
        shape: shape.to_vec(),
        values: values.iter().map(|v| *v as u8 as f64).collect(),
        dtype: Some(DType::Bool),
    }
}

impl Data {
    /// The same values in one dtype only.
    pub fn of(mut self, dtype: DType) -> Data {
        self.dtype = Some(dtype);
        self
    }
}

/// A call that succeeds.
pub fn ok<const N: usize>(inputs: [Data; N]) -> Sample {
    Sample { inputs: inputs.into(), attrs: Attrs::new(), outcome: Outcome::Ok, dtypes: &[], smooth: true }
}

/// A call that fails with an error whose text contains `text`.
pub fn err<const N: usize>(inputs: [Data; N], text: &'static str) -> Sample {
    Sample { outcome: Outcome::Err(text), ..ok(inputs) }
}

impl Sample {
    /// With one more attribute.
    pub fn attr(mut self, name: &'static str, value: impl Into<Attr>) -> Sample {
        self.attrs = self.attrs.with(name, value);
        self
    }
    /// Not differentiable here: the numeric gradient is not compared.
    pub fn kink(mut self) -> Sample {
        self.smooth = false;
        self
    }
    /// Only in these dtypes.
    pub fn only(mut self, dtypes: &'static [DType]) -> Sample {
        self.dtypes = dtypes;
        self
    }
}
