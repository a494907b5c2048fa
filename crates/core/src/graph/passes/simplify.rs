//! Rewrites that keep every bit, NaN and signed zero included.
//!
//! `x + 0` is not one (`-0 + 0` is `+0`), `x * 0` is not one (NaN); `x * 1`, `x / 1`, `x - 0` and `-(-x)` are.

use super::Rebuild;
use crate::error::Result;
use crate::graph::{Graph, Node, Value};
use crate::op::Cpu;
use crate::ops;

pub(super) fn run(graph: Graph) -> Result<Graph> {
    let (mut rebuild, nodes) = Rebuild::new(graph);
    for node in nodes {
        match earlier(&rebuild, &node) {
            Some(value) => rebuild.replace([value]),
            None => rebuild.copy(node),
        }
    }
    Ok(rebuild.finish())
}

/// The earlier value with the same bits and meta, if there is one.
fn earlier(rebuild: &Rebuild, node: &Node) -> Option<Value> {
    let operands = rebuild.operands(node);
    let first = *operands.first()?;
    let graph = &rebuild.new;
    let out = node.outputs.first()?;
    let same_meta = |v: Value| graph.meta(v) == out;
    // A change of shape to the shape that it has, and a broadcast or sum that changes nothing.
    let idle =
        (matches!(node.op.cpu, Cpu::View) || *node.op == ops::BROADCAST_TO || *node.op == ops::SUM_TO_SHAPE)
            && node.outputs.len() == 1;
    if idle && same_meta(first) {
        return Some(first);
    }
    let made = graph.node(first.node);
    if *node.op == ops::NEGATIVE && *made.op == ops::NEGATIVE {
        return Some(made.inputs[0]);
    }
    let &[x, y] = operands.as_slice() else { return None };
    if *node.op == ops::MULTIPLY {
        return [(x, y), (y, x)]
            .into_iter()
            .find(|(v, k)| is(graph, *k, 1.0) && same_meta(*v))
            .map(|(v, _)| v);
    }
    let neutral =
        (*node.op == ops::DIVIDE && is(graph, y, 1.0)) || (*node.op == ops::SUBTRACT && is(graph, y, 0.0));
    (neutral && same_meta(x)).then_some(x)
}

/// Whether a value is a constant with every element this number (`0.0` means `+0`).
fn is(graph: &Graph, v: Value, number: f64) -> bool {
    let node = graph.node(v.node);
    let source = if *node.op == ops::BROADCAST_TO { graph.node(node.inputs[0].node) } else { node };
    *source.op == ops::CONSTANT
        && source
            .attrs
            .tensor("value")
            .to_f64_vec()
            .is_ok_and(|all| !all.is_empty() && all.iter().all(|e| e.to_bits() == number.to_bits()))
}
