//! The arguments of a recorded call, as Tenfold's functions want them.

use crate::fixtures::{Case, number};
use serde_json::Value;
use tenfold_core::{DType, Tensor};

/// Tensors and attributes of one call, by TensorFlow's names.
///
/// # Panics
///
/// Every accessor panics if what the recording holds does not fit: the row was written for other recordings.
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

    /// The elements of an integer tensor that TensorFlow takes as an input and Tenfold as an argument.
    pub fn values(&self, name: &str) -> Vec<i64> {
        let values = self.case.input(name).map(|array| array.to_ints());
        self.want(name, values).into_iter().map(|v| self.want(name, i64::try_from(v).ok())).collect()
    }

    /// Whether the attribute called `name` was given and is not `None`.
    pub fn has(&self, name: &str) -> bool {
        self.attr(name).is_some()
    }

    /// The attribute called `name`, unless it is absent or `None`.
    pub fn attr(&self, name: &str) -> Option<&Value> {
        self.case.attrs.get(name).filter(|value| !value.is_null())
    }

    fn want<T>(&self, name: &str, value: Option<T>) -> T {
        value.unwrap_or_else(|| panic!("{} has no fitting `{name}`", self.case.id))
    }

    /// An integer.
    pub fn int(&self, name: &str) -> i64 {
        self.want(name, self.attr(name).and_then(Value::as_i64))
    }

    /// An integer, or `default` if it was not given.
    pub fn int_or(&self, name: &str, default: i64) -> i64 {
        if self.has(name) { self.int(name) } else { default }
    }

    /// A number.
    pub fn float(&self, name: &str) -> f64 {
        self.want(name, self.attr(name).and_then(number))
    }

    /// A number, or `default` if it was not given.
    pub fn float_or(&self, name: &str, default: f64) -> f64 {
        if self.has(name) { self.float(name) } else { default }
    }

    /// A truth value; false if it was not given.
    pub fn flag(&self, name: &str) -> bool {
        self.has(name) && self.want(name, self.attr(name).and_then(Value::as_bool))
    }

    /// A word, or `default` if it was not given.
    pub fn text_or<'a>(&'a self, name: &str, default: &'a str) -> &'a str {
        self.attr(name).map_or(default, |value| self.want(name, value.as_str()))
    }

    /// A dtype, or `default` if it was not given.
    pub fn dtype_or(&self, name: &str, default: DType) -> DType {
        self.attr(name).map_or(default, |value| self.want(name, value.as_str().and_then(DType::from_name)))
    }

    /// A list of integers, or one integer as a list of one.
    pub fn ints(&self, name: &str) -> Vec<i64> {
        match self.want(name, self.attr(name)) {
            Value::Array(list) => list.iter().map(|v| self.want(name, v.as_i64())).collect(),
            one => vec![self.want(name, one.as_i64())],
        }
    }

    /// A list of sizes, or one size as a list of one.
    pub fn sizes(&self, name: &str) -> Vec<usize> {
        self.ints(name).into_iter().map(|n| self.want(name, usize::try_from(n).ok())).collect()
    }

    /// A list of pairs of integers.
    pub fn pairs(&self, name: &str) -> Vec<[i64; 2]> {
        let pair = |v: &Value| Some([v.get(0)?.as_i64()?, v.get(1)?.as_i64()?]);
        let list = self.want(name, self.attr(name).and_then(Value::as_array));
        list.iter().map(|v| self.want(name, pair(v))).collect()
    }
}
