//! The arguments of a recorded call, as Tenfold's functions want them.

use crate::fixtures::{Case, number};
use serde_json::Value;
use tenfold_core::{DType, Tensor};

/// Tensors and attributes of one call, by TensorFlow's names.
///
/// # Panics
///
/// Every accessor panics if the recording has no such argument: the row was written for other recordings.
pub struct Args<'a> {
    pub(super) case: &'a Case,
    pub(super) inputs: Vec<Tensor>,
}

impl Args<'_> {
    /// The tensor argument called `name`.
    pub fn tensor(&self, name: &str) -> &Tensor {
        self.optional(name).unwrap_or_else(|| panic!("{} has no input `{name}`", self.case.id))
    }

    /// The tensor argument called `name`, if it was given.
    pub fn optional(&self, name: &str) -> Option<&Tensor> {
        let at = self.case.inputs.iter().position(|input| input.name == name)?;
        Some(&self.inputs[at])
    }

    /// The first tensor argument.
    pub fn first(&self) -> &Tensor {
        &self.inputs[0]
    }

    /// The second tensor argument.
    pub fn second(&self) -> &Tensor {
        &self.inputs[1]
    }

    /// The elements of the list argument called `name`.
    pub fn list(&self, name: &str) -> Vec<&Tensor> {
        (0..).map_while(|i| self.optional(&format!("{name}.{i}"))).collect()
    }

    /// The attribute called `name`, unless it is absent or `None`.
    pub fn attr(&self, name: &str) -> Option<&Value> {
        self.case.attrs.get(name).filter(|value| !value.is_null())
    }

    fn want<T>(&self, name: &str, value: Option<T>) -> T {
        value.unwrap_or_else(|| panic!("{} has no fitting attribute `{name}`", self.case.id))
    }

    /// An integer attribute, if it was given.
    pub fn int(&self, name: &str) -> Option<i64> {
        self.attr(name).map(|value| self.want(name, value.as_i64()))
    }

    /// A number, if it was given.
    pub fn float(&self, name: &str) -> Option<f64> {
        self.attr(name).map(|value| self.want(name, number(value)))
    }

    /// A truth value; false if it was not given.
    pub fn flag(&self, name: &str) -> bool {
        self.attr(name).is_some_and(|value| self.want(name, value.as_bool()))
    }

    /// A word, if it was given.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.attr(name).map(|value| self.want(name, value.as_str()))
    }

    /// A dtype, if it was given.
    pub fn dtype(&self, name: &str) -> Option<DType> {
        self.text(name).map(|text| self.want(name, DType::from_name(text)))
    }

    /// A list of integers, or one integer as a list of one, if it was given.
    pub fn ints(&self, name: &str) -> Option<Vec<i64>> {
        self.attr(name).map(|value| match value {
            Value::Array(list) => list.iter().map(|v| self.want(name, v.as_i64())).collect(),
            one => vec![self.want(name, one.as_i64())],
        })
    }

    /// A list of sizes, or one size as a list of one, if it was given.
    pub fn sizes(&self, name: &str) -> Option<Vec<usize>> {
        let size = |n: i64| self.want(name, usize::try_from(n).ok());
        Some(self.ints(name)?.into_iter().map(size).collect())
    }

    /// A list of pairs of integers, if it was given.
    pub fn pairs(&self, name: &str) -> Option<Vec<[i64; 2]>> {
        let pair = |v: &Value| Some([v.get(0)?.as_i64()?, v.get(1)?.as_i64()?]);
        let list = self.want(name, self.attr(name)?.as_array());
        Some(list.iter().map(|v| self.want(name, pair(v))).collect())
    }
}
