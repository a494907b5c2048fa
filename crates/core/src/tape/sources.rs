//! What gradients may be taken of and with respect to: tensors, variables, lists of them.

use crate::tensor::Tensor;
use crate::variable::Variable;

/// One place that a gradient is asked for.
#[derive(Clone)]
pub enum Source {
    /// A watched tensor.
    Tensor(Tensor),
    /// A variable: the sum over all its reads.
    Variable(Variable),
}

/// What a gradient is taken with respect to; the answer has the same structure.
pub trait Sources {
    /// One tensor, or a list.
    type Gradients;
    /// The places in order.
    fn sources(&self) -> Vec<Source>;
    /// The answer from one gradient per place.
    fn structure(&self, gradients: Vec<Tensor>) -> Self::Gradients;
}

macro_rules! one {
    ($t:ty, $variant:ident) => {
        impl Sources for $t {
            type Gradients = Tensor;
            fn sources(&self) -> Vec<Source> {
                vec![Source::$variant(self.clone())]
            }
            fn structure(&self, mut gradients: Vec<Tensor>) -> Tensor {
                gradients.swap_remove(0)
            }
        }
        impl Sources for [$t] {
            type Gradients = Vec<Tensor>;
            fn sources(&self) -> Vec<Source> {
                self.iter().map(|x| Source::$variant(x.clone())).collect()
            }
            fn structure(&self, gradients: Vec<Tensor>) -> Vec<Tensor> {
                gradients
            }
        }
        impl<const N: usize> Sources for [&$t; N] {
            type Gradients = [Tensor; N];
            fn sources(&self) -> Vec<Source> {
                self.iter().map(|x| Source::$variant((*x).clone())).collect()
            }
            fn structure(&self, gradients: Vec<Tensor>) -> [Tensor; N] {
                let mut gradients = gradients.into_iter();
                std::array::from_fn(|i| gradients.next().unwrap_or_else(|| panic!("gradient {i} of {N}")))
            }
        }
        impl<const N: usize> Sources for [$t; N] {
            type Gradients = [Tensor; N];
            fn sources(&self) -> Vec<Source> {
                self.each_ref().sources()
            }
            fn structure(&self, gradients: Vec<Tensor>) -> [Tensor; N] {
                self.each_ref().structure(gradients)
            }
        }
        impl Sources for Vec<$t> {
            type Gradients = Vec<Tensor>;
            fn sources(&self) -> Vec<Source> {
                self.as_slice().sources()
            }
            fn structure(&self, gradients: Vec<Tensor>) -> Vec<Tensor> {
                gradients
            }
        }
    };
}

one!(Tensor, Tensor);
one!(Variable, Variable);

/// What a gradient is taken of: one tensor of any shape (summed), or a list.
pub trait Targets {
    /// The tensors in order.
    fn targets(&self) -> Vec<Tensor>;
}

impl Targets for Tensor {
    fn targets(&self) -> Vec<Tensor> {
        vec![self.clone()]
    }
}

impl Targets for [Tensor] {
    fn targets(&self) -> Vec<Tensor> {
        self.to_vec()
    }
}

impl Targets for Vec<Tensor> {
    fn targets(&self) -> Vec<Tensor> {
        self.clone()
    }
}

impl<const N: usize> Targets for [Tensor; N] {
    fn targets(&self) -> Vec<Tensor> {
        self.to_vec()
    }
}

impl<const N: usize> Targets for [&Tensor; N] {
    fn targets(&self) -> Vec<Tensor> {
        self.iter().map(|t| (*t).clone()).collect()
    }
}
