//! The gradients of nodes with graphs.
//!
//! A node that a tape follows is made with more results: what each turn of a loop began with, and what effects inside gave
//! (reads of variables, random streams), because they are not done again. Its gradient is a node of the same kind. That of an
//! `if` computes the taken side again and goes back through it; that of a `while` takes the stacks of the forward loop from the
//! last row to the first. What a tensor has so far goes in, so that cotangents are added in the order of an eager run.

use super::context::{self, Custom};
use super::flow::{self, Draft, Loop, OpenSub, Sub, append};
use super::flow_keeps::kept_nodes;
use super::flow_reads::{Held, Steady};
use super::replay::Replay;
use crate::dim::Dim;
use crate::door;
use crate::error::{Error, Place, Result};
use crate::graph::{Graph, Node, Value};
use crate::op::Attrs;
use crate::ops;
use crate::shape::{Meta, Shape};
use crate::tape::{self, CallPullback, GradientTape};
use crate::tensor::{Scalar, Tensor};
use crate::variable::Variable;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use std::cell::RefCell;
use std::rc::Rc;

/// Makes a node with graphs: its results.
pub(super) fn make(draft: Draft, at: Place) -> Result<Vec<Tensor>> {
    let Some(followed) = Followed::by_tapes(&draft)? else { return append(&draft, at) };
    // A replayed node may have been made for a gradient already.
    let steady = Steady::of(&draft)?;
    let held = Held::now(&draft, &steady, &followed.variables);
    let draft = if draft.attrs.int("kept") > 0 { draft } else { keeping(draft, &steady)? };
    let outputs = append(&draft, at)?;
    followed.record(draft, steady, held, &outputs, at)?;
    Ok(outputs)
}

/// Tells the tapes of a node whose results are kept, without making it.
pub(super) fn recall(draft: Draft, outputs: &[Tensor], at: Place) -> Result<()> {
    match Followed::by_tapes(&draft)? {
        Some(followed) => {
            let steady = Steady::of(&draft)?;
            let held = Held::now(&draft, &steady, &followed.variables);
            followed.record(draft, steady, held, outputs, at)
        }
        None => Ok(()),
    }
}

/// What tapes follow of a node.
struct Followed {
    /// Variables that are read inside.
    read: Vec<Variable>,
    variables: Vec<Variable>,
}

impl Followed {
    /// Which operands tapes depend on.
    fn wanted(draft: &Draft) -> Vec<bool> {
        draft.operands.iter().map(|x| x.dtype().is_float() && tape::tracks(x)).collect()
    }
    fn by_tapes(draft: &Draft) -> Result<Option<Followed>> {
        if !tape::is_recording() {
            return Ok(None);
        }
        let variables = context::function_variables()?;
        let read = read_inside(draft, &variables).into_iter().filter(tape::follows).collect::<Vec<_>>();
        let any = !read.is_empty() || Followed::wanted(draft).contains(&true);
        Ok(any.then_some(Followed { read, variables }))
    }
    fn record(self, draft: Draft, steady: Steady, held: Held, outputs: &[Tensor], at: Place) -> Result<()> {
        let handles: Vec<Tensor> = self.read.iter().map(tape::follow).collect();
        let operands = draft.operands.clone();
        let sources: Vec<&Tensor> = operands.iter().chain(&handles).collect();
        let name = draft.op.name;
        let mut wanted = Followed::wanted(&draft);
        wanted.extend(handles.iter().map(|_| true));
        let made = Made {
            draft,
            steady,
            held,
            wanted,
            handles: handles.clone(),
            variables: self.variables,
            outputs: outputs.to_vec(),
        };
        let pullback: CallPullback = Rc::new(move |dys, so_far| made.pull(dys, so_far));
        tape::record_call(name, &sources, outputs, at, pullback);
        Ok(())
    }
}

/// The variables that the graphs of a node read.
fn read_inside(draft: &Draft, variables: &[Variable]) -> Vec<Variable> {
    let mut slots = vec![];
    for (_, graph) in draft.attrs.graphs() {
        graph.nodes.iter().for_each(|n| n.each_read(&mut |slot| slots.push(slot)));
    }
    slots.sort_unstable();
    slots.dedup();
    slots.into_iter().map(|s| variables[s].clone()).collect()
}

fn customs_of(draft: &Draft, name: &str) -> Vec<Custom> {
    draft.customs.iter().filter(|c| c.0 == name).map(|c| c.1.clone()).collect()
}

/// The node with results for its gradient.
fn keeping(draft: Draft, steady: &Steady) -> Result<Draft> {
    let variables = &context::function_variables()?;
    let kept_graph =
        |name, operands: &[Tensor], begins| kept_graph(&draft, name, operands, (variables, steady), begins);
    if *draft.op == ops::IF {
        let operands = &draft.operands[1..];
        let (mut then, own, a) = kept_graph("then", operands, 0)?;
        let (mut otherwise, _, b) = kept_graph("otherwise", operands, 0)?;
        // The side that is not taken has nothing to keep.
        let from = then.graph.outputs.len();
        let metas: Vec<Meta> =
            otherwise.graph.outputs[own..].iter().map(|v| otherwise.graph.meta(*v).clone()).collect();
        let zeros: Vec<Value> = metas.iter().map(|m| push_fill(&mut then.graph, m, operands, 0.0)).collect();
        then.graph.outputs.extend(zeros);
        let metas: Vec<Meta> =
            then.graph.outputs[own..from].iter().map(|v| then.graph.meta(*v).clone()).collect();
        let zeros: Vec<Value> =
            metas.iter().map(|m| push_fill(&mut otherwise.graph, m, operands, 0.0)).collect();
        otherwise.graph.outputs.splice(own..own, zeros);
        return Ok(flow::draft_if(&draft.operands[0], operands, then, otherwise, a + b));
    }
    let attrs = &draft.attrs;
    let (carried, rows) = (attrs.int("carried") as usize, attrs.int("rows") as usize);
    let (whole, stacks) = draft.operands.split_at(draft.operands.len() - rows);
    let (condition, ..) = kept_graph("condition", whole, 0)?;
    let condition = Sub {
        graph: Graph { outputs: condition.graph.outputs[..1].to_vec(), ..condition.graph },
        ..condition
    };
    let inputs: Vec<Tensor> = whole.iter().chain(stacks).cloned().collect();
    let (body, _, kept) = kept_graph("body", &inputs, carried)?;
    let made = Loop {
        initial: &whole[..carried],
        stays: &whole[carried..],
        rows: stacks,
        reverse: attrs.bool("reverse"),
        trips: known(attrs.shape("trips")[0]),
        kept,
    };
    Ok(flow::draft_while(&made, condition, body))
}

/// The number of turns, if it is one that has a name or a value before the loop.
pub(super) fn known(trips: Dim) -> Option<Dim> {
    (trips.name() != Some(ops::RUN_TIME_DIM)).then_some(trips)
}

/// One graph of a node again, with `more` results, and then those of its effects; how many results it had, and how many
/// there are more.
fn kept_graph(
    draft: &Draft,
    name: &'static str,
    operands: &[Tensor],
    (variables, steady): (&[Variable], &Steady),
    begins: usize,
) -> Result<(Sub, usize, usize)> {
    let graph = draft.attrs.graph(name);
    let rows = if name == "body" { draft.attrs.int("rows") as usize } else { 0 };
    let carried = if *draft.op == ops::WHILE { draft.attrs.int("carried") as usize } else { 0 };
    let outside = metas_of(operands, rows);
    let arguments = named(
        graph,
        outside.iter().enumerate().map(|(k, meta)| match k < carried {
            true => flow::inside(graph, k, meta, meta),
            false => meta.clone(),
        }),
    );
    let customs = customs_of(draft, name);
    let (orders, keeps) = (tape::depth(), tape::keeps());
    tape::isolated(|| {
        let open = OpenSub::begin(&graph.name, &arguments)?;
        let _inside = steady.inside();
        // Everything is followed here, to the same order, so that nodes inside keep what they must.
        let tapes: Vec<GradientTape> = (0..orders).map(|_| GradientTape::without_variables()).collect();
        for tape in &tapes {
            if !keeps {
                tape.recompute_loops();
            }
            open.arguments.iter().filter(|x| x.dtype().is_float()).for_each(|x| tape.watch(x));
            read_inside(draft, variables).iter().for_each(|v| tape.watch_variable(v));
        }
        let replay = Replay {
            graph,
            inputs: &open.arguments,
            variables,
            customs: &customs,
            given: None,
            anew: true,
            sizes: RefCell::default(),
        };
        let replayed = replay.run()?;
        let mut results = replayed.outputs.clone();
        let own = results.len();
        results.extend(open.arguments[..begins].iter().cloned());
        let float = |x: &Tensor| x.dtype().is_float();
        // An `if` would have to fill what the other side has kept.
        let dear = if keeps && name == "body" { kept_nodes(graph) } else { vec![false; graph.nodes.len()] };
        for ((node, values), dear) in graph.nodes.iter().zip(&replayed.values).zip(dear) {
            // A derivative of a higher order goes back through what the lower one used: one value of it, not two.
            let shared =
                orders > 1 && !node.is(&ops::INPUT) && !node.is(&ops::CONSTANT) && values.iter().any(float);
            if shared || dear || !steady.again(node) {
                results.extend(values.iter().cloned());
            }
        }
        if name == "body" {
            // Rows of different sizes are stacked with what they need beside: how long they are.
            let uneven: Vec<(Tensor, usize)> = results[own..]
                .iter()
                .flat_map(|x| uneven(x.meta(), &outside).into_iter().map(|axis| (x.clone(), axis)))
                .collect();
            for (x, axis) in uneven {
                results.push(length(&x, axis)?);
            }
        }
        let count = results.len() - own;
        Ok((open.end(&results)?, own, count))
    })
}

/// The axes whose sizes a turn of a loop decides: they may differ from turn to turn.
fn uneven(meta: &Meta, outside: &[Meta]) -> Vec<usize> {
    let given = |d: &Dim| outside.iter().any(|m| m.shape.iter().any(|o| o == d));
    let axes = meta.shape.iter().enumerate().filter(|(_, d)| d.is_run_time() && !given(d));
    axes.map(|(axis, _)| axis).collect()
}

/// Ones along an axis. They come from the elements and not from the name of the size, which a pass may drop with what has it.
fn along(x: &Tensor, axis: usize) -> Result<Tensor> {
    let others: Vec<i64> = (0..x.rank() as i64).filter(|k| *k != axis as i64).collect();
    let any = x.try_equal(x)?.try_logical_or(&x.try_not_equal(x)?)?;
    any.try_reduce_all(others.as_slice(), false)?.try_cast(crate::DType::I32)
}

/// The size of an axis.
fn length(x: &Tensor, axis: usize) -> Result<Tensor> {
    along(x, axis)?.try_reduce_sum(.., false)
}

/// Rows of stacks as long as they were before they were stacked, by the lengths that were kept with them.
struct Evened<'a> {
    graph: &'a Graph,
    /// What is known before the loop.
    outside: Vec<Meta>,
    /// For each size that may differ from turn to turn, where the elements are.
    places: FxHashMap<Dim, Tensor>,
}

impl<'a> Evened<'a> {
    /// `rows` stand for the results of the graph from there on; the last of them are the lengths.
    fn of(graph: &'a Graph, outside: Vec<Meta>, from: usize, rows: &mut [Tensor]) -> Result<Evened<'a>> {
        let mut made = Evened { graph, outside, places: FxHashMap::default() };
        let uneven: Vec<(usize, usize, Dim)> = (from..graph.outputs.len())
            .flat_map(|k| made.axes(k).map(move |(axis, d)| (k, axis, d)))
            .collect();
        let lengths = rows[rows.len() - uneven.len()..].to_vec();
        for ((k, axis, dim), length) in uneven.iter().zip(&lengths) {
            // What was one size is one size again.
            if !made.places.contains_key(dim) {
                let numbers = along(&rows[k - from], *axis)?.try_cumsum(0, true, false)?;
                made.places.insert(*dim, numbers.try_less(length)?.try_where_true()?.try_squeeze(1)?);
            }
            rows[k - from] = rows[k - from].try_gather(&made.places[dim], *axis as i64)?;
        }
        Ok(made)
    }
    fn axes(&self, result: usize) -> impl Iterator<Item = (usize, Dim)> + use<> {
        let meta = self.graph.meta(self.graph.outputs[result]);
        uneven(meta, &self.outside)
            .into_iter()
            .map(|axis| (axis, meta.shape[axis]))
            .collect::<Vec<_>>()
            .into_iter()
    }
    /// A row of the cotangent of a stack, as long as the row of the stack.
    fn cotangent(&self, result: usize, mut dy: Tensor) -> Result<Tensor> {
        for (axis, dim) in self.axes(result) {
            if let Some(there) = self.places.get(&dim) {
                dy = dy.try_gather(there, axis as i64)?;
            }
        }
        Ok(dy)
    }
}

/// What operands are inside; the last `rows` are taken by rows.
fn metas_of(operands: &[Tensor], rows: usize) -> Vec<Meta> {
    let whole = operands.len() - rows;
    let meta = |(k, x): (usize, &Tensor)| if k < whole { x.meta().clone() } else { flow::row_meta(x) };
    operands.iter().enumerate().map(meta).collect()
}

fn named(graph: &Graph, metas: impl IntoIterator<Item = Meta>) -> Vec<(String, Meta)> {
    graph.input_names.iter().cloned().zip(metas).collect()
}

/// A tensor full of one number at the end of a graph. A size that is not known among the operands is 0: it belongs to
/// something that did not happen.
fn push_fill(graph: &mut Graph, meta: &Meta, operands: &[Tensor], number: f64) -> Value {
    let here = |d: &Dim| !d.is_run_time() || operands.iter().any(|x| x.shape().iter().any(|o| o == d));
    let shape: Shape = meta.shape.iter().map(|d| if here(d) { *d } else { Dim::from(0) }).collect();
    let (at, backward) = door::here();
    let mut push = |op, inputs: &[Value], attrs, shape: &Shape| {
        let outputs = SmallVec::from_elem(Meta::new(meta.dtype, shape), 1);
        let node = Node { op, inputs: inputs.into(), attrs, outputs, at, scope: "", backward };
        Value { node: graph.push(node), output: 0 }
    };
    let scalar = scalar(meta, number);
    let one = push(&ops::CONSTANT, &[], Attrs::new().with("value", scalar), &Shape::scalar());
    match shape.rank() {
        0 => one,
        _ => push(&ops::BROADCAST_TO, &[one], Attrs::new().with("shape", &shape), &shape),
    }
}

fn scalar(meta: &Meta, number: f64) -> Tensor {
    match meta.dtype {
        crate::DType::Bool => Scalar::Bool(number != 0.0).tensor(meta.dtype),
        dtype if dtype.is_float() => Scalar::Float(number).tensor(dtype),
        dtype => Scalar::Int(number as i128).tensor(dtype),
    }
}

/// What adding to changes no bit: the gradient of what the run turns out not to use.
fn nothing(meta: &Meta) -> Result<Tensor> {
    scalar(meta, -0.0).try_broadcast_to(&meta.shape)
}

/// A gradient in the shape of what it is of: a loop that may change a size does not know the first one.
fn like(grad: Tensor, meta: &Meta) -> Result<Tensor> {
    match grad.shape() == &meta.shape || !meta.shape.is_known() {
        true => Ok(grad),
        false => grad.try_reshape(&meta.shape),
    }
}

/// A node as it was made.
struct Made {
    draft: Draft,
    steady: Steady,
    held: Held,
    /// Which operands, and then which variables, a tape follows.
    wanted: Vec<bool>,
    /// The variables that a tape follows.
    handles: Vec<Tensor>,
    /// All of the function.
    variables: Vec<Variable>,
    outputs: Vec<Tensor>,
}

type Grads = Vec<Option<Tensor>>;

/// A way back through one graph.
struct Way<'a> {
    name: &'static str,
    inputs: &'a [Tensor],
    /// Values that are not computed again.
    given: FxHashMap<Value, Tensor>,
    /// Cotangents of the graph's results.
    seeds: Vec<(usize, Tensor)>,
    /// What tensors have so far.
    so_far: Vec<(Tensor, Tensor)>,
    sources: &'a [Tensor],
}

impl Made {
    fn pull(&self, dys: &[Option<Tensor>], so_far: &[Option<Tensor>]) -> Result<Grads> {
        let at = door::here().0;
        let _given = self.held.given();
        match *self.draft.op == ops::IF {
            true => self.pull_if(dys, so_far, at),
            false => self.pull_while(dys, so_far, at),
        }
    }
    /// Goes back through a graph whose forward part is computed again, in the innermost trace.
    fn back(&self, way: Way<'_>) -> Result<Grads> {
        let graph = self.draft.attrs.graph(way.name);
        let customs = customs_of(&self.draft, way.name);
        let tape = GradientTape::without_variables();
        way.sources.iter().for_each(|x| tape.watch(x));
        let (inputs, variables) = (way.inputs, &self.variables);
        let replay = Replay {
            graph,
            inputs,
            variables,
            customs: &customs,
            given: Some((&way.given, &self.steady)),
            anew: false,
            sizes: RefCell::default(),
        };
        let replayed = replay.run()?;
        // An eager run adds what comes out of a construct to what there is so far, and a higher derivative before that.
        let (mut targets, mut dys) = (vec![], vec![]);
        for (x, so_far) in way.so_far {
            targets.push(x);
            dys.push(so_far);
        }
        let own = replayed.outputs.len() - self.draft.attrs.int("kept") as usize;
        let (results, kept): (Vec<_>, Vec<_>) = way.seeds.into_iter().partition(|(k, _)| *k < own);
        for (k, dy) in kept.into_iter().chain(results) {
            targets.push(replayed.outputs[k].clone());
            dys.push(dy);
        }
        tape::gradients_or_none(&tape, &targets, &dys, way.sources)
    }
    /// The values of a graph that were kept, with the tensors that they are.
    fn kept(&self, name: &str, kept: impl IntoIterator<Item = Tensor>) -> FxHashMap<Value, Tensor> {
        let outputs = &self.draft.attrs.graph(name).outputs;
        let from = outputs.len() - self.draft.attrs.int("kept") as usize;
        outputs[from..].iter().copied().zip(kept).collect()
    }
    fn pull_if(&self, dys: &[Option<Tensor>], so_far: &[Option<Tensor>], at: Place) -> Result<Grads> {
        let operands = &self.draft.operands[1..];
        let n = operands.len();
        let from = self.outputs.len() - self.draft.attrs.int("kept") as usize;
        let side = |name: &'static str| {
            let graph = self.draft.attrs.graph(name);
            tape::isolated(|| {
                let arguments = named(graph, metas_of(operands, 0));
                let open = OpenSub::begin(&format!("{name} gradient"), &arguments)?;
                let all: Vec<Tensor> = open.arguments.iter().chain(&self.handles).cloned().collect();
                let wanted = &self.wanted[1..];
                let sources: Vec<Tensor> =
                    all.iter().zip(wanted).filter(|w| *w.1).map(|w| w.0.clone()).collect();
                let way = Way {
                    name,
                    inputs: &open.arguments,
                    given: self.kept(name, self.outputs[from..].iter().cloned()),
                    seeds: seeds(dys),
                    so_far: all
                        .iter()
                        .zip(&so_far[1..])
                        .filter_map(|(x, s)| Some((x.clone(), s.clone()?)))
                        .collect(),
                    sources: &sources,
                };
                let mut found = self.back(way)?.into_iter();
                let grads: Grads =
                    wanted.iter().map(|w| if *w { found.next().flatten() } else { None }).collect();
                let results: Vec<Tensor> = grads.iter().flatten().cloned().collect();
                let has: Vec<bool> = grads.iter().map(Option::is_some).collect();
                let mut sub = open.end(&results)?;
                self.held.put(&mut sub)?;
                Ok::<_, Error>((sub, has))
            })
        };
        let ((mut then, a), (mut otherwise, b)) = (side("then")?, side("otherwise")?);
        let metas: Vec<&Meta> = operands.iter().chain(&self.handles).map(Tensor::meta).collect();
        complete(&mut then, &a, &b, &metas, operands);
        complete(&mut otherwise, &b, &a, &metas, operands);
        let any: Vec<bool> = a.iter().zip(&b).map(|(a, b)| *a || *b).collect();
        if !any.contains(&true) {
            return Ok(vec![None; 1 + n + self.handles.len()]);
        }
        let draft = flow::draft_if(&self.draft.operands[0], operands, then, otherwise, 0);
        let mut results = make(draft, at)?.into_iter();
        let grads = any.iter().map(|has| if *has { results.next() } else { None });
        Ok(std::iter::once(None).chain(grads).collect())
    }
    fn pull_while(&self, dys: &[Option<Tensor>], so_far: &[Option<Tensor>], at: Place) -> Result<Grads> {
        let attrs = &self.draft.attrs;
        let (carried, rows) = (attrs.int("carried") as usize, attrs.int("rows") as usize);
        let n = self.draft.operands.len();
        let sources: Vec<&Tensor> = self.draft.operands.iter().chain(&self.handles).collect();
        let groups = Groups::of(&sources, carried..n - rows);
        let so_far = &groups.moved(so_far);
        // Which carried values, and which of what stays, have a cotangent: more may get one when a turn is gone through.
        let mut found = Found {
            carried: (0..carried).map(|k| dys[k].is_some()).collect(),
            stays: (carried..n - rows).chain(n..so_far.len()).map(|k| so_far[k].is_some()).collect(),
            rows: vec![false; rows],
        };
        let (body, found) = loop {
            let (body, next) = self.turn_back(dys, &found)?;
            if next == found {
                break (body, found);
            }
            found = next;
        };
        let operand = |k: usize| if k < n { &self.draft.operands[k] } else { &self.handles[k - n] };
        let places: Vec<usize> = (carried..n - rows).chain(n..so_far.len()).collect();
        let mut initial = vec![];
        for k in (0..carried).filter(|k| found.carried[*k]) {
            initial.push(match &dys[k] {
                Some(dy) => dy.clone(),
                None => nothing(self.outputs[k].meta())?,
            });
        }
        for (k, has) in places.iter().zip(&found.stays).filter(|p| *p.1) {
            let _ = has;
            initial.push(match &so_far[*k] {
                Some(so_far) => so_far.clone(),
                None => nothing(operand(*k).meta())?,
            });
        }
        let mut grads: Grads = vec![None; n + self.handles.len()];
        if initial.is_empty() && !found.rows.contains(&true) {
            return Ok(grads);
        }
        let stacks = self.stacks(dys);
        let stays = &self.draft.operands[carried..n - rows];
        let trips = known(attrs.shape("trips")[0])
            .or_else(|| stacks.first().and_then(|s| s.shape().first().copied()));
        let metas: Vec<(String, Meta)> = initial
            .iter()
            .chain(stays)
            .enumerate()
            .map(|(k, x)| (format!("value_{k}"), x.meta().clone()))
            .collect();
        let condition = tape::isolated(|| {
            let open = OpenSub::begin("condition", &metas)?;
            open.end(&[crate::constant(true)])
        })?;
        let made =
            Loop { initial: &initial, stays, rows: &stacks, reverse: !attrs.bool("reverse"), trips, kept: 0 };
        let mut results = make(flow::draft_while(&made, condition, body), at)?.into_iter();
        let mut next = || results.next().ok_or_else(|| Error::internal("while", "a gradient is missing"));
        for k in (0..carried).filter(|k| found.carried[*k]) {
            let grad = like(next()?, operand(k).meta())?;
            grads[k] = self.wanted[k].then_some(match &so_far[k] {
                Some(so_far) => so_far.try_add(&grad)?,
                None => grad,
            });
        }
        for (k, _) in places.iter().zip(&found.stays).filter(|p| *p.1) {
            grads[*k] = Some(next()?);
        }
        for k in (0..rows).filter(|k| found.rows[*k]) {
            let grad = next()?;
            let place = n - rows + k;
            grads[place] = Some(match &so_far[place] {
                Some(so_far) => so_far.try_add(&grad)?,
                None => grad,
            });
        }
        groups.gather(grads)
    }
    /// What the backward loop takes by rows: what was kept, what the forward loop took, cotangents of its stacks.
    fn stacks(&self, dys: &[Option<Tensor>]) -> Vec<Tensor> {
        let attrs = &self.draft.attrs;
        let (carried, rows) = (attrs.int("carried") as usize, attrs.int("rows") as usize);
        let kept = self.outputs.len() - attrs.int("kept") as usize;
        let operands = &self.draft.operands;
        let given = self.outputs[kept..].iter().chain(&operands[operands.len() - rows..]);
        given.chain(dys[carried..].iter().flatten()).cloned().collect()
    }
    /// The body of the backward loop: one turn, from its end to its beginning.
    fn turn_back(&self, dys: &[Option<Tensor>], found: &Found) -> Result<(Sub, Found)> {
        let attrs = &self.draft.attrs;
        let (carried, rows) = (attrs.int("carried") as usize, attrs.int("rows") as usize);
        let kept = attrs.int("kept") as usize;
        let operands = &self.draft.operands;
        let n = operands.len();
        let stays = &operands[carried..n - rows];
        let followed: Vec<&Tensor> = stays.iter().chain(&self.handles).collect();
        let name = |k: usize| attrs.graph("body").input_names[k].clone();
        let mut arguments: Vec<(String, Meta)> = vec![];
        let body = attrs.graph("body");
        for k in (0..carried).filter(|k| found.carried[*k]) {
            let meta = operands[k].meta();
            arguments.push((format!("d_{}", name(k)), flow::inside(body, k, meta, meta)));
        }
        for (k, x) in followed.iter().enumerate().filter(|(k, _)| found.stays[*k]) {
            arguments.push((format!("sum_{k}"), x.meta().clone()));
        }
        arguments.extend(stays.iter().enumerate().map(|(k, x)| (name(carried + k), x.meta().clone())));
        let stacks = self.stacks(dys);
        arguments.extend(stacks.iter().enumerate().map(|(k, x)| (format!("row_{k}"), flow::row_meta(x))));
        tape::isolated(|| {
            let open = OpenSub::begin("body gradient", &arguments)?;
            let mut given = open.arguments.iter().cloned();
            let mut take = |n: usize| given.by_ref().take(n).collect::<Vec<Tensor>>();
            let d_carried = take(found.carried.iter().filter(|f| **f).count());
            let sums = take(found.stays.iter().filter(|f| **f).count());
            let stay = take(stays.len());
            let mut kept_rows = take(kept);
            let outside = metas_of(operands, rows);
            let evened = Evened::of(body, outside, body.outputs.len() - kept, &mut kept_rows)?;
            let taken = take(rows);
            let d_extras = take(dys[carried..].iter().flatten().count());
            let begins = &kept_rows[..carried];
            let inputs: Vec<Tensor> = begins.iter().chain(&stay).chain(&taken).cloned().collect();
            // Float values that a turn begins with, what stays, variables, rows: in this order.
            let staying: Vec<Tensor> = stay.iter().chain(&self.handles).cloned().collect();
            let stay_wanted: Vec<bool> =
                (carried..n - rows).chain(n..self.wanted.len()).map(|k| self.wanted[k]).collect();
            let mut sources: Vec<Tensor> = begins.iter().filter(|x| x.dtype().is_float()).cloned().collect();
            let pick = |xs: &[Tensor], wanted: &[bool]| {
                xs.iter().zip(wanted).filter(|w| *w.1).map(|w| w.0.clone()).collect::<Vec<_>>()
            };
            sources.extend(pick(&staying, &stay_wanted));
            let row_wanted = &self.wanted[n - rows..n];
            sources.extend(pick(&taken, row_wanted));
            let extras = (carried..dys.len()).filter(|k| dys[*k].is_some());
            let d_extras: Vec<(usize, Tensor)> = extras
                .zip(d_extras)
                .map(|(k, dy)| Ok((k, evened.cotangent(k, dy)?)))
                .collect::<Result<_>>()?;
            let of = (0..carried).filter(|k| found.carried[*k]).zip(d_carried.iter().cloned());
            let way = Way {
                name: "body",
                inputs: &inputs,
                given: self.kept("body", kept_rows.iter().cloned()),
                seeds: of.chain(d_extras).collect(),
                so_far: pick(&staying, &found.stays).into_iter().zip(sums).collect(),
                sources: &sources,
            };
            let mut grads = self.back(way)?.into_iter();
            let mut take = |wanted: bool| if wanted { grads.next().flatten() } else { None };
            let d_begins: Grads = begins.iter().map(|x| take(x.dtype().is_float())).collect();
            let d_stays: Grads = stay_wanted.iter().map(|w| take(*w)).collect();
            let d_rows: Grads = row_wanted.iter().map(|w| take(*w)).collect();
            let or =
                |a: &[bool], b: &Grads| a.iter().zip(b).map(|(a, b)| *a || b.is_some()).collect::<Vec<_>>();
            let next = Found {
                carried: or(&found.carried, &d_begins),
                stays: or(&found.stays, &d_stays),
                rows: d_rows.iter().map(Option::is_some).collect(),
            };
            let mut results = vec![];
            for k in (0..carried).filter(|k| next.carried[*k]) {
                results.push(match &d_begins[k] {
                    Some(dy) => dy.clone(),
                    None => nothing(begins[k].meta())?,
                });
            }
            results.extend(d_stays.into_iter().flatten());
            results.extend(d_rows.into_iter().flatten());
            let mut sub = open.end(&results)?;
            self.held.put(&mut sub)?;
            Ok((sub, next))
        })
    }
}

/// Operands that are one tensor: an eager run adds what stays has first, then what the first turn begins with.
struct Groups(Vec<(usize, usize)>);

impl Groups {
    /// For each operand the first one that is the same tensor, and the one of them that has what all have so far.
    fn of(sources: &[&Tensor], stays: std::ops::Range<usize>) -> Groups {
        let first = |k: usize| sources.iter().position(|x| x.id() == sources[k].id()).unwrap_or(k);
        let anchor = |k: usize| stays.clone().find(|s| first(*s) == first(k)).unwrap_or(first(k));
        Groups((0..sources.len()).map(|k| (first(k), anchor(k))).collect())
    }
    fn moved(&self, so_far: &[Option<Tensor>]) -> Grads {
        let at = |k: usize| if self.0[k].1 == k { so_far[self.0[k].0].clone() } else { None };
        (0..so_far.len()).map(at).collect()
    }
    fn gather(&self, grads: Grads) -> Result<Grads> {
        let mut sums: Grads = vec![None; grads.len()];
        let anchors = (0..grads.len()).filter(|k| self.0[*k].1 == *k);
        for k in anchors.chain((0..grads.len()).filter(|k| self.0[*k].1 != *k)) {
            let Some(grad) = &grads[k] else { continue };
            let sum = &mut sums[self.0[k].0];
            *sum = Some(match sum.take() {
                Some(sum) => sum.try_add(grad)?,
                None => grad.clone(),
            });
        }
        Ok(sums)
    }
}

/// What has a cotangent.
#[derive(Clone, PartialEq)]
struct Found {
    carried: Vec<bool>,
    stays: Vec<bool>,
    rows: Vec<bool>,
}

fn seeds(dys: &[Option<Tensor>]) -> Vec<(usize, Tensor)> {
    dys.iter().enumerate().filter_map(|(k, dy)| Some((k, dy.clone()?))).collect()
}

/// Gives a side the cotangents that only the other side has: nothing is added to them.
fn complete(side: &mut Sub, own: &[bool], other: &[bool], metas: &[&Meta], operands: &[Tensor]) {
    let mut made = std::mem::take(&mut side.graph.outputs).into_iter();
    let mut outputs = vec![];
    for ((own, other), meta) in own.iter().zip(other).zip(metas) {
        match (own, other) {
            (true, _) => outputs.extend(made.next()),
            (false, true) => outputs.push(push_fill(&mut side.graph, meta, operands, -0.0)),
            (false, false) => {}
        }
    }
    side.graph.outputs = outputs;
}
