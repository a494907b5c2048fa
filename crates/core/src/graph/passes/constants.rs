//! Constant folding: a pure node whose operands are constants is computed now, by the kernel that eager uses, if the
//! result is small. What would fail is left to fail when the graph runs.
//!
//! Another device computes floats with other bits than the host: for it only integers and moves are folded.

use super::Rebuild;
use crate::device::Device;
use crate::error::Result;
use crate::graph::{Graph, Node};
use crate::op::{Attrs, Cpu, Effect, Gpu};
use crate::ops;
use crate::tensor::Tensor;
use smallvec::SmallVec;

/// Results of more bytes than this are cheaper to compute than to keep.
const LIMIT: usize = 4096;

pub(super) fn run(graph: Graph, device: Device) -> Result<Graph> {
    let (mut rebuild, nodes) = Rebuild::new(graph);
    for node in nodes {
        match fold(&rebuild, &node, device) {
            Some(value) => {
                rebuild.keep(Node {
                    op: &ops::CONSTANT,
                    inputs: SmallVec::new(),
                    attrs: Attrs::new().with("value", value),
                    ..node
                });
            }
            None => rebuild.copy(node),
        }
    }
    Ok(rebuild.finish())
}

/// Whether the host gives this node the bits of any device: it moves elements, or it computes without floats.
fn same_everywhere(node: &Node, operands: &[&Tensor]) -> bool {
    let moves = matches!(node.op.gpu, Gpu::View | Gpu::Reindex) || *node.op == ops::NUM_ELEMENTS;
    let floats = || operands.iter().map(|x| x.dtype()).chain(node.outputs.iter().map(|m| m.dtype));
    moves || !floats().any(|dtype| dtype.is_float())
}

fn fold(rebuild: &Rebuild, node: &Node, device: Device) -> Option<Tensor> {
    let foldable = node.effect() == Effect::Pure
        && !matches!(node.op.cpu, Cpu::Engine(_))
        && node.outputs.len() == 1
        && node.outputs[0].bytes().is_some_and(|b| b <= LIMIT);
    if !foldable {
        return None;
    }
    let operands: SmallVec<[&Tensor; 3]> = rebuild
        .operands(node)
        .iter()
        .map(|v| {
            let made = rebuild.new.node(v.node);
            (*made.op == ops::CONSTANT).then(|| made.attrs.tensor("value"))
        })
        .collect::<Option<_>>()?;
    if !device.is_cpu() && !same_everywhere(node, &operands) {
        return None;
    }
    Device::cpu().backend().run(node.op, &operands, &node.attrs, &node.outputs).ok()?.pop()
}
