//! Computes light values again where they are used instead of keeping them: a large result that costs an addition or a
//! multiplication takes longer to be written and read than to be made a second time of what is read anyway.
//!
//! Gradients use much of what the forward part computed. Of `0.5·x·(1 + tanh(..))` they use `0.5·x`, `x·x` and `1 + tanh(..)` beside
//! `x` and the `tanh` itself: a third of what a transformer's block would otherwise move to memory and back.

use super::fuse::{Group, groups};
use super::{Rebuild, dead};
use crate::device::Device;
use crate::error::Result;
use crate::graph::{Graph, Node, Value, weight};
use crate::op::{Cpu, Effect};
use crate::ops;
use rustc_hash::{FxHashMap, FxHashSet};

/// Smaller results stay in the second-level cache until they are used.
const LARGE: usize = 256 << 10;
/// Constants of so few bytes are in every group that wants them.
const FEW: usize = 64;

pub(super) fn run(graph: Graph, device: Device) -> Result<Graph> {
    // What a GPU makes one kernel of is decided elsewhere.
    if !device.is_cpu() || !graph.nodes.iter().any(is_light) {
        return Ok(graph);
    }
    let steps = groups(&graph);
    let wanted = wanted(&graph, &steps);
    if wanted.is_empty() {
        return Ok(graph);
    }
    let made = dead::run(repeated(graph.clone(), &steps, &wanted))?;
    // A copy that found no group would be a pass over memory of its own.
    Ok(if groups(&made).len() > steps.len() { graph } else { made })
}

fn is_elementwise(node: &Node) -> bool {
    matches!(node.op.cpu, Cpu::Elementwise(_)) && node.op.effect == Effect::Pure
}

/// Whether a node's result is large and costs next to nothing.
fn is_light(node: &Node) -> bool {
    is_elementwise(node) && weight(node.op) == 1 && node.outputs[0].bytes().is_some_and(|b| b > LARGE)
}

/// The step of each node.
fn steps_of(graph: &Graph, steps: &[Group]) -> Vec<usize> {
    let mut step_of = vec![usize::MAX; graph.nodes.len()];
    for (s, group) in steps.iter().enumerate() {
        group.all().for_each(|n| step_of[n as usize] = s);
    }
    step_of
}

/// The nodes to compute again, each with the step that does.
fn wanted(graph: &Graph, steps: &[Group]) -> FxHashSet<(u32, usize)> {
    let step_of = steps_of(graph, steps);
    let mut users: Vec<Vec<usize>> = vec![vec![]; graph.nodes.len()];
    let mut reads: FxHashSet<(Value, usize)> = FxHashSet::default();
    for (i, node) in graph.nodes.iter().enumerate() {
        for v in &node.inputs {
            users[v.node as usize].push(i);
            reads.insert((*v, step_of[i]));
        }
    }
    let mut wanted: FxHashSet<(u32, usize)> = FxHashSet::default();
    for (i, node) in graph.nodes.iter().enumerate().filter(|n| is_light(n.1)) {
        let home = step_of[i];
        if graph.outputs.iter().any(|v| v.node as usize == i) {
            continue;
        }
        let mut outside: Vec<usize> = vec![];
        // A user of another kind, or one that loops over something else, needs it in memory.
        let alike = users[i].iter().all(|u| {
            let step = step_of[*u];
            if step == home {
                return true;
            }
            outside.push(step);
            is_elementwise(graph.node(*u as u32)) && steps[step].shape == node.outputs[0].shape
        });
        let at_hand = |v: &Value, step: usize| {
            let made = graph.node(v.node);
            let small = made.is(&ops::CONSTANT) && made.outputs[0].bytes().is_some_and(|b| b <= FEW);
            small
                || step_of[v.node as usize] == step
                || reads.contains(&(*v, step))
                || wanted.contains(&(v.node, step))
        };
        if alike && outside.iter().all(|step| node.inputs.iter().all(|v| at_hand(v, *step))) {
            wanted.extend(outside.iter().map(|step| (i as u32, *step)));
        }
    }
    wanted
}

/// The graph with a copy of each wanted node before the first user in its step.
fn repeated(graph: Graph, steps: &[Group], wanted: &FxHashSet<(u32, usize)>) -> Graph {
    let step_of = steps_of(&graph, steps);
    let (mut rebuild, nodes) = Rebuild::new(graph);
    let mut copies: FxHashMap<(u32, usize), Value> = FxHashMap::default();
    for (i, node) in nodes.iter().enumerate() {
        let step = step_of[i];
        let mut inputs = rebuild.operands(node);
        for (new, old) in inputs.iter_mut().zip(&node.inputs) {
            if step_of[old.node as usize] != step && wanted.contains(&(old.node, step)) {
                *new = copy(&mut rebuild, &nodes, old.node, step, wanted, &mut copies);
            }
        }
        rebuild.keep(Node { inputs, ..node.clone() });
    }
    rebuild.finish()
}

/// The copy of a node for a step, and before it of what the step computes again of its operands.
fn copy(
    rebuild: &mut Rebuild,
    nodes: &[Node],
    node: u32,
    step: usize,
    wanted: &FxHashSet<(u32, usize)>,
    copies: &mut FxHashMap<(u32, usize), Value>,
) -> Value {
    if let Some(copy) = copies.get(&(node, step)) {
        return *copy;
    }
    let old = &nodes[node as usize];
    let mut inputs = rebuild.operands(old);
    for (new, old) in inputs.iter_mut().zip(&old.inputs) {
        if wanted.contains(&(old.node, step)) {
            *new = copy(rebuild, nodes, old.node, step, wanted, copies);
        }
    }
    let value = Value { node: rebuild.new.push(Node { inputs, ..old.clone() }), output: 0 };
    copies.insert((node, step), value);
    value
}
