//! Graphs for nodes: tracing them, and the nodes that have them.
//!
//! [`begin_sub`] and [`end_sub`] are two calls and not one with a closure, because what is between them may be abandoned and
//! entered again. A value of the traces around it that a graph uses becomes a capture; the graphs of one node get all
//! captures of all of them as operands, in one order.

use super::by_rows::by_rows;
use super::context::{self, Custom};
use super::{flow_grad, flow_reads};
use crate::dim::Dim;
use crate::door;
use crate::error::{Place, Result};
use crate::graph::{Graph, Node, Value};
use crate::op::{Attrs, Infer, OpDef};
use crate::ops;
use crate::shape::{Meta, Shape};
use crate::tensor::Tensor;
use smallvec::SmallVec;

/// A graph for a node.
#[derive(Clone)]
pub(crate) struct Sub {
    pub(crate) graph: Graph,
    /// Tensors from outside that it uses, which stand for the inputs after its arguments.
    pub(crate) captures: Vec<Tensor>,
    pub(super) customs: Vec<Custom>,
}

/// Begins a graph with these arguments; what this thread traces goes there until [`end_sub`].
///
/// # Errors
///
/// If nothing is traced.
pub(crate) fn begin_sub(name: &str, arguments: &[(String, Meta)]) -> Result<Vec<Tensor>> {
    context::push_sub(name, arguments)
}

/// Ends the innermost graph with these results.
///
/// # Errors
///
/// If a result belongs to a trace that has ended.
pub(crate) fn end_sub(results: &[Tensor]) -> Result<Sub> {
    let set = context::set_results(results, door::here().0);
    let state = context::pop_sub()?;
    set?;
    Ok(Sub { graph: state.graph, captures: state.captures, customs: state.customs })
}

/// A graph for a node that is being traced: given up when it goes without [`OpenSub::end`], by a panic too.
pub(crate) struct OpenSub {
    pub(crate) arguments: Vec<Tensor>,
    open: bool,
}

impl OpenSub {
    pub(crate) fn begin(name: &str, arguments: &[(String, Meta)]) -> Result<OpenSub> {
        let sub = OpenSub { arguments: begin_sub(name, arguments)?, open: true };
        flow_reads::begin()?;
        Ok(sub)
    }
    pub(crate) fn end(mut self, results: &[Tensor]) -> Result<Sub> {
        self.open = false;
        end_sub(results)
    }
}

impl Drop for OpenSub {
    fn drop(&mut self) {
        if self.open {
            // There is one: it was begun here, and graphs inside it have ended or been given up.
            let _ = drop_sub();
        }
    }
}

/// Gives the innermost graph up.
///
/// # Errors
///
/// If there is none.
pub(crate) fn drop_sub() -> Result<()> {
    context::pop_sub().map(drop)
}

/// A node with graphs that is about to be made.
pub(super) struct Draft {
    pub(super) op: &'static OpDef,
    pub(super) operands: Vec<Tensor>,
    pub(super) attrs: Attrs,
    /// Gradients that the user gave inside, each with the name of its graph.
    pub(super) customs: Vec<(&'static str, Custom)>,
}

impl Draft {
    /// The node without results that only a gradient uses.
    pub(super) fn without_kept(mut self) -> Draft {
        let kept = self.attrs.int("kept") as usize;
        let names = if *self.op == ops::IF { &["then", "otherwise"][..] } else { &["body"] };
        for name in names {
            let mut graph = (**self.attrs.graph(name)).clone();
            graph.outputs.truncate(graph.outputs.len() - kept);
            self.attrs = self.attrs.replaced(name, graph);
        }
        self.attrs = self.attrs.replaced("kept", 0usize);
        self
    }
}

/// An `if` over the scalar `condition`: the results of the side that is taken. The sides have no arguments, only captures.
///
/// # Errors
///
/// If the condition is no bool scalar, or dtypes or shapes of the results differ.
pub(crate) fn make_if(condition: &Tensor, then: Sub, otherwise: Sub, at: Place) -> Result<Vec<Tensor>> {
    let own = then.graph.outputs.len();
    let mut results = flow_grad::make(draft_if(condition, &[], then, otherwise, 0), at)?;
    results.truncate(own);
    Ok(results)
}

/// [`make_if`] with arguments of the sides, and their last `kept` results for the gradient.
pub(super) fn draft_if(
    condition: &Tensor,
    arguments: &[Tensor],
    then: Sub,
    otherwise: Sub,
    kept: usize,
) -> Draft {
    let (graphs, captures, customs) = unify([("then", then), ("otherwise", otherwise)], arguments.len());
    let [then, otherwise] = graphs;
    Draft {
        op: &ops::IF,
        operands: std::iter::once(condition).chain(arguments).chain(&captures).cloned().collect(),
        attrs: Attrs::new().with("then", then).with("otherwise", otherwise).with("kept", kept),
        customs,
    }
}

/// What a loop is made of.
pub(crate) struct Loop<'a> {
    /// What is carried into the first turn: the first arguments of both graphs.
    pub(crate) initial: &'a [Tensor],
    /// What stays: arguments of both graphs after the carried ones. Captures come after them.
    pub(crate) stays: &'a [Tensor],
    /// Tensors of which each turn takes a row: the last arguments of the body.
    pub(crate) rows: &'a [Tensor],
    /// Whether the first turn has the last row.
    pub(crate) reverse: bool,
    /// The number of turns, if it is known before the loop begins.
    pub(crate) trips: Option<Dim>,
    /// How many of the body's last results only the gradient uses.
    pub(crate) kept: usize,
}

/// A `while`: the last carried values, then each extra result of the body with one row a turn.
///
/// `condition` has the arguments `initial`; `body` has them too and gives the next carried values, then `extras` more.
///
/// # Errors
///
/// If the condition is no bool scalar, or a carried value changes its dtype or shape.
pub(crate) fn make_while(
    initial: &[Tensor],
    condition: Sub,
    body: Sub,
    extras: usize,
    trips: Option<Dim>,
    at: Place,
) -> Result<Vec<Tensor>> {
    let made = Loop { initial, stays: &[], rows: &[], reverse: false, trips, kept: 0 };
    make_loop(&made, condition, body, extras, at)
}

/// A [`make_while`] with all that a loop can have.
pub(crate) fn make_loop(
    made: &Loop<'_>,
    condition: Sub,
    body: Sub,
    extras: usize,
    at: Place,
) -> Result<Vec<Tensor>> {
    let (draft, places) = by_rows(draft_while(made, condition, body), extras)?;
    let results = flow_grad::make(draft, at)?;
    Ok(places.into_iter().map(|k| results[k].clone()).collect())
}

/// The node of a loop.
pub(super) fn draft_while(made: &Loop<'_>, condition: Sub, mut body: Sub) -> Draft {
    let (carried, rows) = (made.initial.len(), made.rows.len());
    let whole = carried + made.stays.len();
    // Rows come last, after the captures: they are put aside while the captures find their order.
    let row_inputs: Vec<(Value, String)> = body
        .graph
        .inputs
        .drain(whole..whole + rows)
        .zip(body.graph.input_names.drain(whole..whole + rows))
        .collect();
    let (graphs, captures, customs) = unify([("condition", condition), ("body", body)], whole);
    let [condition, mut body] = graphs;
    for (value, name) in row_inputs {
        body.inputs.push(value);
        body.input_names.push(name);
    }
    number(&mut body);
    let trips = made.trips.unwrap_or_else(|| Dim::symbol(ops::RUN_TIME_DIM));
    let attrs = Attrs::new()
        .with("condition", condition)
        .with("body", body)
        .with("carried", carried)
        .with("rows", rows)
        .with("trips", Shape::from([trips]))
        .with("reverse", made.reverse)
        .with("kept", made.kept);
    let operands = made.initial.iter().chain(made.stays).chain(&captures).chain(made.rows).cloned().collect();
    Draft { op: &ops::WHILE, operands, attrs, customs }
}

/// What the graphs of one node become: the graphs, what they capture together, and the gradients given inside.
type Unified = ([Graph; 2], Vec<Tensor>, Vec<(&'static str, Custom)>);

/// Gives both graphs the same inputs: the arguments, then what either of them captures.
fn unify(subs: [(&'static str, Sub); 2], arguments: usize) -> Unified {
    let mut captures: Vec<Tensor> = vec![];
    for x in subs.iter().flat_map(|s| &s.1.captures) {
        if !captures.iter().any(|c| c.id() == x.id()) {
            captures.push(x.clone());
        }
    }
    let mut customs = vec![];
    let graphs = subs.map(|(name, mut sub)| {
        let own = sub.graph.inputs.split_off(arguments);
        sub.graph.input_names.truncate(arguments);
        for (k, x) in captures.iter().enumerate() {
            let value = match sub.captures.iter().position(|c| c.id() == x.id()) {
                Some(found) => own[found],
                None => push_input(&mut sub.graph, x.meta()),
            };
            sub.graph.inputs.push(value);
            sub.graph.input_names.push(format!("captured_{k}"));
        }
        number(&mut sub.graph);
        customs.extend(sub.customs.into_iter().map(|c| (name, c)));
        sub.graph
    });
    (graphs, captures, customs)
}

/// What a loop's graph has for carried value `k` where `now` goes in: sizes are open where they are for `before`, which went in
/// when the graph was made.
pub(super) fn inside(graph: &Graph, k: usize, before: &Meta, now: &Meta) -> Meta {
    let own = graph.meta(graph.inputs[k]).shape.iter();
    let dim = |((own, before), now): ((&Dim, &Dim), &Dim)| match ops::opens(*own, *before) {
        true => Dim::symbol(ops::OPEN_DIM),
        false => *now,
    };
    Meta::new(now.dtype, own.zip(before.shape.iter()).zip(now.shape.iter()).map(dim).collect::<Shape>())
}

/// What one row of a stack is.
pub(super) fn row_meta(stack: &Tensor) -> Meta {
    Meta::new(stack.dtype(), stack.shape().iter().skip(1).copied().collect::<Shape>())
}

pub(super) fn push_input(graph: &mut Graph, meta: &Meta) -> Value {
    let attrs = Attrs::new().with("index", 0usize).with("dtype", meta.dtype).with("shape", &meta.shape);
    let node = graph.push(Node {
        op: &ops::INPUT,
        inputs: SmallVec::new(),
        attrs,
        outputs: SmallVec::from_elem(meta.clone(), 1),
        at: Place::caller(),
        scope: "",
        backward: false,
    });
    Value { node, output: 0 }
}

/// Tells each input node its place.
pub(super) fn number(graph: &mut Graph) {
    for (k, v) in graph.inputs.iter().enumerate() {
        let node = &mut graph.nodes[v.node as usize];
        node.attrs = std::mem::take(&mut node.attrs).replaced("index", k);
    }
}

/// Appends the node to the innermost graph: its results.
pub(super) fn append(draft: &Draft, at: Place) -> Result<Vec<Tensor>> {
    let backward = door::here().1;
    let inputs: Vec<&Tensor> = draft.operands.iter().collect();
    let metas: SmallVec<[&Meta; 4]> = inputs.iter().map(|x| x.meta()).collect();
    let inferred = draft
        .op
        .sig
        .check(&metas, &draft.attrs)
        .and_then(|()| (draft.op.infer)(&Infer { inputs: &metas, attrs: &draft.attrs }));
    let outs = inferred.map_err(|fault| door::explain(draft.op, fault, &[], at, backward))?;
    let outputs = context::record(draft.op, &inputs, &draft.attrs, outs, at, backward)?;
    for (attr, custom) in &draft.customs {
        context::adopt(custom.clone(), attr)?;
    }
    Ok(outputs.into_vec())
}
