//! Optimizers: rules that turn gradients into new values of variables.
//!
//! An optimizer is a handle: clones share its state. Its state is made of variables (so a traced step reads and writes
//! them by reference), created at the first step beside the variables that they belong to. A function that takes an
//! optimizer is traced for each optimizer, by identity.

mod adam;
mod sgd;
mod state;
#[cfg(test)]
mod tests;

pub use adam::{Adam, AdamOptions};
pub use sgd::Sgd;

use crate::error::{Error, Place, Result};
use crate::tensor::Tensor;
use crate::variable::Variable;

/// What every optimizer does.
pub trait Optimizer {
    /// Its name in messages.
    fn name(&self) -> &'static str;
    /// Applies one gradient to each variable.
    ///
    /// # Errors
    ///
    /// If the lists differ in length, or a gradient does not fit its variable.
    #[track_caller]
    fn try_apply_gradients(&self, gradients: &[Tensor], variables: &[Variable]) -> Result<()>;
    /// Its own variables, by path names: the step counter, the learning rate, the slots in the order of the variables.
    fn named_variables(&self) -> Vec<(String, Variable)>;
}

/// The lists belong together.
#[track_caller]
fn check(name: &'static str, gradients: &[Tensor], variables: &[Variable]) -> Result<()> {
    if gradients.len() != variables.len() {
        let text = format!("{} gradients for {} variables", gradients.len(), variables.len());
        return Err(Error::invalid(name, text).at(Place::caller()));
    }
    for (g, v) in gradients.iter().zip(variables) {
        let fits = g.dtype() == v.dtype()
            && g.rank() == v.shape().rank()
            && g.shape().iter().zip(v.shape().iter()).all(|(a, b)| a.may_equal(*b));
        if !fits {
            let text =
                format!("the gradient of `{}` is {}, the variable is {}", v.name(), g.meta(), v.meta());
            return Err(Error::invalid(name, text).at(Place::caller()));
        }
    }
    Ok(())
}
