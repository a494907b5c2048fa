//! Running a graph's nodes through the door again: into another graph, under a tape.

use crate::door;
use crate::error::Result;
use crate::graph::{Graph, Value};
use crate::ops;
use crate::tensor::Tensor;
use crate::variable::Variable;
use smallvec::SmallVec;

/// What a replay gave.
pub(crate) struct Replayed {
    /// The outputs of every node.
    pub(crate) values: Vec<SmallVec<[Tensor; 1]>>,
    /// The graph's results.
    pub(crate) outputs: Vec<Tensor>,
}

/// Calls every node's op in program order, at its own line and scope. `on_read` is told of each read of a variable: the
/// slot and what it gave.
pub(crate) fn replay(
    graph: &Graph,
    inputs: &[Tensor],
    variables: &[Variable],
    on_read: &mut dyn FnMut(usize, &Tensor),
) -> Result<Replayed> {
    let mut values: Vec<SmallVec<[Tensor; 1]>> = Vec::with_capacity(graph.nodes.len());
    for node in &graph.nodes {
        let outputs = door::with_line(node.at, node.backward, || -> Result<SmallVec<[Tensor; 1]>> {
            if *node.op == ops::INPUT {
                return Ok(SmallVec::from_elem(inputs[node.attrs.int("index") as usize].clone(), 1));
            }
            if *node.op == ops::CONSTANT {
                return Ok(SmallVec::from_elem(node.attrs.tensor("value").clone(), 1));
            }
            if *node.op == ops::READ_VARIABLE {
                let slot = node.attrs.int("slot") as usize;
                let x = door::read_variable(&variables[slot]);
                on_read(slot, &x);
                return Ok(SmallVec::from_elem(x, 1));
            }
            let value = |v: &Value| &values[v.node as usize][v.output as usize];
            if *node.op == ops::ASSIGN_VARIABLE {
                let slot = node.attrs.int("slot") as usize;
                door::assign_variable(&variables[slot], value(&node.inputs[0]))?;
                return Ok(SmallVec::new());
            }
            let operands: SmallVec<[&Tensor; 4]> = node.inputs.iter().map(value).collect();
            super::with_scope(node.scope, || door::try_apply(node.op, &operands, node.attrs.clone()))
        })?;
        values.push(outputs);
    }
    let outputs = graph.outputs.iter().map(|v| values[v.node as usize][v.output as usize].clone()).collect();
    Ok(Replayed { values, outputs })
}
