//! Running a graph's nodes through the door again: into another graph, under a tape.

use super::Custom;
use super::program::Program;
use crate::door;
use crate::error::Result;
use crate::graph::{Graph, Value};
use crate::ops;
use crate::tape::{self, Pullback};
use crate::tensor::Tensor;
use crate::variable::Variable;
use smallvec::SmallVec;
use std::rc::Rc;

/// What a replay gave.
pub(crate) struct Replayed {
    /// The outputs of every node.
    pub(crate) values: Vec<SmallVec<[Tensor; 1]>>,
    /// The graph's results.
    pub(crate) outputs: Vec<Tensor>,
}

/// What replaying one graph needs.
struct Replay<'a> {
    graph: &'a Graph,
    inputs: &'a [Tensor],
    variables: &'a [Variable],
    customs: &'a [Custom],
}

/// Calls every node's op in program order, at its own line and scope. `on_read` is told of each read of a variable: the
/// slot and what it gave.
pub(crate) fn replay(
    program: &Program,
    inputs: &[Tensor],
    on_read: &mut dyn FnMut(usize, &Tensor),
) -> Result<Replayed> {
    let Program { graph, variables, customs, .. } = program;
    Replay { graph, inputs, variables, customs }.run(on_read)
}

impl Replay<'_> {
    fn run(&self, on_read: &mut dyn FnMut(usize, &Tensor)) -> Result<Replayed> {
        let mut values: Vec<SmallVec<[Tensor; 1]>> = Vec::with_capacity(self.graph.nodes.len());
        for (i, node) in self.graph.nodes.iter().enumerate() {
            let custom = self.customs.iter().find(|c| c.output.node as usize == i);
            let outputs = door::with_line(node.at, node.backward, || match custom {
                Some(custom) => self.custom(custom, node.inputs[0], &values),
                None => self.step(i, &values, on_read),
            })?;
            values.push(outputs);
        }
        let outputs = self.graph.outputs.iter().map(|v| of(&values, v).clone()).collect();
        Ok(Replayed { values, outputs })
    }
    fn step(
        &self,
        i: usize,
        values: &[SmallVec<[Tensor; 1]>],
        on_read: &mut dyn FnMut(usize, &Tensor),
    ) -> Result<SmallVec<[Tensor; 1]>> {
        let node = &self.graph.nodes[i];
        if *node.op == ops::INPUT {
            return Ok(SmallVec::from_elem(self.inputs[node.attrs.int("index") as usize].clone(), 1));
        }
        if *node.op == ops::CONSTANT {
            return Ok(SmallVec::from_elem(node.attrs.tensor("value").clone(), 1));
        }
        if *node.op == ops::READ_VARIABLE {
            let slot = node.attrs.int("slot") as usize;
            let x = door::read_variable(&self.variables[slot]);
            on_read(slot, &x);
            return Ok(SmallVec::from_elem(x, 1));
        }
        if *node.op == ops::ASSIGN_VARIABLE {
            let slot = node.attrs.int("slot") as usize;
            door::assign_variable(&self.variables[slot], of(values, &node.inputs[0]))?;
            return Ok(SmallVec::new());
        }
        if *node.op == ops::RNG_READ_AND_SKIP {
            let slot = node.attrs.int("slot") as usize;
            let stream = door::rng_read_and_skip(&self.variables[slot], node.attrs.shape("elements")[0])?;
            return Ok(SmallVec::from_elem(stream, 1));
        }
        let operands: SmallVec<[&Tensor; 4]> = node.inputs.iter().map(|v| of(values, v)).collect();
        let call = || door::try_apply(node.op, &operands, node.attrs.clone());
        if node.scope.is_empty() { call() } else { super::name_scope(node.scope, call) }
    }
    /// A value with a gradient that the user gave.
    fn custom(
        &self,
        custom: &Custom,
        y: Value,
        values: &[SmallVec<[Tensor; 1]>],
    ) -> Result<SmallVec<[Tensor; 1]>> {
        let inputs: Vec<&Tensor> = custom.inputs.iter().map(|v| of(values, v)).collect();
        let operands: Vec<Tensor> = custom.operands.iter().map(|v| of(values, v).clone()).collect();
        let mine = custom.clone();
        let pullback: Pullback = Rc::new(move |dys| {
            let Some(Some(dy)) = dys.first() else { return Ok(vec![None; mine.given.len()]) };
            let graph = mine.pullback.as_ref().map_err(Clone::clone)?;
            let inputs: Vec<Tensor> =
                std::iter::once(dy).chain(&operands).chain(&mine.captures).cloned().collect();
            let replay = Replay { graph, inputs: &inputs, variables: &mine.variables, customs: &[] };
            let mut grads = replay.run(&mut |_, _| {})?.outputs.into_iter();
            Ok(mine.given.iter().map(|g| if *g { grads.next() } else { None }).collect())
        });
        let at = door::here().0;
        Ok(SmallVec::from_elem(tape::attach(custom.name, &inputs, of(values, &y), at, pullback)?, 1))
    }
}

fn of<'a>(values: &'a [SmallVec<[Tensor; 1]>], v: &Value) -> &'a Tensor {
    &values[v.node as usize][v.output as usize]
}
