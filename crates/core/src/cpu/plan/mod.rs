//! The CPU executor: a concrete graph as a flat list of steps over one planned arena.
//!
//! Built once for each graph: fusion groups become [`Program`]s, every other node a kernel call with its operands
//! resolved to places. A call takes a frame from a pool (the arena and the tables), walks the steps, and hands the
//! results out. The kernels are those that eager uses.

mod build;
mod flow;
mod program;
mod run;
#[cfg(test)]
mod tests;

use crate::buffer::{Buffer, Storage};
use crate::device::{Executable, Outputs};
use crate::error::Result;
use crate::graph::{Graph, Node};
use crate::op::{Attrs, Copies, Sizes};
use crate::shape::Meta;
use crate::tensor::Tensor;
use crate::variable::Variable;
use flow::Repeat;
use program::{Program, Target};
use std::sync::{Arc, Mutex};

/// Where the elements of a value are during a call.
#[derive(Clone, Debug, PartialEq)]
enum Place {
    /// At this offset of the arena.
    Arena(usize),
    /// The argument at this position.
    Input(usize),
    /// The constant at this position.
    Constant(usize),
    /// What the step that read a variable found.
    Read(usize),
    /// The memory of a result that is handed out.
    Output(usize),
    /// What an engine step made.
    Made(usize),
}

/// A value as an operand or result of a step.
#[derive(Clone, Debug)]
struct Slot {
    place: Place,
    meta: Meta,
    sizes: Sizes,
    bytes: usize,
}

enum Step {
    /// A fused group.
    Fused { program: Program, inputs: Vec<Slot>, outputs: Vec<Slot> },
    /// Strided copies, derived when the plan was built.
    Copy { node: usize, copies: Copies, inputs: Vec<Slot>, outputs: Vec<Slot> },
    /// Any other kernel.
    Kernel { node: usize, inputs: Vec<Slot>, outputs: Vec<Slot> },
    /// A variable's value, kept for the call.
    Read { variable: usize, read: usize },
    /// A variable's new value; reads that nobody needs any more are let go first, so that it can be written in place.
    Assign { variable: usize, value: Slot, release: Vec<usize> },
    /// What only the engine does: prints, asserts, random state.
    Engine { node: usize, inputs: Vec<Slot>, made: Vec<usize> },
    /// One of two plans, as the scalar says.
    If { node: usize, condition: Slot, inputs: Vec<Slot>, outputs: Vec<Slot>, sides: Box<[Plan; 2]> },
    /// A plan again and again.
    While { node: usize, inputs: Vec<Slot>, outputs: Vec<Slot>, repeat: Box<Repeat> },
}

/// A graph ready to run on the CPU.
pub(super) struct Plan {
    nodes: Vec<Node>,
    steps: Vec<Step>,
    constants: Vec<Storage>,
    arena: usize,
    reads: usize,
    made: usize,
    /// The memory handed out by a call.
    fresh: Vec<Meta>,
    results: Vec<Slot>,
    /// For each piece of fresh memory, the first result that it is.
    owners: Vec<usize>,
    frames: Mutex<Vec<Frame>>,
}

/// An operand of a call.
#[derive(Clone, Copy)]
struct Arg<'a> {
    ptr: *const u8,
    bytes: usize,
    /// The memory, where a result may share it.
    storage: Option<&'a Storage>,
}

/// The memory of one running call.
struct Frame {
    arena: Buffer,
    reads: Vec<Option<Storage>>,
    made: Vec<Option<Storage>>,
    /// Where results go, during a call.
    outputs: Vec<Target>,
}

impl Plan {
    fn frame(&self) -> Result<Frame> {
        let pooled = self.frames.lock().unwrap_or_else(|p| p.into_inner()).pop();
        match pooled {
            Some(frame) => Ok(frame),
            None => Ok(Frame {
                arena: Buffer::zeroed(self.arena)?,
                reads: vec![None; self.reads],
                made: vec![None; self.made],
                outputs: vec![],
            }),
        }
    }
    /// Gives a frame back for the next call.
    fn keep(&self, mut frame: Frame) {
        frame.clear();
        self.frames.lock().unwrap_or_else(|p| p.into_inner()).push(frame);
    }
}

impl Executable for Plan {
    fn run(&self, inputs: &[Tensor], variables: &[Variable]) -> Result<Vec<Tensor>> {
        let mut frame = self.frame()?;
        let results = self.call(&mut frame, inputs, variables);
        self.keep(frame);
        results
    }
    fn describe(&self) -> String {
        let mut text = format!("{} steps, an arena of {} bytes\n", self.steps.len(), self.arena);
        for step in &self.steps {
            let names = |nodes: &[u32]| -> String {
                nodes
                    .iter()
                    .map(|n| format!("%{n} {}", self.nodes[*n as usize].op.name))
                    .collect::<Vec<_>>()
                    .join(", ")
            };
            text += &match step {
                Step::Fused { program, .. } => format!("  fused: {}\n", names(program.nodes())),
                Step::Copy { node, copies, .. } => {
                    format!("  {} copies: {}\n", copies.copies.len(), names(&[*node as u32]))
                }
                Step::Kernel { node, .. } => format!("  kernel: {}\n", names(&[*node as u32])),
                Step::Read { variable, .. } => format!("  read variable {variable}\n"),
                Step::Assign { variable, .. } => format!("  assign variable {variable}\n"),
                Step::Engine { node, .. } => format!("  engine: {}\n", names(&[*node as u32])),
                Step::If { node, sides, .. } => {
                    let [then, otherwise] = &**sides;
                    let inside = format!("then: {}otherwise: {}", then.describe(), otherwise.describe());
                    format!("  {}:\n{}", names(&[*node as u32]), indented(&inside))
                }
                Step::While { node, repeat, .. } => {
                    format!("  {}:\n{}", names(&[*node as u32]), indented(&repeat.describe()))
                }
            };
        }
        text
    }
}

impl Frame {
    /// Lets everything go that the call held.
    fn clear(&mut self) {
        self.reads.fill(None);
        self.made.fill(None);
        self.outputs.clear();
    }
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect()
}

/// The executable of a concrete graph.
pub(super) fn compile(graph: &Graph) -> Result<Arc<dyn Executable>> {
    Ok(Arc::new(build::build(graph)?))
}

/// What a step of the engine does when the graph runs.
fn engine(node: &Node, inputs: &[Tensor], attrs: &Attrs, variables: &[Variable]) -> Result<Outputs> {
    let operands: smallvec::SmallVec<[&Tensor; 4]> = inputs.iter().collect();
    super::engine::run(node.op, &operands, attrs, &node.outputs, variables).map_err(|e| e.at(node.at))
}
