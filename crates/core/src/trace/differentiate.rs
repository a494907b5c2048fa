//! A traced function under a tape: one entry with a forward program, which also returns what the backward needs, and a
//! backward program.
//!
//! The backward program is called like any other, so an outer tape records it, and its gradient is made the same way.
//! With `k` tapes recording, the forward keeps what the first `k` orders need; each order's backward only takes what the
//! forward kept.

use super::Custom;
use super::program::Program;
use super::replay::replay;
use crate::device::Results;
use crate::dim::Dim;
use crate::error::{Error, Place, Result};
use crate::graph::{Graph, Node, Value};
use crate::op::Attrs;
use crate::ops;
use crate::tape::{self, CallPullback, GradientTape};
use crate::tensor::Tensor;
use crate::variable::Variable;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

/// The forward and backward programs made so far for one program.
#[derive(Default)]
pub(crate) struct Derivatives(Mutex<Vec<(Wanted, Arc<Forward>)>>);

/// What gradients are wanted for, and to which order.
#[derive(Clone, PartialEq)]
struct Wanted {
    inputs: Vec<bool>,
    slots: Vec<bool>,
    order: u32,
}

/// The program with more outputs: what the backward needs.
struct Forward {
    program: Arc<Program>,
    /// The outputs of the function itself.
    own: usize,
    /// The output that holds each kept value.
    kept: FxHashMap<Value, usize>,
    /// How many outputs there are after each order; a cotangent mask of order `n` concerns the outputs before `levels[n]`.
    levels: Vec<usize>,
    wanted: Wanted,
    base: Arc<Program>,
    backward: Mutex<Vec<(Vec<bool>, Arc<Backward>)>>,
}

/// The gradient for one set of given cotangents.
struct Backward {
    program: Arc<Program>,
    operands: Vec<Operand>,
    /// For each input of the entry, and then for each variable that is followed, which result is its gradient.
    results: Vec<Option<usize>>,
}

/// Where an operand of the backward comes from.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Operand {
    Input(usize),
    /// A value of the forward graph.
    Value(Value),
    /// The cotangent of the output of this number.
    Cotangent(usize),
}

/// Runs `program` as one entry of the tapes that record.
pub(crate) fn call_recorded(program: &Arc<Program>, arguments: &[Tensor], at: Place) -> Result<Results> {
    let mut room = SmallVec::new();
    let inputs: Vec<Tensor> = program.inputs(arguments, &mut room).to_vec();
    let mut slots = vec![false; program.variables.len()];
    program.graph.nodes.iter().for_each(|n| n.each_read(&mut |slot| slots[slot] = true));
    slots.iter_mut().zip(&program.variables).for_each(|(wanted, v)| *wanted &= tape::follows(v));
    let wanted = Wanted {
        inputs: inputs.iter().map(|x| x.dtype().is_float() && tape::tracks(x)).collect(),
        slots,
        order: tape::depth(),
    };
    let forward = program.derivatives.forward(program, wanted, at)?;
    let mut outputs = forward.program.run(arguments).map_err(|e| e.at(at))?;
    // A tape tells tensors by identity: two outputs, or an input given back, must not be the same one.
    for i in 0..outputs.len() {
        let id = outputs[i].id();
        if inputs.iter().chain(&outputs[..i]).any(|x| x.id() == id) {
            outputs[i] = outputs[i].alias();
        }
    }
    let handles: Vec<Tensor> = forward.wanted.variables(&forward.base).map(tape::follow).collect();
    let sources: Vec<&Tensor> = inputs.iter().chain(&handles).collect();
    let (kept, entry) = ((inputs.clone(), outputs.clone()), forward.clone());
    let pullback: CallPullback = Rc::new(move |dys, so_far| entry.pull(&kept.0, &kept.1, dys, so_far, at));
    tape::record_call(program.name, &sources, &outputs, at, pullback);
    outputs.truncate(forward.own);
    Ok(outputs)
}

impl Wanted {
    /// The variables that are followed.
    fn variables<'a>(&'a self, program: &'a Program) -> impl Iterator<Item = &'a Variable> {
        program.variables.iter().zip(&self.slots).filter(|v| *v.1).map(|v| v.0)
    }
}

impl Derivatives {
    fn forward(&self, program: &Arc<Program>, wanted: Wanted, at: Place) -> Result<Arc<Forward>> {
        let made = || self.0.lock().unwrap_or_else(|p| p.into_inner());
        if let Some(found) = made().iter().find(|f| f.0 == wanted) {
            return Ok(found.1.clone());
        }
        let forward = Arc::new(Forward::make(program, wanted.clone(), at)?);
        made().push((wanted, forward.clone()));
        Ok(forward)
    }
}

impl Forward {
    fn make(base: &Arc<Program>, wanted: Wanted, at: Place) -> Result<Forward> {
        let (base, wanted) = keeping(base, wanted, at)?;
        let base = &base;
        let mut graph = base.graph.clone();
        let own = graph.outputs.len();
        let mut kept = FxHashMap::default();
        for (k, value) in base.graph.outputs.iter().enumerate() {
            kept.entry(*value).or_insert(k);
        }
        let mut levels = vec![graph.outputs.len()];
        for _ in 0..wanted.order {
            let mask = cotangent_mask(&graph, graph.outputs.len());
            let (_, operands, _) = derive(base, &wanted, &graph.outputs, &mask, at)?;
            for operand in operands {
                if let Operand::Value(value) = operand
                    && !kept.contains_key(&value)
                {
                    kept.insert(value, graph.outputs.len());
                    graph.outputs.push(value);
                }
            }
            levels.push(graph.outputs.len());
        }
        let mut program = Program::new(
            base.name,
            graph,
            base.captures.clone(),
            base.variables.clone(),
            vec![],
            base.device,
        );
        program.wishes = base.wishes;
        Ok(Forward {
            program: Arc::new(program),
            own,
            kept,
            levels,
            wanted,
            base: base.clone(),
            backward: Mutex::default(),
        })
    }
    /// Cotangents of the entry's outputs, and what its inputs (the variables last) have so far, to what they then have. What
    /// they have so far is taken as a cotangent of an output that is the input itself.
    fn pull(
        &self,
        inputs: &[Tensor],
        outputs: &[Tensor],
        dys: &[Option<Tensor>],
        so_far: &[Option<Tensor>],
        at: Place,
    ) -> Result<Vec<Option<Tensor>>> {
        let mut all: Vec<Option<Tensor>> = [dys, so_far].concat();
        let mask: Vec<bool> = all.iter().map(Option::is_some).collect();
        let backward = match self.backward(mask.clone(), at)? {
            Some(backward) => backward,
            None => {
                // What this set of cotangents needs was not kept: give zeros to the outputs that have none.
                let last = mask[..outputs.len()].iter().rposition(|m| *m).map_or(0, |i| i + 1);
                let upto = self.levels.iter().copied().find(|n| *n >= last).unwrap_or(outputs.len());
                let mut full = cotangent_mask(&self.program.graph, upto);
                full.resize(mask.len(), false);
                full.iter_mut().zip(&mask).for_each(|(f, m)| *f |= m);
                for (i, y) in outputs.iter().enumerate() {
                    if full[i] && all[i].is_none() {
                        all[i] = Some(ops::try_zeros_like(y)?);
                    }
                }
                let kept = self.backward(full, at)?;
                kept.ok_or_else(|| Error::internal(self.base.name, "a value was not kept"))?
            }
        };
        let operand = |o: &Operand| match o {
            Operand::Input(i) => Some(inputs[*i].clone()),
            Operand::Value(v) => self.kept.get(v).map(|k| outputs[*k].clone()),
            Operand::Cotangent(k) => all[*k].clone(),
        };
        let operands: Option<Vec<Tensor>> = backward.operands.iter().map(operand).collect();
        let operands = operands.ok_or_else(|| Error::internal(self.base.name, "a value was not kept"))?;
        let grads = backward.program.call(&operands, at)?;
        Ok(backward.results.iter().map(|r| r.map(|r| grads[r].clone())).collect())
    }
    /// The backward for these cotangents, `None` if it needs a value that was not kept.
    fn backward(&self, mask: Vec<bool>, at: Place) -> Result<Option<Arc<Backward>>> {
        let made = || self.backward.lock().unwrap_or_else(|p| p.into_inner());
        if let Some(found) = made().iter().find(|b| b.0 == mask) {
            return Ok(Some(found.1.clone()));
        }
        let (program, operands, results) =
            derive(&self.base, &self.wanted, &self.program.graph.outputs, &mask, at)?;
        let has = |o: &Operand| !matches!(o, Operand::Value(v) if !self.kept.contains_key(v));
        if !operands.iter().all(has) {
            return Ok(None);
        }
        let backward = Arc::new(Backward { program: Arc::new(program), operands, results });
        made().push((mask, backward.clone()));
        Ok(Some(backward))
    }
}

/// The program with results for the gradient at each node that has graphs; the program itself if it has none such.
fn keeping(base: &Arc<Program>, wanted: Wanted, at: Place) -> Result<(Arc<Program>, Wanted)> {
    let graph = &base.graph;
    if graph.nodes.iter().all(|n| n.graphs().next().is_none()) {
        return Ok((base.clone(), wanted));
    }
    let metas = graph.inputs.iter().map(|v| graph.meta(*v).clone());
    let arguments: Vec<_> = graph.input_names.iter().cloned().zip(metas).collect();
    let body = |xs: &[Tensor]| {
        let tapes: Vec<GradientTape> = (0..wanted.order).map(|_| GradientTape::without_variables()).collect();
        for tape in &tapes {
            xs.iter().zip(&wanted.inputs).filter(|x| *x.1).for_each(|x| tape.watch(x.0));
            wanted.variables(base).for_each(|v| tape.watch_variable(v));
        }
        Ok(replay(base, xs)?.outputs)
    };
    let traced = super::apart(|| {
        tape::isolated(|| super::trace_at(at, &graph.name, base.device, &arguments, body, Vec::clone))
    })?;
    // The arguments were all inputs, captures too. The slots of variables are this trace's.
    let captures = base.captures.iter().chain(&traced.captures).cloned().collect();
    let super::Traced { graph, variables, customs, .. } = traced;
    let followed: Vec<u64> = wanted.variables(base).map(Variable::id).collect();
    let slots = variables.iter().map(|v| followed.contains(&v.id())).collect();
    let mut made = Program::new(base.name, graph, captures, variables, customs, base.device);
    made.wishes = base.wishes;
    Ok((Arc::new(made), Wanted { slots, ..wanted }))
}

/// Every float output below `upto`.
fn cotangent_mask(graph: &Graph, upto: usize) -> Vec<bool> {
    let wanted = |(i, v): (usize, &Value)| i < upto && graph.meta(*v).dtype.is_float();
    graph.outputs.iter().enumerate().map(wanted).collect()
}

/// The gradient of the values `outputs` of `base`, with cotangents where `mask` says, as a program of its own: what it
/// takes, and which of its results belongs to each input and followed variable.
fn derive(
    base: &Arc<Program>,
    wanted: &Wanted,
    outputs: &[Value],
    mask: &[bool],
    at: Place,
) -> Result<(Program, Vec<Operand>, Vec<Option<usize>>)> {
    let graph = &base.graph;
    let mut arguments: Vec<(String, crate::shape::Meta)> = graph
        .inputs
        .iter()
        .zip(&graph.input_names)
        .map(|(v, n)| (n.clone(), graph.meta(*v).clone()))
        .collect();
    let given: Vec<usize> = (0..mask.len()).filter(|i| mask[*i]).collect();
    // Cotangents of the outputs, then of the inputs themselves, then of the variables.
    let n = graph.inputs.len();
    let target = |i: usize| outputs.get(i).or_else(|| graph.inputs.get(i - outputs.len())).copied();
    let handles: Vec<Tensor> = wanted.variables(base).map(|v| v.handle().clone()).collect();
    let handle = |i: usize| &handles[i - outputs.len() - n];
    arguments.extend(given.iter().map(|i| {
        let meta = target(*i).map_or_else(|| handle(*i).meta(), |v| graph.meta(v));
        (format!("d_output_{i}"), meta.clone())
    }));

    struct Body {
        /// The replayed values and where the forward part ends.
        values: Vec<SmallVec<[Tensor; 1]>>,
        end: usize,
        grads: Vec<Option<Tensor>>,
    }
    let body = |symbols: &[Tensor]| {
        let (xs, dys) = symbols.split_at(n);
        let tape = GradientTape::without_variables();
        let mut sources: Vec<Tensor> = vec![];
        let mut watch = |x: &Tensor| {
            tape.watch(x);
            sources.push(x.clone());
        };
        xs.iter().zip(&wanted.inputs).filter(|x| *x.1).for_each(|x| watch(x.0));
        handles.iter().for_each(&mut watch);
        let replayed = replay(base, xs)?;
        let end = super::node_count();
        let value = |v: &Value| replayed.values[v.node as usize][v.output as usize].clone();
        let target = |i: usize| target(i).map_or_else(|| handle(i).clone(), |v| value(&v));
        // An eager run adds what results have to what there is so far, and what derivatives of a higher order have before that.
        let own = base.graph.outputs.len();
        let mut order: Vec<usize> = (0..given.len()).collect();
        order.sort_by_key(|k| if given[*k] < own { 2 } else { usize::from(given[*k] < outputs.len()) });
        let targets: Vec<Tensor> = order.iter().map(|k| target(given[*k])).collect();
        let dys: Vec<Tensor> = order.iter().map(|k| dys[*k].clone()).collect();
        let grads = tape::gradients_or_none(&tape, &targets, &dys, &sources)?;
        Ok(Body { values: replayed.values, end, grads })
    };
    let traced = super::apart(|| {
        tape::isolated(|| {
            let name = format!("{} gradient", graph.name);
            super::trace_at(at, &name, base.device, &arguments, body, |b| {
                b.grads.iter().flatten().cloned().collect()
            })
        })
    })?;

    let mut origin: FxHashMap<Value, Value> = FxHashMap::default();
    for (i, values) in traced.result.values.iter().enumerate() {
        for (k, x) in values.iter().enumerate() {
            if let Some(symbol) = x.symbol() {
                origin.entry(symbol.value).or_insert(Value { node: i as u32, output: k as u32 });
            }
        }
    }
    let mut part = Part {
        whole: &traced.graph,
        end: traced.result.end as u32,
        // Gradients given for parts of the backward, for the next order.
        customs: traced.customs.iter().filter(|c| c.node() >= traced.result.end as u32).collect(),
        origin: &origin,
        given: &given,
        arguments: n,
        made: Graph {
            name: traced.graph.name.clone(),
            variables: traced.graph.variables.clone(),
            ..Graph::default()
        },
        moved: FxHashMap::default(),
        operands: vec![],
        captured: vec![],
    };
    part.run()?;
    let captures: Vec<Tensor> = part.captured.iter().map(|i| traced.captures[*i].clone()).collect();
    // Captures come after the operands among the inputs.
    let (made, operands, customs) = part.finish();
    let mut next = 0;
    let mut grads = traced.result.grads.iter().map(|g| {
        g.as_ref().map(|_| {
            next += 1;
            next - 1
        })
    });
    let mut results: Vec<Option<usize>> = vec![];
    for wanted in &wanted.inputs {
        results.push(if *wanted { grads.next().flatten() } else { None });
    }
    results.extend(grads);
    let mut program = Program::new(base.name, made, captures, traced.variables, customs, base.device);
    program.wishes = base.wishes;
    Ok((program, operands, results))
}

/// Cuts the backward part out of a graph that holds both.
struct Part<'a> {
    whole: &'a Graph,
    /// The nodes from here on are the backward's.
    end: u32,
    customs: Vec<&'a Custom>,
    /// The value of the forward graph that a value of the whole one replays.
    origin: &'a FxHashMap<Value, Value>,
    given: &'a [usize],
    arguments: usize,
    made: Graph,
    moved: FxHashMap<Value, Value>,
    operands: Vec<Operand>,
    captured: Vec<usize>,
}

impl Part<'_> {
    fn run(&mut self) -> Result<()> {
        let whole = self.whole;
        let mut used = vec![false; whole.nodes.len()];
        whole.outputs.iter().for_each(|v| used[v.node as usize] = true);
        for i in (self.end as usize..whole.nodes.len()).rev() {
            if used[i] || !whole.nodes[i].effect().droppable() {
                used[i] = true;
                whole.nodes[i].inputs.iter().for_each(|v| used[v.node as usize] = true);
                let customs = self.customs.iter().filter(|c| c.node() as usize == i);
                customs
                    // What is inside a node is no value of this graph.
                    .filter(|c| c.path.is_empty())
                    .flat_map(|c| c.inputs.iter().chain(&c.operands))
                    .for_each(|v| used[v.node as usize] = true);
            }
        }
        self.customs.retain(|c| used[c.node() as usize]);
        // Inputs first, in three groups, because a graph's captures stand after its arguments.
        let needed: Vec<Value> = (0..whole.nodes.len())
            .filter(|i| used[*i])
            .flat_map(|i| {
                let own = i as u32 >= self.end && *whole.nodes[i].op != ops::INPUT;
                let ins: Vec<Value> = if own { whole.nodes[i].inputs.to_vec() } else { vec![] };
                ins
            })
            .chain(whole.outputs.iter().copied())
            .chain(
                self.customs
                    .iter()
                    .filter(|c| c.path.is_empty())
                    .flat_map(|c| c.inputs.iter().chain(&c.operands).copied()),
            )
            .collect();
        let needed = self.sized(needed, &used);
        for captures in [false, true] {
            for v in &needed {
                self.boundary(*v, captures)?;
            }
        }
        for i in 0..whole.nodes.len() as u32 {
            let node = whole.node(i);
            let constant = *node.op == ops::CONSTANT;
            if !used[i as usize] || *node.op == ops::INPUT || !(constant || i >= self.end) {
                continue;
            }
            let inputs =
                node.inputs.iter().map(|v| self.moved.get(v).copied()).collect::<Option<SmallVec<_>>>();
            let inputs = inputs.ok_or_else(|| Error::internal("gradient", "an operand was lost"))?;
            let made = self.made.push(Node { inputs, ..node.clone() });
            for output in 0..node.outputs.len() as u32 {
                self.moved.insert(Value { node: i, output }, Value { node: made, output });
            }
        }
        let outputs = whole.outputs.iter().map(|v| self.moved.get(v).copied()).collect::<Option<Vec<_>>>();
        self.made.outputs = outputs.ok_or_else(|| Error::internal("gradient", "a result was lost"))?;
        Ok(())
    }
    /// With what the part needs for its size alone, and has not otherwise.
    fn sized(&self, mut needed: Vec<Value>, used: &[bool]) -> Vec<Value> {
        let whole = self.whole;
        // Values of the part itself have their sizes from outside too, unless it makes them.
        let given = |v: &Value| v.node < self.end || *whole.node(v.node).op == ops::INPUT;
        let has =
            |needed: &[Value], d: Dim| needed.iter().any(|v| given(v) && whole.meta(*v).shape.contains(&d));
        let own = (self.end as usize..whole.nodes.len()).filter(|i| used[*i]).map(|i| &whole.nodes[i]);
        for node in own.filter(|n| n.attrs.are_run_time()) {
            node.attrs.each_run_time_size(&mut |d| {
                if let Some(v) = whole.maker_of(d).filter(|_| !has(&needed, d)) {
                    needed.push(v);
                }
            });
        }
        needed
    }
    /// Makes the value an input, if it is not computed in this part.
    fn boundary(&mut self, v: Value, captures: bool) -> Result<()> {
        let node = self.whole.node(v.node);
        if self.moved.contains_key(&v) || *node.op == ops::CONSTANT {
            return Ok(());
        }
        let index = (*node.op == ops::INPUT).then(|| node.attrs.int("index") as usize);
        let dys = self.arguments..self.arguments + self.given.len();
        let operand = match index {
            Some(i) if i < dys.start => Operand::Input(i),
            Some(i) if i < dys.end => Operand::Cotangent(self.given[i - dys.start]),
            Some(i) => {
                if captures {
                    self.captured.push(i - dys.end);
                    self.input(v, i);
                }
                return Ok(());
            }
            None if v.node >= self.end => return Ok(()),
            None => match self.origin.get(&v) {
                Some(value) => Operand::Value(*value),
                None => return Err(Error::internal("gradient", "a value of the forward part is not known")),
            },
        };
        if !captures {
            self.operands.push(operand);
            let name = self.operands.len() - 1;
            self.input(v, name);
        }
        Ok(())
    }
    fn input(&mut self, v: Value, name: usize) {
        let meta = self.whole.meta(v).clone();
        let node = self.whole.node(v.node);
        let attrs = Attrs::new()
            .with("index", self.made.inputs.len())
            .with("dtype", meta.dtype)
            .with("shape", &meta.shape);
        let made = self.made.push(Node {
            op: &ops::INPUT,
            inputs: SmallVec::new(),
            attrs,
            outputs: SmallVec::from_elem(meta, 1),
            at: node.at,
            scope: "",
            backward: true,
        });
        let value = Value { node: made, output: 0 };
        self.made.inputs.push(value);
        self.made.input_names.push(format!("operand_{name}"));
        self.moved.insert(v, value);
    }
    fn finish(self) -> (Graph, Vec<Operand>, Vec<Custom>) {
        let Part { made, operands, customs, moved, .. } = self;
        let all = |values: &[Value]| values.iter().map(|v| moved.get(v).copied()).collect::<Option<Vec<_>>>();
        let moved_node = |node: u32| moved.iter().find(|(v, _)| v.node == node).map(|(_, to)| to.node);
        let customs = customs.iter().filter_map(|c| {
            if let Some((node, name)) = c.path.first() {
                let moved = moved_node(*node)?;
                let path = std::iter::once((moved, *name)).chain(c.path[1..].iter().copied()).collect();
                return Some(Custom { path, ..(*c).clone() });
            }
            let (inputs, own, output) = (all(&c.inputs)?, all(&c.operands)?, *moved.get(&c.output)?);
            Some(Custom { inputs, operands: own, output, ..(*c).clone() })
        });
        (made, operands, customs.collect())
    }
}
