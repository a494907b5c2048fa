//! What the op suite needs of the inside: tracing a closure, and the reference executor. Not for users.

use crate::device::{Device, Executable};
use crate::error::Result;
use crate::graph::Graph;
use crate::shape::Meta;
use crate::tensor::Tensor;
use crate::variable::Variable;
use std::sync::Arc;

/// A traced closure.
pub struct Traced {
    /// The graph; its inputs are the arguments, then the captures.
    pub graph: Graph,
    /// Tensors from outside that became inputs.
    pub captures: Vec<Tensor>,
    /// The variables, by slot.
    pub variables: Vec<Variable>,
}

/// Runs `body` once with symbolic arguments `x0`, `x1`, … of these metas, whose dimensions may be symbols; what it
/// returns are the graph's outputs.
///
/// # Errors
///
/// What `body` raises or returns.
pub fn trace(
    device: Device,
    arguments: &[Meta],
    body: impl FnOnce(&[Tensor]) -> Result<Vec<Tensor>>,
) -> Result<Traced> {
    let named: Vec<(String, Meta)> =
        arguments.iter().enumerate().map(|(i, m)| (format!("x{i}"), m.clone())).collect();
    let body = |x: &[Tensor]| crate::error::catch(|| body(x)).and_then(|r| r);
    let made = crate::trace::trace("traced", device, &named, body, Vec::clone)?;
    Ok(Traced { graph: made.graph, captures: made.captures, variables: made.variables })
}

/// The executable that runs a concrete graph on the CPU node by node, with the kernels that eager uses: what every plan
/// must agree with, to the bit.
pub fn interpreter(graph: &Graph) -> Arc<dyn Executable> {
    crate::cpu::engine::interpreter(graph)
}
