//! Running a graph's nodes through the door again: into another graph, under a tape. Graphs inside nodes are traced again
//! into graphs of their own.

use super::flow::{self, Draft, Loop, OpenSub, Sub};
use super::flow_reads::Steady;
use super::program::Program;
use super::{Custom, flow_grad};
use crate::dim::Dim;
use crate::door;
use crate::error::{Error, Result};
use crate::graph::{Graph, Node, Value};
use crate::op::Attrs;
use crate::ops;
use crate::shape::{Meta, Shape};
use crate::tape::{self, Pullback};
use crate::tensor::Tensor;
use crate::variable::Variable;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use std::cell::RefCell;
use std::rc::Rc;

/// What a replay gave.
pub(crate) struct Replayed {
    /// The outputs of every node.
    pub(crate) values: Vec<SmallVec<[Tensor; 1]>>,
    /// The graph's results.
    pub(crate) outputs: Vec<Tensor>,
}

/// What replaying one graph needs.
pub(super) struct Replay<'a> {
    pub(super) graph: &'a Graph,
    pub(super) inputs: &'a [Tensor],
    pub(super) variables: &'a [Variable],
    pub(super) customs: &'a [Custom],
    /// For a gradient that computes the forward part again: effects are not done again, this is what they gave. And which
    /// variables may be read again.
    pub(super) given: Option<(&'a FxHashMap<Value, Tensor>, &'a Steady)>,
    /// Nodes with graphs are to be made for a gradient anew, if no gradient in the graph uses what they keep already.
    pub(super) anew: bool,
    /// What sizes are now that only the run decided, and that attributes name.
    pub(super) sizes: RefCell<Vec<(Dim, Dim)>>,
}

/// Calls every node's op in program order, at its own line and scope.
pub(crate) fn replay(program: &Program, inputs: &[Tensor]) -> Result<Replayed> {
    let Program { graph, variables, customs, .. } = program;
    Replay { graph, inputs, variables, customs, given: None, anew: false, sizes: RefCell::default() }.run()
}

impl Replay<'_> {
    pub(super) fn run(&self) -> Result<Replayed> {
        let mut values: Vec<SmallVec<[Tensor; 1]>> = vec![SmallVec::new(); self.graph.nodes.len()];
        // A gradient that the user gave may use an input that stands behind it.
        let inputs = |node: &&Node| *node.op == ops::INPUT;
        for (i, node) in self.graph.nodes.iter().enumerate().filter(|(_, node)| inputs(node)) {
            values[i].push(self.inputs[node.attrs.int("index") as usize].clone());
            self.note_sizes(&node.outputs, &values[i]);
        }
        for (i, node) in self.graph.nodes.iter().enumerate().filter(|(_, node)| !inputs(node)) {
            let custom = self.customs.iter().find(|c| c.path.is_empty() && c.output.node as usize == i);
            values[i] = door::with_line(node.at, node.backward, || match custom {
                Some(custom) => self.custom(custom, node.inputs[0], &values),
                None => self.step(i, &values),
            })?;
            self.note_sizes(&node.outputs, &values[i]);
        }
        let outputs = self.graph.outputs.iter().map(|v| of(&values, v).clone()).collect();
        Ok(Replayed { values, outputs })
    }
    fn note_sizes(&self, recorded: &[Meta], outputs: &[Tensor]) {
        for (meta, x) in recorded.iter().zip(outputs) {
            let pairs = meta.shape.iter().zip(x.shape().iter());
            let new = pairs.filter(|(d, n)| d != n && d.is_run_time() && d.name().is_some());
            self.sizes.borrow_mut().extend(new.map(|(d, n)| (*d, *n)));
        }
    }
    /// Attributes with the sizes as they are now, in graphs too.
    fn attrs(&self, node: &Node) -> Attrs {
        let sizes = self.sizes.borrow();
        if sizes.is_empty() {
            return node.attrs.clone();
        }
        let now = |d: Dim| sizes.iter().rev().find(|s| s.0 == d).map(|s| s.1);
        node.attrs.with_all_sizes(&|d| d.replaced(&now))
    }
    fn step(&self, i: usize, values: &[SmallVec<[Tensor; 1]>]) -> Result<SmallVec<[Tensor; 1]>> {
        let node = &self.graph.nodes[i];
        if *node.op == ops::CONSTANT {
            return Ok(SmallVec::from_elem(node.attrs.tensor("value").clone(), 1));
        }
        if let Some((given, steady)) = self.given {
            let kept = given.contains_key(&Value { node: i as u32, output: 0 });
            if kept || !steady.again(node) {
                return self.recall(i, given, values);
            }
        }
        if *node.op == ops::READ_VARIABLE {
            let slot = node.attrs.int("slot") as usize;
            let x = door::read_variable(&self.variables[slot]);
            return Ok(SmallVec::from_elem(x, 1));
        }
        if *node.op == ops::ASSIGN_VARIABLE {
            let slot = node.attrs.int("slot") as usize;
            door::assign_variable(&self.variables[slot], of(values, &node.inputs[0]))?;
            return Ok(SmallVec::new());
        }
        if *node.op == ops::RNG_READ_AND_SKIP {
            let slot = node.attrs.int("slot") as usize;
            let stream = door::rng_read_and_skip(&self.variables[slot], node.attrs.shape("elements")[0])?;
            return Ok(SmallVec::from_elem(stream, 1));
        }
        let operands: SmallVec<[&Tensor; 4]> = node.inputs.iter().map(|v| of(values, v)).collect();
        if node.graphs().next().is_some() {
            let outputs = match super::is_tracing() {
                true => self.flow(i, &operands)?,
                false => self.flow_now(i, &operands)?,
            };
            return Ok(outputs.into());
        }
        let call = || door::try_apply(node.op, &operands, self.attrs(node));
        if node.scope.is_empty() { call() } else { super::name_scope(node.scope, call) }
    }
    /// What a node with an effect gave, as if it gave it again.
    fn recall(
        &self,
        i: usize,
        given: &FxHashMap<Value, Tensor>,
        values: &[SmallVec<[Tensor; 1]>],
    ) -> Result<SmallVec<[Tensor; 1]>> {
        let (node, at) = (&self.graph.nodes[i], door::here().0);
        // A tensor of its own, by an op: so a tape outside, which knows what was kept, knows what comes of it.
        let value = |output| match given.get(&Value { node: i as u32, output }) {
            Some(kept) => kept.try_identity(),
            None => Err(Error::internal(node.op.name, "what an effect gave was not kept")),
        };
        let kept: SmallVec<[Tensor; 1]> = (0..node.outputs.len() as u32).map(value).collect::<Result<_>>()?;
        if node.is(&ops::READ_VARIABLE) {
            tape::watch_read(&self.variables[node.attrs.int("slot") as usize], &kept[0], at);
        }
        if node.graphs().next().is_none() && Steady::default().again(node) {
            let operands: SmallVec<[&Tensor; 4]> = node.inputs.iter().map(|v| of(values, v)).collect();
            tape::record(node.op, &operands, &self.attrs(node), &kept, at);
        }
        if node.graphs().next().is_some() && !kept.is_empty() {
            let operands = node.inputs.iter().map(|v| of(values, v).clone()).collect();
            let names = node.attrs.graphs().map(|g| g.0);
            let customs =
                names.flat_map(|name| customs_of(self.customs, i, name).into_iter().map(move |c| (name, c)));
            let draft = Draft { op: node.op, operands, attrs: self.attrs(node), customs: customs.collect() };
            flow_grad::recall(draft, &kept, at)?;
        }
        Ok(kept)
    }
    /// A graph of a node, on other inputs.
    fn inside(&self, i: usize, name: &'static str, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let graph = self.graph.nodes[i].attrs.graph(name);
        let customs = customs_of(self.customs, i, name);
        let (variables, sizes) = (self.variables, self.sizes.clone());
        let anew = self.anew;
        let replay = Replay { graph, inputs, variables, customs: &customs, given: None, anew, sizes };
        Ok(replay.run()?.outputs)
    }
    /// A graph of a node, traced again with these arguments; input `k` of it is argument `places[k]`.
    fn traced(&self, i: usize, name: &'static str, arguments: &[Meta], places: &[usize]) -> Result<Sub> {
        let graph = self.graph.nodes[i].attrs.graph(name);
        let label = |k: usize| places.iter().position(|p| *p == k).map(|p| graph.input_names[p].clone());
        let named = |(k, meta): (usize, &Meta)| (label(k).unwrap_or_default(), meta.clone());
        let named: Vec<_> = arguments.iter().enumerate().map(named).collect();
        let marks = tape::marks();
        let open = OpenSub::begin(&graph.name, &named)?;
        let inputs: Vec<Tensor> = places.iter().map(|p| open.arguments[*p].clone()).collect();
        let results = self.inside(i, name, &inputs)?;
        let sub = open.end(&results);
        tape::rewind(&marks);
        sub
    }
    /// A node with graphs, into the graph that is being traced.
    fn flow(&self, i: usize, operands: &[&Tensor]) -> Result<Vec<Tensor>> {
        let (node, at) = (&self.graph.nodes[i], door::here().0);
        let all: Vec<Tensor> = operands.iter().map(|x| (*x).clone()).collect();
        let kept = node.attrs.int("kept") as usize;
        let draft = if node.is(&ops::IF) {
            let (taken, places) = distinct(&all[1..]);
            let metas: Vec<Meta> = taken.iter().map(|x| x.meta().clone()).collect();
            let side = |name| self.traced(i, name, &metas, &places);
            flow::draft_if(&all[0], &taken, side("then")?, side("otherwise")?, kept)
        } else {
            let (carried, rows) = (node.attrs.int("carried") as usize, node.attrs.int("rows") as usize);
            let (whole, stacks) = all.split_at(all.len() - rows);
            let (initial, stays) = whole.split_at(carried);
            let (stays, mut places) = distinct(stays);
            places.iter_mut().for_each(|p| *p += carried);
            places.splice(0..0, 0..carried);
            let begins = |name| {
                let inside = |(k, x): (usize, &Tensor)| {
                    flow::inside(node.attrs.graph(name), k, self.graph.meta(node.inputs[k]), x.meta())
                };
                let stays = stays.iter().map(|x| x.meta().clone());
                initial.iter().enumerate().map(inside).chain(stays).collect::<Vec<Meta>>()
            };
            let condition = self.traced(i, "condition", &begins("condition"), &places)?;
            let mut metas = begins("body");
            places.extend(metas.len()..metas.len() + rows);
            metas.extend(stacks.iter().map(flow::row_meta));
            let body = self.traced(i, "body", &metas, &places)?;
            let (reverse, trips) =
                (node.attrs.bool("reverse"), flow_grad::known(self.attrs(node).shape("trips")[0]));
            let made = Loop { initial, stays: &stays, rows: stacks, reverse, trips, kept };
            flow::draft_while(&made, condition, body)
        };
        let draft = if self.anew && !self.uses_kept(i) { draft.without_kept() } else { draft };
        let scoped = || flow_grad::make(draft, at);
        if node.scope.is_empty() { scoped() } else { super::name_scope(node.scope, scoped) }
    }
    /// Whether the graph itself uses what a node keeps for a gradient.
    fn uses_kept(&self, i: usize) -> bool {
        let node = &self.graph.nodes[i];
        let own = node.outputs.len() - node.attrs.int("kept") as usize;
        let all = self.graph.nodes.iter().flat_map(|n| &n.inputs).chain(&self.graph.outputs);
        all.into_iter().any(|v| v.node as usize == i && v.output as usize >= own)
    }
    /// A node with graphs, outside of every trace.
    fn flow_now(&self, i: usize, operands: &[&Tensor]) -> Result<Vec<Tensor>> {
        let node = &self.graph.nodes[i];
        let mut all: Vec<Tensor> = operands.iter().map(|x| (*x).clone()).collect();
        if node.is(&ops::IF) {
            let side = if all[0].item::<bool>()? { "then" } else { "otherwise" };
            return self.inside(i, side, &all[1..]);
        }
        let carried = node.attrs.int("carried") as usize;
        let stacks = all.split_off(all.len() - node.attrs.int("rows") as usize);
        let whole = all.len();
        let extras = node.attrs.graph("body").outputs.len() - carried;
        let trips = match stacks.first() {
            Some(stack) => stack.shape()[0].size(),
            None => node.attrs.shape("trips")[0].size(),
        };
        let rows: Vec<Vec<Tensor>> = stacks.iter().map(|s| ops::try_unstack(s, 0)).collect::<Result<_>>()?;
        let mut made: Vec<Vec<Tensor>> = vec![vec![]; extras];
        let mut turn = 0;
        while match trips {
            Some(n) => turn < n,
            None => self.inside(i, "condition", &all)?[0].item::<bool>()?,
        } {
            let row = if node.attrs.bool("reverse") { trips.unwrap_or(0) - 1 - turn } else { turn };
            all.extend(rows.iter().map(|r| r[row].clone()));
            let results = self.inside(i, "body", &all)?;
            all.truncate(whole);
            all[..carried].clone_from_slice(&results[..carried]);
            made.iter_mut().zip(&results[carried..]).for_each(|(m, y)| m.push(y.clone()));
            turn += 1;
        }
        all.truncate(carried);
        for (k, mut rows) in made.into_iter().enumerate() {
            let meta = &node.outputs[carried + k];
            if node.attrs.bool("reverse") {
                rows.reverse();
            }
            all.push(match rows.is_empty() {
                true => ops::try_zeros_of(
                    meta.dtype,
                    meta.shape.iter().map(|d| d.size().unwrap_or(0)).collect::<Shape>(),
                )?,
                false => ops::try_stack(&even(rows)?, 0)?,
            });
        }
        Ok(all)
    }
    /// A value with a gradient that the user gave.
    fn custom(
        &self,
        custom: &Custom,
        y: Value,
        values: &[SmallVec<[Tensor; 1]>],
    ) -> Result<SmallVec<[Tensor; 1]>> {
        let inputs: Vec<&Tensor> = custom.inputs.iter().map(|v| of(values, v)).collect();
        let operands: Vec<Tensor> = custom.operands.iter().map(|v| of(values, v).clone()).collect();
        let mine = custom.clone();
        let pullback: Pullback = Rc::new(move |dys| {
            let Some(Some(dy)) = dys.first() else { return Ok(vec![None; mine.given.len()]) };
            let graph = mine.pullback.as_ref().map_err(Clone::clone)?;
            let inputs: Vec<Tensor> =
                std::iter::once(dy).chain(&operands).chain(&mine.captures).cloned().collect();
            let replay = Replay {
                graph,
                inputs: &inputs,
                variables: &mine.variables,
                customs: &[],
                given: None,
                anew: false,
                sizes: RefCell::default(),
            };
            let mut grads = replay.run()?.outputs.into_iter();
            Ok(mine.given.iter().map(|g| if *g { grads.next() } else { None }).collect())
        });
        let at = door::here().0;
        Ok(SmallVec::from_elem(tape::attach(custom.name, &inputs, of(values, &y), at, pullback)?, 1))
    }
}

/// Rows in one of the largest of each size, with zeros behind.
fn even(mut rows: Vec<Tensor>) -> Result<Vec<Tensor>> {
    if rows.iter().any(|x| x.shape() != rows[0].shape()) {
        let size = |x: &Tensor, axis: usize| x.shape()[axis].size().unwrap_or(0);
        let sizes: Vec<usize> =
            (0..rows[0].rank()).map(|axis| rows.iter().map(|x| size(x, axis)).max().unwrap_or(0)).collect();
        for x in &mut rows {
            let behind: Vec<[usize; 2]> =
                sizes.iter().enumerate().map(|(axis, n)| [0, n - size(x, axis)]).collect();
            *x = x.try_pad(&behind)?;
        }
    }
    Ok(rows)
}

/// Each tensor once, and which of them each one is.
fn distinct(xs: &[Tensor]) -> (Vec<Tensor>, Vec<usize>) {
    let mut found: Vec<Tensor> = vec![];
    let mut place = |x: &Tensor| {
        found.iter().position(|f| f.id() == x.id()).unwrap_or_else(|| {
            found.push(x.clone());
            found.len() - 1
        })
    };
    let places = xs.iter().map(&mut place).collect();
    (found, places)
}

/// The gradients given inside a graph of a node, as they stand in that graph.
pub(super) fn customs_of(customs: &[Custom], node: usize, name: &str) -> Vec<Custom> {
    let inside =
        customs.iter().filter(|c| c.path.first().is_some_and(|p| p.0 as usize == node && p.1 == name));
    inside.map(|c| Custom { path: c.path[1..].to_vec(), ..c.clone() }).collect()
}

fn of<'a>(values: &'a [SmallVec<[Tensor; 1]>], v: &Value) -> &'a Tensor {
    &values[v.node as usize][v.output as usize]
}
