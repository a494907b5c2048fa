//! What running a graph costs: arithmetic and memory traffic, known from shapes before anything runs.

use super::{Graph, Node};
use crate::error::Place;
use crate::op::{Attrs, Cpu, Gpu, GpuKernel, OpDef};
use crate::ops;
use crate::shape::Meta;
use std::fmt;

/// The cost of one node, or of a graph.
///
/// An operation is one of `+ - × ÷`, a comparison, or an elementary function such as `exp`; a multiplication and the addition
/// of a product count two. Bytes are those of all operands and results, each read or written once: what a run without fusion
/// moves between memory and the processor at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Operations.
    pub flops: u64,
    /// Bytes read and written.
    pub bytes: u64,
}

impl std::ops::Add for Cost {
    type Output = Cost;
    fn add(self, other: Cost) -> Cost {
        Cost { flops: self.flops.saturating_add(other.flops), bytes: self.bytes.saturating_add(other.bytes) }
    }
}

impl Cost {
    fn times(self, n: u64) -> Cost {
        Cost { flops: self.flops.saturating_mul(n), bytes: self.bytes.saturating_mul(n) }
    }
}

/// What one run of a graph costs, node by node.
#[derive(Clone, Debug, Default)]
pub struct Costs {
    /// Each op at its line, the costliest first.
    pub ops: Vec<OpCost>,
    /// All of it.
    pub total: Cost,
    /// Whether loops with an unknown number of turns were counted as one turn.
    pub open: bool,
}

/// What the calls of one op at one line cost.
#[derive(Clone, Debug)]
pub struct OpCost {
    /// The op.
    pub op: &'static str,
    /// The user's line.
    pub at: Place,
    /// How many nodes, each as often as it runs.
    pub calls: u64,
    /// What they cost together.
    pub cost: Cost,
}

impl fmt::Display for Costs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:>14} {:>14} {:>8}  op", "operations", "bytes", "calls")?;
        for line in &self.ops {
            let OpCost { op, at, calls, cost } = line;
            writeln!(f, "{:>14} {:>14} {calls:>8}  {op} at {}:{}", cost.flops, cost.bytes, at.file, at.line)?;
        }
        let open = if self.open { ", loops that end by a value counted as one turn" } else { "" };
        writeln!(f, "{:>14} {:>14} {:>8}  in all{open}", self.total.flops, self.total.bytes, "")
    }
}

impl Graph {
    /// What one run costs. Both sides of an `if` are looked at, and the dearer one counts.
    pub fn costs(&self) -> Costs {
        let mut costs = Costs::default();
        costs.add(self, 1);
        costs.ops.sort_by_key(|line| {
            (std::cmp::Reverse((line.cost.flops, line.cost.bytes)), line.op, line.at.line)
        });
        costs
    }
}

impl Costs {
    fn add(&mut self, graph: &Graph, times: u64) {
        for node in &graph.nodes {
            if node.is(&ops::IF) {
                let sides = ["then", "otherwise"].map(|side| {
                    let mut costs = Costs::default();
                    costs.add(node.attrs.graph(side), times);
                    costs
                });
                let [then, otherwise] = sides;
                let total = |c: &Costs| (c.total.flops, c.total.bytes);
                self.join(if total(&then) >= total(&otherwise) { then } else { otherwise });
                continue;
            }
            if node.is(&ops::WHILE) {
                let trips = node.attrs.shape("trips")[0].size();
                self.open |= trips.is_none();
                let turns = times.saturating_mul(trips.unwrap_or(1) as u64);
                self.add(node.attrs.graph("body"), turns);
                if trips.is_none() {
                    self.add(node.attrs.graph("condition"), turns);
                }
                continue;
            }
            let inputs: Vec<&Meta> = node.inputs.iter().map(|v| graph.meta(*v)).collect();
            let cost = of(node.op, &inputs, &node.attrs, &node.outputs).times(times);
            if cost != Cost::default() {
                self.line(node, times, cost);
            }
        }
    }
    fn line(&mut self, node: &Node, calls: u64, cost: Cost) {
        let same = |line: &&mut OpCost| line.op == node.op.name && line.at == node.at;
        match self.ops.iter_mut().find(same) {
            Some(line) => (line.calls, line.cost) = (line.calls.saturating_add(calls), line.cost + cost),
            None => self.ops.push(OpCost { op: node.op.name, at: node.at, calls, cost }),
        }
        self.total = self.total + cost;
    }
    fn join(&mut self, other: Costs) {
        self.open |= other.open;
        self.total = self.total + other.total;
        self.ops.extend(other.ops);
    }
}

fn elements(meta: &Meta) -> u64 {
    meta.shape.iter().map(|d| d.size().unwrap_or(0) as u64).product()
}

fn size(meta: &Meta, axis: usize) -> u64 {
    meta.shape.get(axis).and_then(|d| d.size()).unwrap_or(0) as u64
}

/// About how many tenths of a nanosecond an op takes one thread for an element: a product of `f32` from L2 one, an elementary
/// function some (`tanh` and `sigmoid` in a group of an LSTM took ten on a Zen 4, an `exp` alone five).
pub(crate) fn weight(op: &OpDef) -> usize {
    const LIGHT: [&OpDef; 22] = [
        &ops::ABS,
        &ops::ADD,
        &ops::CAST,
        &ops::EQUAL,
        &ops::GREATER,
        &ops::GREATER_EQUAL,
        &ops::LEAKY_RELU,
        &ops::LESS,
        &ops::LESS_EQUAL,
        &ops::LOGICAL_AND,
        &ops::LOGICAL_NOT,
        &ops::LOGICAL_OR,
        &ops::MAXIMUM,
        &ops::MINIMUM,
        &ops::MULTIPLY,
        &ops::NEGATIVE,
        &ops::NOT_EQUAL,
        &ops::RELU,
        &ops::SELECT,
        &ops::SQUARE,
        &ops::SQUARED_DIFFERENCE,
        &ops::SUBTRACT,
    ];
    match () {
        () if LIGHT.contains(&op) || !matches!(op.cpu, Cpu::Elementwise(_)) => 1,
        () if [&ops::DIVIDE, &ops::SQRT].contains(&op) => 2,
        () => 6,
    }
}

/// What one call costs. Sizes that are not known count as none.
pub(crate) fn of(op: &OpDef, inputs: &[&Meta], attrs: &Attrs, outputs: &[Meta]) -> Cost {
    if matches!(op.cpu, Cpu::View | Cpu::Engine(_)) {
        return Cost::default();
    }
    let all = inputs.iter().copied().chain(outputs);
    let bytes = all.map(|m| m.bytes().unwrap_or(0) as u64).sum();
    let made: u64 = outputs.iter().map(elements).sum();
    let taken: u64 = inputs.iter().map(|m| elements(m)).sum();
    let flops = match op.gpu {
        _ if matches!(op.cpu, Cpu::Reindex(_)) => 0,
        _ if matches!(op.cpu, Cpu::Elementwise(_)) => made,
        Gpu::Reduce(_) | Gpu::Scan(_) => taken,
        Gpu::Kernel(kernel) => match kernel {
            GpuKernel::Matmul => {
                let rank = inputs[0].shape.rank();
                let depth = if attrs.bool("transpose_a") { rank - 2 } else { rank - 1 };
                2 * made * size(inputs[0], depth)
            }
            GpuKernel::Conv | GpuKernel::DepthwiseConv => convolution(&outputs[0], inputs[1]),
            GpuKernel::ConvInputGrad | GpuKernel::DepthwiseConvInputGrad => convolution(inputs[1], inputs[0]),
            GpuKernel::ConvFilterGrad | GpuKernel::DepthwiseConvFilterGrad => {
                convolution(inputs[1], &outputs[0])
            }
            GpuKernel::Gather | GpuKernel::GatherNd | GpuKernel::OneHot => 0,
            _ => made.max(taken),
        },
        _ => made.max(taken),
    };
    Cost { flops, bytes }
}

/// Each element of the convolution's result is a product with as many elements of the filter as belong to its channel.
fn convolution(result: &Meta, filter: &Meta) -> u64 {
    let channels = size(result, result.shape.rank() - 1);
    2 * elements(result) * elements(filter).checked_div(channels).unwrap_or(0)
}
