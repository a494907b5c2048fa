//! What several workloads are made of.

use super::Arrays;
use tenfold as tf;
use tf::optimizers::{Adam, AdamOptions};
use tf::{Module, Tensor, Variable};

/// A layer `x·kernel + bias`.
#[derive(tf::Module)]
pub struct Dense {
    kernel: Variable,
    bias: Variable,
}

impl Dense {
    /// Begins with these two arrays.
    pub fn new(arrays: &Arrays, kernel: &str, bias: &str) -> Dense {
        Dense { kernel: arrays.variable(kernel), bias: arrays.variable(bias) }
    }
    /// Begins with these two values.
    pub fn with(kernel: Tensor, bias: Tensor) -> Dense {
        Dense { kernel: Variable::new(kernel), bias: Variable::new(bias) }
    }
    /// For each row of `x`.
    pub fn call(&self, x: &Tensor) -> Tensor {
        x.matmul(&self.kernel) + &self.bias
    }
}

/// Adam as all frameworks are asked for it: rate 1e-3, β 0.9 and 0.999, ε 1e-8.
pub fn adam() -> Adam {
    Adam::with(AdamOptions { epsilon: 1e-8, ..AdamOptions::default() })
}

/// One step of a model that tells classes apart: towards these labels, by the gradient of its mean loss.
pub fn classify(model: &impl Module, adam: &Adam, y: &Tensor, logits: impl FnOnce() -> Tensor) -> Tensor {
    let tape = tf::GradientTape::new();
    let loss = tf::losses::sparse_categorical_crossentropy_from_logits(y, &logits()).mean();
    let variables = model.trainable_variables();
    adam.apply_gradients(tape.gradient(&loss, &variables), &variables);
    loss
}
