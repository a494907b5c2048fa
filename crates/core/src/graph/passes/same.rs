//! Common subexpressions: a pure node equal to an earlier one is that one. Two reads of a variable are equal if nothing
//! was written to it between them.

use super::Rebuild;
use crate::error::Result;
use crate::graph::{Graph, Value};
use crate::op::{Attrs, Effect, OpDef};
use crate::ops;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

/// Op, operands, attributes, and for reads the number of writes so far.
type Key = (&'static OpDef, SmallVec<[Value; 3]>, Attrs, usize);

pub(super) fn run(graph: &Graph) -> Result<Graph> {
    let mut seen: FxHashMap<Key, u32> = FxHashMap::default();
    let mut writes: FxHashMap<usize, usize> = FxHashMap::default();
    let mut rebuild = Rebuild::new(graph);
    for node in &graph.nodes {
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
        let key: Key = (node.op, rebuild.operands(node), node.attrs.clone(), version);
        if let Some(&first) = seen.get(&key) {
            rebuild.replace((0..node.outputs.len() as u32).map(|output| Value { node: first, output }));
            continue;
        }
        rebuild.copy(node);
        seen.insert(key, rebuild.new.nodes.len() as u32 - 1);
    }
    Ok(rebuild.finish())
}
