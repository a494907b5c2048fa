//! Fusion grouping: which element-wise nodes run as one loop.
//!
//! Nodes are visited in program order. An element-wise node joins the open groups that its operands come from, if they
//! loop over the same shape. A group is *closed*, and takes its place in the order of steps, as soon as a node outside
//! of it uses one of its values, or a variable that it read is about to be written: so a group never depends on
//! something that depends on it, and effects keep their order.
//!
//! A reduction of the last axis belongs to the group of its operand, which then goes row by row: what is computed of the
//! rows' results, and what those are broadcast to, may follow in the same group (softmax and layer norm are one group).
//!
//! A variable whose new value a group computes is written by the group. The group is closed before anything that reads or
//! writes the variable again, or that may fail: then what stands before it in the program has happened.

use crate::cpu::reduce::LONGEST_ROW;
use crate::dtype::DType;
use crate::graph::{Graph, Value};
use crate::op::{Cpu, Effect};
use crate::ops;
use crate::shape::{Meta, Shape};

/// Nodes that run together, in program order; one node alone unless all are element-wise over one shape, or assign values
/// that are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Positions of nodes in the graph.
    pub nodes: Vec<u32>,
    /// The elements of a row, if the group reduces rows; else 0.
    pub row: usize,
    /// What a group of several nodes loops over.
    pub shape: Shape,
    /// A product whose elements the group takes as they are finished. Nothing else uses it.
    pub product: Option<u32>,
}

impl Group {
    fn alone(node: u32) -> Group {
        Group { nodes: vec![node], row: 0, shape: Shape::scalar(), product: None }
    }
    /// All nodes, the product first.
    pub fn all(&self) -> impl Iterator<Item = u32> + '_ {
        self.product.into_iter().chain(self.nodes.iter().copied())
    }
}

/// The row length of a node that reduces the last axis of its operand, and the operand's shape.
fn reduces_rows(graph: &Graph, i: u32) -> Option<(usize, &Shape)> {
    let node = graph.node(i);
    let reduces = [&ops::REDUCE_SUM, &ops::REDUCE_MEAN, &ops::REDUCE_MAX, &ops::REDUCE_MIN];
    let Meta { dtype, shape: of } = graph.meta(*node.inputs.first()?);
    let whole = if reduces.iter().any(|op| node.is(op)) {
        let axes = node.attrs.ints("axes");
        axes.len() == 1 && of.axis(axes[0]) == Some(of.rank().wrapping_sub(1))
    } else {
        node.is(&ops::SUM_TO_SHAPE) && node.outputs[0].shape == by_row(of)
    };
    let row = of.last()?.size()?;
    let floats = matches!(dtype, DType::F32 | DType::F64);
    (whole && floats && (2..=LONGEST_ROW).contains(&row)).then_some((row, of))
}

/// The shape with one element for each row.
pub fn by_row(shape: &Shape) -> Shape {
    let mut shape = shape.clone();
    if let Some(last) = shape.dims_mut().last_mut() {
        *last = 1.into();
    }
    shape
}

/// A group holds at most this many nodes, so that its working set stays in the first-level cache.
const LARGEST: usize = 48;

/// The steps of a concrete graph in an order that keeps dependences and effects.
pub fn groups(graph: &Graph) -> Vec<Group> {
    let mut build = Build { graph, steps: vec![], open: vec![], home: vec![None; graph.nodes.len()] };
    for (i, node) in graph.nodes.iter().enumerate() {
        let fusable = matches!(node.op.cpu, Cpu::Elementwise(_)) && node.op.effect == Effect::Pure;
        if node.is(&ops::ASSIGN_VARIABLE) {
            if !build.assign(i as u32) {
                build.close_producers(&node.inputs, None);
                build.steps.push(Group::alone(i as u32));
            }
            continue;
        }
        node.each_write(&mut |slot| build.close_readers(slot as i64));
        if node.is(&ops::READ_VARIABLE) {
            build.close_writers(Some(node.attrs.int("slot")));
        } else if node.op.effect != Effect::Pure || node.graphs().next().is_some() {
            build.close_writers(None);
        }
        if fusable {
            build.join(i as u32);
        } else if !build.reduce(i as u32) {
            build.close_producers(&node.inputs, None);
            build.steps.push(Group::alone(i as u32));
        }
    }
    for k in 0..build.open.len() {
        build.close(k);
    }
    join_products(graph, build.steps)
}

/// Lets element-wise groups take the elements of the last product that they use as these are finished. The product then runs
/// at the group's place, which is later: it may, because it has no effect.
fn join_products(graph: &Graph, mut steps: Vec<Group>) -> Vec<Group> {
    let mut step_of = vec![usize::MAX; graph.nodes.len()];
    for (s, group) in steps.iter().enumerate() {
        group.nodes.iter().for_each(|n| step_of[*n as usize] = s);
    }
    // The one step that uses a node, if there is one.
    let mut user = vec![None; graph.nodes.len()];
    for (i, node) in graph.nodes.iter().enumerate() {
        for v in &node.inputs {
            let user = &mut user[v.node as usize];
            *user = Some(user.map_or(step_of[i], |u| if u == step_of[i] { u } else { usize::MAX }));
        }
    }
    graph.outputs.iter().for_each(|v| user[v.node as usize] = None);
    let mut writers: Vec<(usize, usize)> = vec![];
    for (i, node) in graph.nodes.iter().enumerate() {
        node.each_write(&mut |slot| writers.push((slot, step_of[i])));
    }
    let product_of = |(at, group): (usize, &Group)| {
        let elementwise = |n: &u32| {
            let node = graph.node(*n);
            matches!(node.op.cpu, Cpu::Elementwise(_)) || node.is(&ops::ASSIGN_VARIABLE)
        };
        if group.row > 0 || group.shape.rank() == 0 || !group.nodes.iter().all(elementwise) {
            return None;
        }
        let joins = |v: &&Value| {
            let (node, meta) = (graph.node(v.node), graph.meta(**v));
            let alike = matches!(node.op.cpu, Cpu::Product(_))
                && meta.shape == group.shape
                && matches!(meta.dtype, DType::F32 | DType::F64)
                && user[v.node as usize] == Some(at);
            // What it reads of variables must be the same where it runs now.
            let between = step_of[v.node as usize] + 1..at + 1;
            alike
                && !node.inputs.iter().any(|x| {
                    let slot = variable_behind(graph, *x);
                    writers.iter().any(|(written, step)| slot == Some(*written) && between.contains(step))
                })
        };
        let used = group.nodes.iter().flat_map(|n| &graph.node(*n).inputs);
        used.filter(joins).map(|v| v.node).max_by_key(|n| step_of[*n as usize])
    };
    let products: Vec<Option<u32>> = steps.iter().enumerate().map(product_of).collect();
    for (group, product) in steps.iter_mut().zip(&products) {
        group.product = *product;
    }
    let mut alone = vec![true; steps.len()];
    products.iter().flatten().for_each(|p| alone[step_of[*p as usize]] = false);
    let mut alone = alone.into_iter();
    steps.retain(|_| alone.next().unwrap_or(true));
    steps
}

/// The slot of the variable whose value this is, seen through views.
fn variable_behind(graph: &Graph, v: Value) -> Option<usize> {
    let mut node = graph.node(v.node);
    while matches!(node.op.cpu, Cpu::View) {
        node = graph.node(node.inputs[0].node);
    }
    node.is(&ops::READ_VARIABLE).then(|| node.attrs.int("slot") as usize)
}

struct Open {
    nodes: Vec<u32>,
    shape: Shape,
    /// As in a [`Group`].
    row: usize,
    /// The variables that it writes.
    writes: Vec<i64>,
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
        let Open { row, shape, .. } = &self.open[k];
        self.steps.push(Group { nodes, row: *row, shape: shape.clone(), product: None });
    }
    fn close_producers(&mut self, inputs: &[Value], except: Option<usize>) {
        for v in inputs {
            if let Some(k) = self.group_of(v).filter(|k| Some(*k) != except) {
                self.close(k);
            }
        }
    }
    /// Puts an assignment into the group that computes the value. `false` if there is no such group.
    fn assign(&mut self, i: u32) -> bool {
        let node = self.graph.node(i);
        let slot = node.attrs.int("slot");
        self.close_writers(Some(slot));
        let whole = |k: &usize| *self.graph.meta(node.inputs[0]).shape == *self.open[*k].shape;
        if self.group_of(&node.inputs[0]).is_some_and(|k| !whole(&k)) {
            self.close_readers(slot);
            return false;
        }
        let home = |build: &Self| build.group_of(&node.inputs[0]);
        let Some(own) = home(self) else {
            self.close_readers(slot);
            return false;
        };
        // Others that read the old value stand before it; one that needs this group closes it.
        for k in self.readers(slot) {
            if k != own {
                self.close(k);
            }
        }
        if home(self).is_none() {
            return false;
        }
        self.open[own].nodes.push(i);
        self.open[own].writes.push(slot);
        self.home[i as usize] = Some(own);
        true
    }
    /// Closes the groups that write the variable in `slot`, or any variable.
    fn close_writers(&mut self, slot: Option<i64>) {
        for k in 0..self.open.len() {
            if slot.map_or(!self.open[k].writes.is_empty(), |slot| self.open[k].writes.contains(&slot)) {
                self.close(k);
            }
        }
    }
    /// Closes the groups that use a value read from the variable in `slot`.
    fn close_readers(&mut self, slot: i64) {
        self.readers(slot).into_iter().for_each(|k| self.close(k));
    }
    /// The open groups that use a value read from the variable in `slot`.
    fn readers(&self, slot: i64) -> Vec<usize> {
        let reads = |n: &u32| {
            self.graph.node(*n).inputs.iter().any(|v| {
                let made = self.graph.node(v.node);
                *made.op == ops::READ_VARIABLE && made.attrs.int("slot") == slot
            })
        };
        let open = |k: &usize| !self.open[*k].closed && self.open[*k].nodes.iter().any(reads);
        (0..self.open.len()).filter(open).collect()
    }
    /// Puts a reduction of rows into the group of its operand, or into one of its own. `false` if it is of another kind.
    fn reduce(&mut self, i: u32) -> bool {
        let Some((row, shape)) = reduces_rows(self.graph, i) else { return false };
        let operand = self.graph.node(i).inputs[0];
        let fits = |open: &Open| {
            open.shape == *shape && (open.row == 0 || open.row == row) && open.nodes.len() < LARGEST
        };
        let home = self.group_of(&operand);
        if let Some(k) = home.filter(|k| !fits(&self.open[*k])) {
            self.close(k);
        }
        let target = self.group_of(&operand).unwrap_or_else(|| self.begin(shape));
        self.open[target].row = row;
        self.open[target].nodes.push(i);
        self.home[i as usize] = Some(target);
        true
    }
    fn begin(&mut self, shape: &Shape) -> usize {
        let shape = shape.clone();
        self.open.push(Open { nodes: vec![], shape, row: 0, writes: vec![], closed: false });
        self.open.len() - 1
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
            let rows = target.map_or(0, |t| self.open[t].row);
            let alike = rows == 0 || self.open[k].row == 0 || rows == self.open[k].row;
            // What is computed of the results of rows goes with the rows.
            let (whole, rows) = (&self.open[k].shape, by_row(&self.open[k].shape));
            let of = &self.graph.meta(*v).shape;
            let by_row = self.open[k].row > 0 && *shape == rows;
            if of != whole && *of != rows {
                // Without the axis of the rows it is broadcast along another one.
                self.close(k);
            } else if by_row && target.is_none() && room {
                target = Some(k);
            } else if self.open[k].shape != *shape || !room || !alike {
                self.close(k);
            } else if let Some(t) = target {
                match self.open[t].shape == *shape {
                    true => self.merge(k, t),
                    false => self.close(k),
                }
            } else {
                target = Some(k);
            }
        }
        // Closing one group may have closed the target, which it used.
        let target = target.filter(|k| !self.open[*k].closed).unwrap_or_else(|| self.begin(shape));
        self.open[target].nodes.push(i);
        self.home[i as usize] = Some(target);
    }
    /// Moves the nodes of group `k` into group `t`.
    fn merge(&mut self, k: usize, t: usize) {
        let moved = std::mem::take(&mut self.open[k].nodes);
        self.open[k].closed = true;
        moved.iter().for_each(|n| self.home[*n as usize] = Some(t));
        self.open[t].row = self.open[t].row.max(self.open[k].row);
        let writes = std::mem::take(&mut self.open[k].writes);
        self.open[t].writes.extend(writes);
        self.open[t].nodes.extend(moved);
        self.open[t].nodes.sort_unstable();
    }
}
