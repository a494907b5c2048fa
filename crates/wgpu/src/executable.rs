//! Graphs on the GPU: elementwise neighbours fused into one kernel, everything else as eager runs it.
//!
//! The plan is a list of tasks in an order that keeps every dependency. While it is made, a *group* of elementwise nodes
//! of one shape stays open as long as nobody outside needs its results; operands of a group always exist before it, so
//! open groups never depend on each other and may be closed in any order.

use crate::backend::{State, error_of, host, refusal_of};
use crate::kernels::elementwise::{self, Group, Input, Source};
use crate::lower::{Call, shares_memory, sizes};
use crate::memory::Buffer;
use crate::plan::{Builder, Place, Program};
use rustc_hash::FxHashMap;
use std::fmt::Write;
use std::sync::Arc;
use tenfold_core::device::{Executable, Inside, Results, Room};
use tenfold_core::graph::{Graph, Node, Value};
use tenfold_core::op::{self, OpDef};
use tenfold_core::{Error, Kind, Meta, Place as Line, Result, Tensor, Variable, ops, random};

/// Steps of one fused kernel.
const STEPS: usize = 48;

/// A step of the plan.
enum Task {
    /// Argument `index` of the call becomes a value.
    Argument(usize, usize),
    /// A value of the graph itself.
    Constant(Buffer, usize),
    /// The value of variable `slot` becomes a value.
    Read(usize, usize),
    /// A value becomes the value of variable `slot`.
    Assign(usize, usize),
    /// The stream at the generator state of variable `slot`, which moves past a draw of so many elements, becomes a
    /// value.
    Stream(usize, usize, usize),
    /// The first value's memory is the second's.
    Alias(usize, usize),
    /// What the host does with values that are read back: a print, an assertion. It waits for the device.
    Host { node: Node, inputs: Vec<usize> },
    /// A node with graphs, which are executables of their own. The scalar of a condition is read back.
    Inside { node: Node, inside: Inside, inputs: Vec<usize>, outputs: Vec<usize> },
    Run {
        op: &'static OpDef,
        at: Line,
        program: Arc<Program>,
        inputs: Vec<usize>,
        outputs: Vec<usize>,
        fused: usize,
    },
}

/// A concrete graph made ready for one GPU.
pub(crate) struct GpuExecutable {
    state: Arc<State>,
    tasks: Vec<Task>,
    /// The values that nobody needs after each task.
    dead: Vec<Vec<usize>>,
    metas: Vec<Meta>,
    outputs: Vec<usize>,
}

impl GpuExecutable {
    pub fn new(state: Arc<State>, graph: &Graph) -> Result<GpuExecutable> {
        if !graph.is_concrete() {
            return Err(Error::internal(graph.name.clone(), "a graph for the GPU has symbolic dimensions"));
        }
        let mut planner = Planner::new(&state, graph);
        for (i, node) in graph.nodes.iter().enumerate() {
            planner.node(i, node).map_err(|error| refused(error).at(node.at))?;
        }
        planner.close_all()?;
        let Planner { tasks, metas, .. } = planner;
        let numbers = Numbers::of(graph);
        let outputs: Vec<usize> = graph.outputs.iter().map(|v| numbers.get(*v)).collect();
        let dead = last_uses(&tasks, metas.len(), &outputs);
        Ok(GpuExecutable { state, tasks, dead, metas, outputs })
    }
}

/// The error of a node as the caller of a function reads it: its operands cannot be moved one by one.
fn refused(error: Error) -> Error {
    match error.kind() {
        Kind::Unimplemented => error.with_hint(
            "a graph runs on one device: call the function with its arguments (and variables) on the CPU, or leave this op \
             out of it",
        ),
        _ => error,
    }
}

/// The values that are used for the last time by each task, results excepted.
fn last_uses(tasks: &[Task], values: usize, outputs: &[usize]) -> Vec<Vec<usize>> {
    let mut last: Vec<Option<usize>> = vec![None; values];
    for (i, task) in tasks.iter().enumerate() {
        match task {
            Task::Argument(_, v)
            | Task::Constant(_, v)
            | Task::Read(_, v)
            | Task::Assign(v, _)
            | Task::Stream(_, _, v) => last[*v] = Some(i),
            Task::Alias(from, to) => {
                last[*from] = Some(i);
                last[*to] = Some(i);
            }
            Task::Host { inputs, .. } => inputs.iter().for_each(|v| last[*v] = Some(i)),
            Task::Inside { inputs, outputs, .. } => {
                inputs.iter().chain(outputs).for_each(|v| last[*v] = Some(i));
            }
            Task::Run { inputs, outputs, .. } => {
                inputs.iter().chain(outputs).for_each(|v| last[*v] = Some(i));
            }
        }
    }
    let mut dead = vec![Vec::new(); tasks.len()];
    for (value, last) in last.into_iter().enumerate() {
        if let Some(i) = last
            && !outputs.contains(&value)
        {
            dead[i].push(value);
        }
    }
    dead
}

/// One number for each value of a graph.
struct Numbers(Vec<usize>);

impl Numbers {
    fn of(graph: &Graph) -> Numbers {
        let mut next = 0;
        let first = graph.nodes.iter().map(|node| {
            let first = next;
            next += node.outputs.len();
            first
        });
        Numbers(first.collect())
    }

    fn get(&self, value: Value) -> usize {
        self.0[value.node as usize] + value.output as usize
    }
}

/// A group that may still grow.
struct Open {
    shape: Vec<usize>,
    steps: Vec<elementwise::Step>,
    inputs: Vec<Input>,
    input_values: Vec<usize>,
    step_values: Vec<usize>,
    node: usize,
}

struct Planner<'g> {
    state: &'g Arc<State>,
    graph: &'g Graph,
    numbers: Numbers,
    metas: Vec<Meta>,
    /// How many operands of nodes not planned yet, or results of the graph, name each value.
    wanted: Vec<usize>,
    tasks: Vec<Task>,
    open: Vec<Open>,
    /// The open group that makes a value.
    maker: FxHashMap<usize, usize>,
    next_group: usize,
    ids: Vec<usize>,
}

impl<'g> Planner<'g> {
    fn new(state: &'g Arc<State>, graph: &'g Graph) -> Planner<'g> {
        let numbers = Numbers::of(graph);
        let metas: Vec<Meta> = graph.nodes.iter().flat_map(|node| node.outputs.iter().cloned()).collect();
        let mut wanted = vec![0; metas.len()];
        let operands = graph.nodes.iter().flat_map(|node| node.inputs.iter());
        for value in operands.chain(&graph.outputs) {
            wanted[numbers.get(*value)] += 1;
        }
        Planner {
            state,
            graph,
            numbers,
            metas,
            wanted,
            tasks: Vec::new(),
            open: Vec::new(),
            maker: FxHashMap::default(),
            next_group: 0,
            ids: Vec::new(),
        }
    }

    fn node(&mut self, i: usize, node: &Node) -> Result<()> {
        let inputs: Vec<usize> = node.inputs.iter().map(|v| self.numbers.get(*v)).collect();
        let first = self.numbers.0[i];
        let metas: Vec<&Meta> = inputs.iter().map(|v| &self.metas[*v]).collect();
        let call = Call {
            gpu: &self.state.gpu,
            op: node.op,
            attrs: &node.attrs,
            inputs: &metas,
            outputs: &node.outputs,
        };
        if call.fuses() {
            return self.fuse(i, node, &inputs, first);
        }
        for value in &inputs {
            self.close_maker(*value)?;
            self.wanted[*value] -= 1;
        }
        let is = |op: &'static OpDef| *node.op == *op;
        let task = if is(&ops::INPUT) {
            Task::Argument(node.attrs.int("index") as usize, first)
        } else if is(&ops::READ_VARIABLE) {
            Task::Read(node.attrs.int("slot") as usize, first)
        } else if is(&ops::ASSIGN_VARIABLE) {
            Task::Assign(inputs[0], node.attrs.int("slot") as usize)
        } else if is(&ops::RNG_READ_AND_SKIP) {
            let elements = node.attrs.shape("elements")[0].size().unwrap_or(0);
            Task::Stream(node.attrs.int("slot") as usize, elements, first)
        } else if is(&ops::CONSTANT) {
            let value = node.attrs.tensor("value");
            Task::Constant(self.state.upload(value.meta(), value.storage()?.bytes())?, first)
        } else if matches!(node.op.gpu, op::Gpu::View) {
            let (from, to) = (&self.metas[inputs[0]], &node.outputs[0]);
            shares_memory(node.op, from, to).map_err(|refusal| refusal_of(refusal, node.op))?;
            Task::Alias(inputs[0], first)
        } else if node.attrs.graphs().next().is_some() {
            let inside = Inside::ready(node, self.state.device()?)?;
            let outputs = (first..first + node.outputs.len()).collect();
            Task::Inside { node: node.clone(), inside, inputs, outputs }
        } else if matches!(node.op.gpu, op::Gpu::Engine) {
            Task::Host { node: node.clone(), inputs }
        } else {
            let metas: Vec<&Meta> = inputs.iter().map(|v| &self.metas[*v]).collect();
            let program = self.state.program(node.op, &node.attrs, &metas, &node.outputs)?;
            let outputs = (first..first + node.outputs.len()).collect();
            Task::Run { op: node.op, at: node.at, program, inputs, outputs, fused: 1 }
        };
        self.tasks.push(task);
        Ok(())
    }

    /// Puts an elementwise node into an open group of its shape, or into a new one.
    fn fuse(&mut self, i: usize, node: &Node, inputs: &[usize], result: usize) -> Result<()> {
        let shape = sizes(&node.outputs[0]);
        // One binding is kept for the status buffer.
        let limit = self.state.gpu.caps().max_storage_buffers as usize - 1;
        // A group that makes one of the operands is best; else any of this shape.
        let makers: Vec<usize> = inputs.iter().filter_map(|v| self.maker.get(v).copied()).collect();
        let fits = |group: &Open| {
            let new = inputs.iter().filter(|v| !group.input_values.contains(v)).count();
            // Every step may turn out to be a result.
            group.shape == shape
                && group.steps.len() < STEPS
                && group.input_values.len() + group.steps.len() + new < limit
        };
        let by_id = |id: usize| self.ids.iter().position(|known| *known == id);
        let chosen = makers
            .iter()
            .filter_map(|id| by_id(*id))
            .chain(0..self.open.len())
            .find(|at| fits(&self.open[*at]))
            .map(|at| self.ids[at]);
        for value in inputs {
            if let Some(id) = self.maker.get(value).copied()
                && Some(id) != chosen
            {
                self.close(id)?;
            }
        }
        let at = match chosen.and_then(|id| self.ids.iter().position(|known| *known == id)) {
            Some(at) => at,
            None => {
                self.next_group += 1;
                self.ids.push(self.next_group);
                self.open.push(Open {
                    shape: shape.clone(),
                    steps: Vec::new(),
                    inputs: Vec::new(),
                    input_values: Vec::new(),
                    step_values: Vec::new(),
                    node: i,
                });
                self.open.len() - 1
            }
        };
        let metas: Vec<&Meta> = inputs.iter().map(|v| &self.metas[*v]).collect();
        let call = Call {
            gpu: &self.state.gpu,
            op: node.op,
            attrs: &node.attrs,
            inputs: &metas,
            outputs: &node.outputs,
        };
        let group = &mut self.open[at];
        let mut operands = Vec::with_capacity(inputs.len());
        for (k, value) in inputs.iter().enumerate() {
            operands.push(match group.step_values.iter().position(|v| v == value) {
                Some(step) => Source::Step(step),
                None => Source::Input(match group.input_values.iter().position(|v| v == value) {
                    Some(input) => input,
                    None => {
                        let form = call.form(k).map_err(|refusal| refusal_of(refusal, node.op))?;
                        let place = Place::Input(group.inputs.len());
                        group.inputs.push(Input { place, form, shape: call.shape(k) });
                        group.input_values.push(*value);
                        group.inputs.len() - 1
                    }
                }),
            });
            self.wanted[*value] -= 1;
        }
        group.steps.push(call.step(operands).map_err(|refusal| refusal_of(refusal, node.op))?);
        group.step_values.push(result);
        self.maker.insert(result, self.ids[at]);
        Ok(())
    }

    fn close_maker(&mut self, value: usize) -> Result<()> {
        match self.maker.get(&value).copied() {
            Some(id) => self.close(id),
            None => Ok(()),
        }
    }

    fn close_all(&mut self) -> Result<()> {
        while let Some(id) = self.ids.first().copied() {
            self.close(id)?;
        }
        Ok(())
    }

    /// Makes the kernel of a group. Results that somebody outside the group still wants are stored.
    fn close(&mut self, id: usize) -> Result<()> {
        let Some(at) = self.ids.iter().position(|known| *known == id) else { return Ok(()) };
        self.ids.remove(at);
        let group = self.open.remove(at);
        let mut results = Vec::new();
        let mut outputs = Vec::new();
        for (step, value) in group.step_values.iter().enumerate() {
            self.maker.remove(value);
            if self.wanted[*value] > 0 {
                results.push((step, Place::Output(outputs.len())));
                outputs.push(*value);
            }
        }
        // A check stays even if nobody wants the results.
        if outputs.is_empty() && group.steps.iter().all(|step| step.refuses.is_none()) {
            return Ok(());
        }
        let node = &self.graph.nodes[group.node];
        let fused = group.steps.len();
        let group_inputs = group.input_values;
        let kernel = Group { shape: group.shape, inputs: group.inputs, steps: group.steps, results };
        let mut builder = Builder::new(&self.state.gpu);
        elementwise::build(&kernel, &mut builder).map_err(|error| error_of(error, node.op.name))?;
        self.tasks.push(Task::Run {
            op: node.op,
            at: node.at,
            program: Arc::new(builder.finish()),
            inputs: group_inputs,
            outputs,
            fused,
        });
        Ok(())
    }
}

impl Executable for GpuExecutable {
    fn temporary(&self) -> Option<usize> {
        None
    }
    fn rooms(&self) -> Vec<Room> {
        vec![]
    }
    fn run(&self, inputs: &[Tensor], variables: &[Variable]) -> Result<Results> {
        let mut values: Vec<Option<Buffer>> = vec![None; self.metas.len()];
        let missing = || Error::internal("graph", "a value is used before it is made");
        for (task, dead) in self.tasks.iter().zip(&self.dead) {
            match task {
                Task::Argument(index, to) => {
                    values[*to] = Some(self.state.buffer(&inputs[*index], "graph")?.clone());
                }
                Task::Constant(buffer, to) => values[*to] = Some(buffer.clone()),
                Task::Read(slot, to) => {
                    values[*to] = Some(self.state.buffer(&variables[*slot].peek(), "read_variable")?.clone());
                }
                Task::Assign(from, slot) => {
                    let buffer = values[*from].clone().ok_or_else(missing)?;
                    variables[*slot].poke(self.state.tensor(variables[*slot].meta().clone(), buffer)?);
                }
                Task::Stream(slot, elements, to) => {
                    let stream = random::read_and_skip(&variables[*slot], *elements)?;
                    values[*to] = Some(self.state.upload(stream.meta(), stream.storage()?.bytes())?);
                }
                Task::Alias(from, to) => values[*to] = values[*from].clone(),
                Task::Inside { node, inside, inputs, outputs } => {
                    let operands: Vec<Tensor> = inputs
                        .iter()
                        .map(|v| {
                            self.state.tensor(self.metas[*v].clone(), values[*v].clone().ok_or_else(missing)?)
                        })
                        .collect::<Result<_>>()?;
                    let results = inside.run(node, &operands.iter().collect::<Vec<_>>(), variables)?;
                    for (value, y) in outputs.iter().zip(&results) {
                        values[*value] = Some(self.state.buffer(y, node.op.name)?.clone());
                    }
                }
                Task::Host { node, inputs } => {
                    let operands: Vec<Tensor> = inputs
                        .iter()
                        .map(|v| {
                            self.state.tensor(self.metas[*v].clone(), values[*v].clone().ok_or_else(missing)?)
                        })
                        .collect::<Result<_>>()?;
                    host(node.op, &operands.iter().collect::<Vec<_>>(), &node.attrs, &node.outputs)
                        .map_err(|error| error.at(node.at))?;
                }
                Task::Run { op, at, program, inputs, outputs, .. } => {
                    let results: Vec<Buffer> = outputs
                        .iter()
                        .map(|v| self.state.alloc(&self.metas[*v], op.name))
                        .collect::<Result<_>>()
                        .map_err(|error| error.at(*at))?;
                    let operands: Vec<&Buffer> = inputs
                        .iter()
                        .map(|v| values[*v].as_ref().ok_or_else(missing))
                        .collect::<Result<_>>()?;
                    program
                        .run(&self.state.gpu, &operands, &results.iter().collect::<Vec<_>>())
                        .map_err(|error| error_of(error, op.name).at(*at))?;
                    for (value, buffer) in outputs.iter().zip(results) {
                        values[*value] = Some(buffer);
                    }
                }
            }
            for value in dead {
                values[*value] = None;
            }
        }
        self.outputs
            .iter()
            .map(|v| self.state.tensor(self.metas[*v].clone(), values[*v].clone().ok_or_else(missing)?))
            .collect()
    }

    fn describe(&self) -> String {
        let mut text = format!("{} tasks on {}\n", self.tasks.len(), self.state.gpu.caps());
        for task in &self.tasks {
            if let Task::Run { op, program, fused, .. } = task {
                let labels: Vec<&str> = program.launches.iter().map(|l| l.pipeline.label.as_str()).collect();
                let _ = writeln!(text, "  {} ({fused} ops): {}", op.name, labels.join(", "));
            }
        }
        text
    }
}
