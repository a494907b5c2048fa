//! Gradient rules.

use super::attr::Attrs;
use crate::shape::Shape;
use crate::tensor::Tensor;
use smallvec::{SmallVec, smallvec};

/// One cotangent for each input; `None` for inputs that have none (integers, or not needed).
pub type Grads = SmallVec<[Option<Tensor>; 2]>;

/// The gradient of an op.
#[derive(Clone, Copy)]
pub enum Grad {
    /// Cotangents of the inputs from those of the outputs. The rule is made of ops, so it can be differentiated and
    /// traced; a float input whose gradient is needed must get one.
    Rule(fn(&Backward<'_>) -> Grads),
    /// There is none, and this sentence says why; a gradient that needs it is an error, never silently zero.
    None(&'static str),
}

/// What a gradient rule sees.
pub struct Backward<'a> {
    pub(crate) inputs: &'a [Tensor],
    pub(crate) outputs: &'a [Tensor],
    pub(crate) dys: &'a [Option<Tensor>],
    pub(crate) attrs: &'a Attrs,
    pub(crate) needs: &'a [bool],
}

impl<'a> Backward<'a> {
    /// The `i`th input.
    pub fn input(&self, i: usize) -> &'a Tensor {
        &self.inputs[i]
    }
    /// All inputs.
    pub fn inputs(&self) -> &'a [Tensor] {
        self.inputs
    }
    /// The first input.
    pub fn x(&self) -> &'a Tensor {
        &self.inputs[0]
    }
    /// The first output.
    pub fn y(&self) -> &'a Tensor {
        &self.outputs[0]
    }
    /// The `i`th output.
    pub fn output(&self, i: usize) -> &'a Tensor {
        &self.outputs[i]
    }
    /// How many outputs there are.
    pub fn outputs(&self) -> usize {
        self.outputs.len()
    }
    /// The cotangent of the first output; zeros if it is not connected.
    pub fn dy(&self) -> Tensor {
        self.dy_at(0)
    }
    /// The cotangent of the `i`th output; zeros if it is not connected.
    pub fn dy_at(&self, i: usize) -> Tensor {
        match &self.dys[i] {
            Some(dy) => dy.clone(),
            None => crate::ops::zeros_like(&self.outputs[i]),
        }
    }
    /// Whether the `i`th input's gradient is wanted; a rule may skip work for the others.
    pub fn needs(&self, i: usize) -> bool {
        self.needs[i]
    }
    /// The attributes of the forward call.
    pub fn attrs(&self) -> &'a Attrs {
        self.attrs
    }
    /// `g` summed down to the shape of input `i`: the reverse of broadcasting.
    pub fn unbroadcast(&self, i: usize, g: &Tensor) -> Tensor {
        sum_to(g, self.inputs[i].shape())
    }
    /// One gradient, for one input.
    pub fn one(&self, g: Tensor) -> Grads {
        smallvec![Some(g)]
    }
    /// Gradients of two broadcast inputs, computed only if needed.
    pub fn two(&self, a: impl FnOnce() -> Tensor, b: impl FnOnce() -> Tensor) -> Grads {
        smallvec![
            self.needs(0).then(|| self.unbroadcast(0, &a())),
            self.needs(1).then(|| self.unbroadcast(1, &b())),
        ]
    }
}

fn sum_to(g: &Tensor, shape: &Shape) -> Tensor {
    if g.shape() == shape { g.clone() } else { crate::ops::sum_to_shape(g, shape) }
}
