//! Common subexpressions: a pure node equal to an earlier one is that one. Two reads of a variable are equal if nothing
//! was written to it between them.

use super::Rebuild;
use crate::error::Result;
use crate::graph::{Graph, Node, Value};
use crate::op::Effect;
use crate::ops;
use rustc_hash::{FxHashMap, FxHasher};
use smallvec::SmallVec;
use std::hash::{Hash, Hasher};

/// The nodes with the same op, operands and attributes as far as their hash tells, and for each the number of writes so far.
type Seen = FxHashMap<u64, SmallVec<[(u32, usize); 1]>>;

pub(super) fn run(graph: Graph) -> Result<Graph> {
    let mut seen = Seen::default();
    let mut writes: FxHashMap<usize, usize> = FxHashMap::default();
    let (mut rebuild, nodes) = Rebuild::new(graph);
    for mut node in nodes {
        node.each_write(&mut |slot| *writes.entry(slot).or_default() += 1);
        let version = match node.effect() {
            Effect::Pure if *node.op != ops::INPUT => 0,
            Effect::Reads if node.is(&ops::READ_VARIABLE) => {
                writes.get(&(node.attrs.int("slot") as usize)).copied().unwrap_or(0)
            }
            _ => {
                rebuild.copy(node);
                continue;
            }
        };
        node.inputs = rebuild.operands(&node);
        let alike = seen.entry(hash(&node)).or_default();
        let equal = |(at, then): &&(u32, usize)| {
            let earlier = rebuild.new.node(*at);
            *then == version
                && earlier.op == node.op
                && earlier.inputs == node.inputs
                && earlier.attrs == node.attrs
        };
        if let Some(&(first, _)) = alike.iter().find(equal) {
            rebuild.replace((0..node.outputs.len() as u32).map(|output| Value { node: first, output }));
            continue;
        }
        alike.push((rebuild.new.nodes.len() as u32, version));
        rebuild.keep(node);
    }
    Ok(rebuild.finish())
}

fn hash(node: &Node) -> u64 {
    let mut hasher = FxHasher::default();
    (node.op, &node.inputs, &node.attrs).hash(&mut hasher);
    hasher.finish()
}
