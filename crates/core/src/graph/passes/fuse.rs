//! Fusion grouping: which element-wise nodes run as one loop.
//!
//! Nodes are visited in program order. An element-wise node joins the open groups that its operands come from, if they
//! loop over the same shape. A group is *closed*, and takes its place in the order of steps, as soon as a node outside
//! of it uses one of its values, or a variable that it read is about to be written: so a group never depends on
//! something that depends on it, and effects keep their order.

use crate::graph::{Graph, Value};
use crate::op::{Cpu, Effect};
use crate::ops;
use crate::shape::Shape;

/// Nodes that run together, in program order; one node alone unless all are element-wise over one shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Positions of nodes in the graph.
    pub nodes: Vec<u32>,
}

/// A group holds at most this many nodes, so that its working set stays in the first-level cache.
const LARGEST: usize = 48;

/// The steps of a concrete graph in an order that keeps dependences and effects.
pub fn groups(graph: &Graph) -> Vec<Group> {
    let mut build = Build { graph, steps: vec![], open: vec![], home: vec![None; graph.nodes.len()] };
    for (i, node) in graph.nodes.iter().enumerate() {
        let fusable = matches!(node.op.cpu, Cpu::Elementwise(_)) && node.op.effect == Effect::Pure;
        node.each_write(&mut |slot| build.close_readers(slot as i64));
        if fusable {
            build.join(i as u32);
        } else {
            build.close_producers(&node.inputs, None);
            build.steps.push(Group { nodes: vec![i as u32] });
        }
    }
    for k in 0..build.open.len() {
        build.close(k);
    }
    build.steps
}

struct Open {
    nodes: Vec<u32>,
    shape: Shape,
    closed: bool,
}

struct Build<'a> {
    graph: &'a Graph,
    steps: Vec<Group>,
    open: Vec<Open>,
    /// The open group that each node is in.
    home: Vec<Option<usize>>,
}

impl Build<'_> {
    /// The open group that a value comes from.
    fn group_of(&self, v: &Value) -> Option<usize> {
        self.home[v.node as usize].filter(|k| !self.open[*k].closed)
    }
    fn close(&mut self, k: usize) {
        if self.open[k].closed {
            return;
        }
        self.open[k].closed = true;
        let nodes = std::mem::take(&mut self.open[k].nodes);
        // What it uses from other open groups must stand before it.
        for n in &nodes {
            let inputs = self.graph.node(*n).inputs.clone();
            self.close_producers(&inputs, Some(k));
        }
        self.steps.push(Group { nodes });
    }
    fn close_producers(&mut self, inputs: &[Value], except: Option<usize>) {
        for v in inputs {
            if let Some(k) = self.group_of(v).filter(|k| Some(*k) != except) {
                self.close(k);
            }
        }
    }
    /// Closes the groups that use a value read from the variable in `slot`.
    fn close_readers(&mut self, slot: i64) {
        let reads = |n: &u32| {
            self.graph.node(*n).inputs.iter().any(|v| {
                let made = self.graph.node(v.node);
                *made.op == ops::READ_VARIABLE && made.attrs.int("slot") == slot
            })
        };
        let readers: Vec<usize> = (0..self.open.len())
            .filter(|k| !self.open[*k].closed && self.open[*k].nodes.iter().any(reads))
            .collect();
        readers.into_iter().for_each(|k| self.close(k));
    }
    /// Puts an element-wise node into the group of its operands, or into one of its own.
    fn join(&mut self, i: u32) {
        let node = self.graph.node(i);
        let shape = &node.outputs[0].shape;
        let mut target: Option<usize> = None;
        for v in &node.inputs {
            let Some(k) = self.group_of(v) else { continue };
            if target == Some(k) {
                continue;
            }
            let room = target.map_or(0, |t| self.open[t].nodes.len()) + self.open[k].nodes.len() < LARGEST;
            if self.open[k].shape != *shape || !room {
                self.close(k);
            } else if let Some(t) = target {
                self.merge(k, t);
            } else {
                target = Some(k);
            }
        }
        // Closing one group may have closed the target, which it used.
        let target = target.filter(|k| !self.open[*k].closed).unwrap_or_else(|| {
            self.open.push(Open { nodes: vec![], shape: shape.clone(), closed: false });
            self.open.len() - 1
        });
        self.open[target].nodes.push(i);
        self.home[i as usize] = Some(target);
    }
    /// Moves the nodes of group `k` into group `t`.
    fn merge(&mut self, k: usize, t: usize) {
        let moved = std::mem::take(&mut self.open[k].nodes);
        self.open[k].closed = true;
        moved.iter().for_each(|n| self.home[*n as usize] = Some(t));
        self.open[t].nodes.extend(moved);
        self.open[t].nodes.sort_unstable();
    }
}
