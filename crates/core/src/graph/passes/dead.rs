//! Dead code: nodes without users go, if dropping them drops no effect. Inputs stay: they are the interface.

use super::Rebuild;
use crate::error::Result;
use crate::graph::Graph;
use crate::ops;

pub(crate) fn run(graph: Graph) -> Result<Graph> {
    let mut used = vec![false; graph.nodes.len()];
    for v in &graph.outputs {
        used[v.node as usize] = true;
    }
    for (i, node) in graph.nodes.iter().enumerate().rev() {
        used[i] |= !node.effect().droppable() || *node.op == ops::INPUT;
        if used[i] {
            node.inputs.iter().for_each(|v| used[v.node as usize] = true);
            node.each_sized_by(&graph, &mut |v| used[v.node as usize] = true);
        }
    }
    if used.iter().all(|used| *used) {
        return Ok(graph);
    }
    let (mut rebuild, nodes) = Rebuild::new(graph);
    for (node, used) in nodes.into_iter().zip(used) {
        if used { rebuild.copy(node) } else { rebuild.drop(&node) }
    }
    Ok(rebuild.finish())
}
