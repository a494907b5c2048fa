//! The CPU executor: a concrete graph as a flat list of steps over one planned arena.
//!
//! Built once for each graph: fusion groups become [`Program`]s, every other node a kernel call with its operands
//! resolved to entries of one table of addresses. A call takes a frame from a pool (the arena and the table, in which
//! the addresses of the arena and of constants stand already), writes the addresses of arguments and results into it,
//! walks the steps, and hands the results out. The kernels are those that eager uses.

mod apart;
mod build;
mod chains;
mod flow;
mod group;
mod late;
mod packed;
mod program;
mod run;
#[cfg(test)]
mod tests;

use crate::buffer::{Buffer, Storage};
use crate::cpu::spares::Spares;
use crate::device::{Executable, Outputs, Results, Room};
use crate::error::Result;
use crate::graph::{Graph, Node};
use crate::op::{Attrs, Copies, Sizes};
use crate::shape::Meta;
use crate::tensor::Tensor;
use crate::variable::Variable;
use flow::Repeat;
use packed::Packed;
use program::{Program, Target};
use std::sync::Arc;

/// Where the elements of a value are during a call: an entry of a frame's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
    /// The entry of the table.
    at: usize,
    place: Place,
    meta: Meta,
    sizes: Sizes,
    bytes: usize,
}

/// A variable that a fused group writes: in place, if nobody else holds its memory.
struct Store {
    variable: usize,
    meta: Meta,
    bytes: usize,
    /// What was read of variables and is needed no more, so that their memory is nobody else's.
    release: Vec<usize>,
}

/// A product in front of a fused group.
struct Product {
    node: u32,
    inputs: Vec<Slot>,
    output: Slot,
    /// Which of the group's operands it is.
    operand: usize,
}

enum Step {
    /// A fused group, with the product whose elements it takes as they are finished: its results, then the variables that it
    /// writes.
    Fused {
        program: Box<Program>,
        product: Option<Box<Product>>,
        inputs: Vec<Slot>,
        outputs: Vec<Slot>,
        stores: Vec<Store>,
    },
    /// Strided copies, derived when the plan was built.
    Copy { node: u32, copies: Copies, inputs: Vec<Slot>, outputs: Vec<Slot> },
    /// Any other kernel.
    Kernel { node: u32, inputs: Vec<Slot>, outputs: Vec<Slot> },
    /// A variable's value, kept for the call.
    Read { variable: usize, read: usize, at: usize, bytes: usize },
    /// A variable's new value; reads that nobody needs any more are let go first, so that it can be written in place.
    Assign { variable: usize, value: Slot, release: Vec<usize> },
    /// What only the engine does: prints, asserts, random state.
    Engine { node: u32, inputs: Vec<Slot>, made: Vec<(usize, usize)> },
    /// One of two plans, as the scalar says.
    If { node: u32, condition: Slot, inputs: Vec<Slot>, outputs: Vec<Slot>, sides: Box<[Plan; 2]> },
    /// A plan again and again.
    While { node: u32, inputs: Vec<Slot>, outputs: Vec<Slot>, repeat: Box<Repeat> },
}

impl Step {
    /// The nodes that it computes; none for what only moves addresses.
    fn nodes(&self) -> &[u32] {
        match self {
            Step::Fused { program, .. } => program.nodes(),
            Step::Copy { node, .. }
            | Step::Kernel { node, .. }
            | Step::Engine { node, .. }
            | Step::If { node, .. }
            | Step::While { node, .. } => std::slice::from_ref(node),
            Step::Read { .. } | Step::Assign { .. } => &[],
        }
    }
}

/// A graph ready to run on the CPU.
pub(super) struct Plan {
    nodes: Vec<Node>,
    steps: Vec<Step>,
    constants: Vec<Storage>,
    /// Of a loop's turn: the products by a matrix that is packed before the first one.
    packed: Vec<Packed>,
    /// What each entry of a frame's table is.
    entries: Vec<Place>,
    arguments: Vec<Argument>,
    arena: usize,
    reads: usize,
    made: usize,
    /// The memory handed out by a call.
    fresh: Vec<Meta>,
    /// The entry of each of them.
    fresh_at: Vec<usize>,
    results: Vec<Slot>,
    /// The largest values with memory, largest first: their bytes and nodes.
    rooms: Vec<(usize, u32)>,
    /// For each piece of fresh memory, the first result that it is.
    owners: Vec<usize>,
    frames: Spares<Frame>,
}

/// An entry of the table that is an argument.
struct Argument {
    at: usize,
    index: usize,
    bytes: usize,
}

/// An operand of a plan inside a node.
#[derive(Clone, Copy)]
struct Arg {
    ptr: *const u8,
    bytes: usize,
}

// SAFETY: nobody writes what operands lie in while they are in use.
unsafe impl Sync for Arg {}

/// The memory of one running call.
struct Frame {
    /// Where each entry is: the arena and constants always, the rest during a call.
    table: Vec<*mut u8>,
    reads: Vec<Option<Storage>>,
    made: Vec<Option<Storage>>,
    /// Room for the operands and results of a fused step, and for the results of the call.
    sources: Vec<Target>,
    targets: Vec<Target>,
    fresh: Vec<Tensor>,
    /// What the table points into.
    arena: Buffer,
}

// SAFETY: the addresses of a frame are of its own arena and of constants that nobody writes; others are written at the
// beginning of a call, whose operands outlive it.
unsafe impl Send for Frame {}

impl Plan {
    fn frame(&self) -> Result<Frame> {
        match self.frames.take() {
            Some(frame) => Ok(frame),
            None => {
                let arena = Buffer::room(self.arena)?;
                let address = |place: &Place| match place {
                    Place::Arena(offset) => arena.as_ptr().wrapping_add(*offset),
                    Place::Constant(k) => self.constants[*k].bytes().as_ptr().cast_mut(),
                    _ => std::ptr::null_mut(),
                };
                let table = self.entries.iter().map(address).collect();
                Ok(Frame {
                    table,
                    reads: vec![None; self.reads],
                    made: vec![None; self.made],
                    sources: vec![],
                    targets: vec![],
                    fresh: vec![],
                    arena,
                })
            }
        }
    }
    /// Gives a frame back for the next call.
    fn keep(&self, mut frame: Frame) {
        frame.clear();
        self.frames.put(frame);
    }
}

impl Executable for Plan {
    fn run(&self, inputs: &[Tensor], variables: &[Variable]) -> Result<Results> {
        let mut frame = self.frame()?;
        let results = self.call(&mut frame, inputs, variables);
        self.keep(frame);
        results
    }
    fn describe(&self) -> String {
        let mut text = format!("{} steps, an arena of {} bytes\n", self.steps.len(), self.arena);
        for step in &self.steps {
            let names = || -> String {
                let name = |n: &u32| format!("%{n} {}", self.nodes[*n as usize].op.name);
                step.nodes().iter().map(name).collect::<Vec<_>>().join(", ")
            };
            text += &match step {
                Step::Fused { .. } => format!("  fused: {}\n", names()),
                Step::Copy { copies, .. } => {
                    format!("  {} copies: {}\n", copies.copies.len(), names())
                }
                Step::Kernel { .. } => format!("  kernel: {}\n", names()),
                Step::Read { variable, .. } => format!("  read variable {variable}\n"),
                Step::Assign { variable, .. } => format!("  assign variable {variable}\n"),
                Step::Engine { .. } => format!("  engine: {}\n", names()),
                Step::If { sides, .. } => {
                    let [then, otherwise] = &**sides;
                    let inside = format!("then: {}otherwise: {}", then.describe(), otherwise.describe());
                    format!("  {}:\n{}", names(), indented(&inside))
                }
                Step::While { repeat, .. } => {
                    format!("  {}:\n{}", names(), indented(&repeat.describe()))
                }
            };
        }
        self.packed.iter().for_each(|packed| text += &packed.describe());
        text + &self.memory_map()
    }
    fn temporary(&self) -> Option<usize> {
        Some(self.bytes())
    }
    fn rooms(&self) -> Vec<Room> {
        let room = |(bytes, n): &(usize, u32)| {
            let node = &self.nodes[*n as usize];
            Room { bytes: *bytes, op: node.op.name, at: node.at }
        };
        let mut rooms: Vec<Room> = self.rooms.iter().map(room).collect();
        for step in &self.steps {
            match step {
                Step::If { sides, .. } => rooms.extend(sides.iter().flat_map(Plan::rooms)),
                Step::While { repeat, .. } => rooms.extend(repeat.rooms()),
                _ => {}
            }
        }
        rooms.sort_by_key(|r| std::cmp::Reverse(r.bytes));
        rooms
    }
}

impl Plan {
    /// The bytes of the arena and of the plans inside.
    fn bytes(&self) -> usize {
        let inside = |step: &Step| match step {
            Step::If { sides, .. } => sides[0].bytes().max(sides[1].bytes()),
            Step::While { repeat, .. } => repeat.bytes(),
            _ => 0,
        };
        self.arena + self.steps.iter().map(inside).sum::<usize>()
    }
    /// Where the results of steps lie, a line for each.
    fn memory_map(&self) -> String {
        let mut text = String::new();
        for (i, step) in self.steps.iter().enumerate() {
            let outputs = match step {
                Step::Fused { outputs, .. }
                | Step::Copy { outputs, .. }
                | Step::Kernel { outputs, .. }
                | Step::If { outputs, .. }
                | Step::While { outputs, .. } => outputs,
                _ => continue,
            };
            for Slot { place, meta, bytes, .. } in outputs {
                let place = match place {
                    Place::Arena(from) => format!("arena {from}..{}", from + bytes),
                    Place::Output(k) => format!("result memory {k}, {bytes} bytes"),
                    place => format!("{place:?}, {bytes} bytes"),
                };
                text += &format!("  memory: {meta} of step {i} at {place}\n");
            }
        }
        text
    }
}

impl Frame {
    /// Lets everything go that the call held.
    fn clear(&mut self) {
        self.reads.fill(None);
        self.made.fill(None);
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
