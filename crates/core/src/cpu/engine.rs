//! Running a graph node by node: the reference executor, and the one for sizes that only the run decides.

use super::flow::Inside;
use crate::device::{Device, Executable, Outputs, Results, Room};
use crate::dim::Bindings;
use crate::error::{Error, Result};
use crate::graph::{Graph, Node, Value};
use crate::op::{Attrs, Cpu, Metas, OpDef};
use crate::ops;
use crate::shape::Meta;
use crate::tensor::Tensor;
use crate::variable::Variable;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use std::sync::Arc;

/// The ops without a kernel: what they do when they are called, or when a graph reaches them. `variables` are the
/// graph's, by slot.
pub(crate) fn run(
    op: &'static OpDef,
    inputs: &[&Tensor],
    attrs: &Attrs,
    _outs: &Metas,
    variables: &[Variable],
) -> Result<Outputs> {
    if *op == ops::CONSTANT {
        return Ok(SmallVec::from_elem(attrs.tensor("value").clone(), 1));
    }
    if *op == ops::PRINT {
        return ops::run_print(inputs, attrs).map(|()| Outputs::new());
    }
    if *op == ops::ASSERT {
        return ops::run_assert(inputs, attrs).map(|()| Outputs::new());
    }
    if *op == ops::RNG_READ_AND_SKIP {
        let state = &variables[attrs.int("slot") as usize];
        let stream = crate::random::read_and_skip(state, attrs.shape("elements").num_elements())?;
        return Ok(SmallVec::from_elem(stream, 1));
    }
    Err(Error::internal(op.name, "not callable outside a graph"))
}

/// Runs each node with the kernel that eager uses.
struct Interpreter {
    graph: Graph,
    device: Device,
    /// The graphs inside nodes, by node, where they can be made ready before the run.
    inside: FxHashMap<usize, Inside>,
}

/// The executable of a graph: a plan if all sizes are known, else the interpreter.
pub(crate) fn compile(graph: &Graph) -> Result<Arc<dyn Executable>> {
    match graph.is_concrete() {
        true => super::plan::compile(graph),
        false => interpret(graph, Device::cpu()),
    }
}

/// The executable of a graph with sizes that only the run decides, on any device: what can be is made ready before.
///
/// # Errors
///
/// If the device cannot run a graph inside a node.
pub fn interpret(graph: &Graph, device: Device) -> Result<Arc<dyn Executable>> {
    let mut inside = FxHashMap::default();
    for (i, node) in graph.nodes.iter().enumerate() {
        if node.graphs().next().is_some() && node.graphs().all(|g| g.is_concrete()) {
            inside.insert(i, Inside::optimised(node, &graph.variables, device)?);
        }
    }
    Ok(Arc::new(Interpreter { graph: graph.clone(), device, inside }))
}

/// The reference executor: what every plan must agree with, to the bit.
pub(crate) fn interpreter(graph: &Graph) -> Arc<dyn Executable> {
    interpreter_on(graph, Device::cpu())
}

pub(super) fn interpreter_on(graph: &Graph, device: Device) -> Arc<dyn Executable> {
    Arc::new(Interpreter { graph: graph.clone(), device, inside: FxHashMap::default() })
}

impl Interpreter {
    fn step(
        &self,
        i: usize,
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
        if node.graphs().next().is_some() {
            return match self.inside.get(&i) {
                Some(inside) => inside.run(node, &operands, variables),
                None => Inside::interpret(node, self.device).run(node, &operands, variables),
            };
        }
        if matches!(node.op.cpu, Cpu::Engine(_)) {
            // What the engine does is done on the host.
            let here: SmallVec<[Tensor; 4]> =
                operands.iter().map(|x| x.to(Device::cpu())).collect::<Result<_>>()?;
            let here: SmallVec<[&Tensor; 4]> = here.iter().collect();
            let made =
                run(node.op, &here, &node.attrs, &node.outputs, variables).map_err(|e| e.at(node.at))?;
            return made.iter().map(|y| y.to(self.device)).collect();
        }
        self.device.backend().run(node.op, &operands, &node.attrs, &node.outputs).map_err(|e| e.at(node.at))
    }
}

impl Executable for Interpreter {
    fn run(&self, inputs: &[Tensor], variables: &[Variable]) -> Result<Results> {
        let mut values: Vec<Outputs> = Vec::with_capacity(self.graph.nodes.len());
        let whole = self.graph.is_concrete();
        // The sizes that only the run decides, as they appear.
        let mut bindings = Bindings::new();
        for (i, node) in self.graph.nodes.iter().enumerate() {
            let outputs = match whole
                || node.outputs.iter().all(|m| m.shape.is_known()) && !node.attrs.are_run_time()
            {
                true => self.step(i, node, &values, inputs, variables)?,
                false => {
                    let metas: SmallVec<[&Meta; 4]> = node
                        .inputs
                        .iter()
                        .map(|v| values[v.node as usize][v.output as usize].meta())
                        .collect();
                    let settled = self.graph.settled(i, &metas, &bindings)?;
                    self.step(i, &settled, &values, inputs, variables)?
                }
            };
            for (meta, y) in node.outputs.iter().zip(&outputs) {
                let sizes = meta.shape.iter().zip(y.shape().iter());
                bindings.extend(
                    sizes.filter(|(d, _)| d.name().is_some()).filter_map(|(d, n)| Some((*d, n.size()?))),
                );
            }
            values.push(outputs);
        }
        let value = |v: &Value| values[v.node as usize][v.output as usize].clone();
        Ok(self.graph.outputs.iter().map(value).collect())
    }
    fn describe(&self) -> String {
        format!("{} nodes, one by one", self.graph.nodes.len())
    }
    fn temporary(&self) -> Option<usize> {
        None
    }
    fn rooms(&self) -> Vec<Room> {
        vec![]
    }
}
