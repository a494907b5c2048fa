//! Graphs inside nodes: what they do to the node that has them.

use super::{Graph, Node, Value};
use crate::dim::Dim;
use crate::op::{Effect, OpDef};
use crate::ops;
use std::sync::Arc;

/// How strong an effect is: the effect of a graph is the strongest of its nodes.
fn strength(effect: Effect) -> u8 {
    match effect {
        Effect::Pure => 0,
        Effect::Reads => 1,
        Effect::MayFail => 2,
        Effect::Random => 3,
        Effect::Writes => 4,
        Effect::Io => 5,
    }
}

impl Node {
    /// The variable that it names by its slot.
    pub(crate) fn slot(&self) -> Option<usize> {
        let names = [&ops::READ_VARIABLE, &ops::ASSIGN_VARIABLE, &ops::RNG_READ_AND_SKIP]
            .iter()
            .any(|op| *self.op == **op);
        names.then(|| self.attrs.int("slot") as usize)
    }
    /// What running it does besides computing its results: its op's effect, or the strongest one inside its graphs.
    pub fn effect(&self) -> Effect {
        let inside = self.attrs.graphs().map(|(_, g)| g.effect());
        inside.fold(self.op.effect, |a, b| if strength(b) > strength(a) { b } else { a })
    }
    /// Calls `f` for each value that it needs for its size alone: attributes name sizes that only the run decides.
    pub(crate) fn each_sized_by(&self, graph: &Graph, f: &mut dyn FnMut(Value)) {
        if self.attrs.are_run_time() {
            self.attrs.each_run_time_size(&mut |d| graph.maker_of(d).into_iter().for_each(&mut *f));
        }
    }
    /// Whether it is a node of this op.
    pub(crate) fn is(&self, op: &'static OpDef) -> bool {
        *self.op == *op
    }
    /// The graphs inside.
    pub(crate) fn graphs(&self) -> impl Iterator<Item = &Arc<Graph>> {
        self.attrs.graphs().map(|g| g.1)
    }
    /// Calls `f` for each slot that it, or a node inside, writes.
    pub(crate) fn each_write(&self, f: &mut dyn FnMut(usize)) {
        match self.slot() {
            Some(slot) if *self.op != ops::READ_VARIABLE => f(slot),
            _ => self.graphs().for_each(|g| g.nodes.iter().for_each(|n| n.each_write(f))),
        }
    }
    /// Calls `f` for each slot that it, or a node inside, reads as a variable.
    pub(crate) fn each_read(&self, f: &mut dyn FnMut(usize)) {
        match self.slot() {
            Some(slot) if *self.op == ops::READ_VARIABLE => f(slot),
            _ => self.graphs().for_each(|g| g.nodes.iter().for_each(|n| n.each_read(f))),
        }
    }
}

impl Graph {
    /// The first value that has this size.
    pub(crate) fn maker_of(&self, d: Dim) -> Option<Value> {
        self.nodes.iter().enumerate().find_map(|(i, node)| {
            let output = node.outputs.iter().position(|m| m.shape.contains(&d))?;
            Some(Value { node: i as u32, output: output as u32 })
        })
    }
    /// The graph with other sizes in its metas and attributes, in graphs inside too.
    pub(crate) fn with_sizes(&self, f: &dyn Fn(Dim) -> Dim) -> Graph {
        let mut made = self.clone();
        for node in &mut made.nodes {
            node.attrs = node.attrs.with_all_sizes(f);
            node.outputs.iter_mut().flat_map(|m| m.shape.dims_mut()).for_each(|d| *d = f(*d));
        }
        made
    }
    /// The strongest effect of its nodes.
    pub fn effect(&self) -> Effect {
        let all = self.nodes.iter().map(Node::effect);
        all.fold(Effect::Pure, |a, b| if strength(b) > strength(a) { b } else { a })
    }
    /// Whether both compute the same: names and lines may differ.
    pub(crate) fn computes_as(&self, other: &Graph) -> bool {
        let same = |a: &Node, b: &Node| {
            a.op == b.op && a.inputs == b.inputs && a.attrs == b.attrs && a.outputs == b.outputs
        };
        self.inputs == other.inputs
            && self.outputs == other.outputs
            && self.nodes.len() == other.nodes.len()
            && self.nodes.iter().zip(&other.nodes).all(|(a, b)| same(a, b))
    }
    /// How many nodes there are, inside nodes too.
    pub fn node_count(&self) -> usize {
        self.nodes.iter().map(|n| 1 + n.graphs().map(|g| g.node_count()).sum::<usize>()).sum()
    }
}
