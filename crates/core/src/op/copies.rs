//! How ops describe strided copies.

use super::cpu::{AffineCopy, Copies};
use crate::shape::Shape;
use smallvec::SmallVec;

/// Steps through a tensor, in elements, one for each axis of a loop.
pub(crate) type Steps = SmallVec<[isize; 6]>;

/// Row-major steps of a known shape.
pub(crate) fn steps(shape: &Shape) -> Steps {
    shape.strides().iter().map(|s| *s as isize).collect()
}

/// Row-major steps of these sizes.
pub(crate) fn steps_of(sizes: &[usize]) -> Steps {
    let mut step = 1;
    let mut steps: Steps = SmallVec::from_elem(0, sizes.len());
    for (s, n) in steps.iter_mut().zip(sizes).rev() {
        *s = step;
        step *= *n as isize;
    }
    steps
}

/// The sizes of a known shape.
pub(crate) fn sizes(shape: &Shape) -> SmallVec<[usize; 6]> {
    shape.sizes().unwrap_or_default()
}

impl AffineCopy {
    /// A loop of `shape` from input 0 to output 0, each with its start and steps.
    pub(crate) fn new(
        shape: impl Into<SmallVec<[usize; 6]>>,
        from: (isize, Steps),
        to: (isize, Steps),
    ) -> AffineCopy {
        AffineCopy {
            input: 0,
            output: 0,
            shape: shape.into(),
            in_offset: from.0,
            in_strides: from.1,
            out_offset: to.0,
            out_strides: to.1,
        }
    }
    /// From another input.
    pub(crate) fn input(mut self, input: usize) -> AffineCopy {
        self.input = input;
        self
    }
    /// To another output.
    pub(crate) fn output(mut self, output: usize) -> AffineCopy {
        self.output = output;
        self
    }
}

impl Copies {
    /// One copy that covers the output.
    pub(crate) fn one(copy: AffineCopy) -> Copies {
        Copies { fill: None, copies: vec![copy] }
    }
    /// Copies that cover the outputs.
    pub(crate) fn all(copies: impl IntoIterator<Item = AffineCopy>) -> Copies {
        Copies { fill: None, copies: copies.into_iter().collect() }
    }
    /// One copy into an output filled with `value`.
    pub(crate) fn into_filled(value: f64, copy: AffineCopy) -> Copies {
        Copies { fill: Some(value), copies: vec![copy] }
    }
}
