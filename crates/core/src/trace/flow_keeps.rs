//! What a gradient of a loop keeps turn by turn although it could be computed again.

use crate::graph::{Graph, Node};
use crate::op::{Cpu, OpDef};
use crate::ops;

/// Their derivatives are made of what they gave, and need no operand.
const ENDS: [&OpDef; 3] = [&ops::TANH, &ops::SIGMOID, &ops::EXP];
/// Their derivatives need no value at all.
const BETWEEN: [&OpDef; 7] =
    [&ops::ADD, &ops::SUBTRACT, &ops::NEGATIVE, &ops::SPLIT, &ops::RESHAPE, &ops::TRANSPOSE, &ops::IDENTITY];

/// For each node of a turn whether its results are kept: those of kernels, which take more than one pass over memory. Where all that
/// comes of such a result goes through sums into `tanh` or the like, as in the cells of recurrent networks, what these gave is
/// kept in its place: as much memory, and nothing is computed again.
pub(super) fn kept_nodes(graph: &Graph) -> Vec<bool> {
    let mut users: Vec<Vec<usize>> = vec![vec![]; graph.nodes.len()];
    for (i, node) in graph.nodes.iter().enumerate() {
        node.inputs.iter().for_each(|v| users[v.node as usize].push(i));
    }
    let mut kept = vec![false; graph.nodes.len()];
    for i in (0..graph.nodes.len()).filter(|i| is_kernel(&graph.nodes[*i])) {
        let mut ends = vec![];
        match ends_behind(graph, &users, i, &mut ends) {
            true => ends.iter().for_each(|end| kept[*end] = true),
            false => kept[i] = true,
        }
    }
    kept
}

fn is_kernel(node: &Node) -> bool {
    matches!(node.op.cpu, Cpu::Kernel(_) | Cpu::Product(_))
}

/// Whether all users of a node lead to [`ENDS`], which it collects.
fn ends_behind(graph: &Graph, users: &[Vec<usize>], i: usize, ends: &mut Vec<usize>) -> bool {
    let given = graph.outputs.iter().any(|v| v.node as usize == i);
    let leads = |u: &usize| {
        let node = &graph.nodes[*u];
        if ENDS.contains(&node.op) {
            ends.push(*u);
            return true;
        }
        BETWEEN.contains(&node.op) && ends_behind(graph, users, *u, ends)
    };
    !given && !users[i].is_empty() && users[i].iter().all(leads)
}
