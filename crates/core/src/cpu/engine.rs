//! Running a graph on the CPU, node by node: the reference executor.

use crate::device::{Device, Executable, Outputs};
use crate::error::{Error, Result};
use crate::graph::{Graph, Node, Value};
use crate::op::{Attrs, Metas, OpDef};
use crate::ops;
use crate::tensor::Tensor;
use crate::variable::Variable;
use smallvec::SmallVec;
use std::sync::Arc;

/// The ops without a kernel, called eagerly: constants are themselves.
pub(crate) fn run(op: &'static OpDef, _inputs: &[&Tensor], attrs: &Attrs, _outs: &Metas) -> Result<Outputs> {
    if *op == ops::CONSTANT {
        return Ok(SmallVec::from_elem(attrs.tensor("value").clone(), 1));
    }
    Err(Error::internal(op.name, "not callable outside a graph"))
}

/// Runs each node with the kernel that eager uses.
struct Interpreter {
    graph: Graph,
}

/// The executable of a concrete graph.
pub(crate) fn compile(graph: &Graph) -> Result<Arc<dyn Executable>> {
    Ok(Arc::new(Interpreter { graph: graph.clone() }))
}

impl Interpreter {
    fn step(
        &self,
        node: &Node,
        values: &[Outputs],
        inputs: &[Tensor],
        variables: &[Variable],
    ) -> Result<Outputs> {
        let operands: SmallVec<[&Tensor; 4]> =
            node.inputs.iter().map(|v| &values[v.node as usize][v.output as usize]).collect();
        if *node.op == ops::INPUT {
            return Ok(SmallVec::from_elem(inputs[node.attrs.int("index") as usize].clone(), 1));
        }
        if *node.op == ops::READ_VARIABLE {
            return Ok(SmallVec::from_elem(variables[node.attrs.int("slot") as usize].peek(), 1));
        }
        if *node.op == ops::ASSIGN_VARIABLE {
            variables[node.attrs.int("slot") as usize].poke(operands[0].alias());
            return Ok(Outputs::new());
        }
        Device::cpu().backend().run(node.op, &operands, &node.attrs, &node.outputs).map_err(|e| e.at(node.at))
    }
}

impl Executable for Interpreter {
    fn run(&self, inputs: &[Tensor], variables: &[Variable]) -> Result<Vec<Tensor>> {
        let mut values: Vec<Outputs> = Vec::with_capacity(self.graph.nodes.len());
        for node in &self.graph.nodes {
            let outputs = self.step(node, &values, inputs, variables)?;
            values.push(outputs);
        }
        let value = |v: &Value| values[v.node as usize][v.output as usize].clone();
        Ok(self.graph.outputs.iter().map(value).collect())
    }
    fn describe(&self) -> String {
        format!("{} nodes, one by one", self.graph.nodes.len())
    }
}
