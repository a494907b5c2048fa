//! What a loop takes and writes by the number of its turn, taken by rows and stacked instead: nothing of the other rows is
//! carried from turn to turn, or kept for the gradient.

use super::context;
use super::flow::{self, Draft};
use crate::DType;
use crate::error::Result;
use crate::graph::{Graph, Node, Value};
use crate::op::Attrs;
use crate::ops;
use crate::tensor::{Scalar, Tensor};

/// A draft with rows and stacks wherever they do the same, and where each result of the old one is among its results.
///
/// `extras` is how many results the body has after the carried ones.
pub(super) fn by_rows(draft: Draft, extras: usize) -> Result<(Draft, Vec<usize>)> {
    let attrs = &draft.attrs;
    let carried = attrs.int("carried") as usize;
    let same = (0..carried + extras).collect();
    let Some(found) = Found::in_loop(&draft)? else { return Ok((draft, same)) };
    let rows = attrs.int("rows") as usize;
    let whole = draft.operands.len() - rows;
    let (mut body, mut condition) = ((**attrs.graph("body")).clone(), (**attrs.graph("condition")).clone());

    // An input that is only taken by rows, and a list that is only written, are inputs no more.
    let gone: Vec<usize> =
        found.taken.iter().map(|t| t.input).chain(found.written.iter().map(|w| w.input)).collect();
    let stays = |k: &usize| !gone.contains(k);
    let (body_inputs, condition_inputs) = (body.inputs.clone(), condition.inputs.clone());
    for k in &gone {
        nobody_needs(&mut body, body_inputs[*k].node);
        nobody_needs(&mut condition, condition_inputs[*k].node);
    }
    let pick = |graph: &mut Graph, inputs: usize| {
        let kept: Vec<usize> = (0..inputs).filter(stays).collect();
        graph.inputs = kept.iter().map(|k| graph.inputs[*k]).collect();
        graph.input_names = kept.iter().map(|k| graph.input_names[*k].clone()).collect();
    };
    pick(&mut body, whole + rows);
    pick(&mut condition, whole);
    let mut operands: Vec<Tensor> =
        (0..whole + rows).filter(stays).map(|k| draft.operands[k].clone()).collect();
    for taken in &found.taken {
        let node = &mut body.nodes[taken.node as usize];
        let meta = node.outputs[0].clone();
        *node = Node {
            op: &ops::INPUT,
            inputs: Default::default(),
            attrs: Attrs::new().with("index", 0usize).with("dtype", meta.dtype).with("shape", &meta.shape),
            ..node.clone()
        };
        body.inputs.push(Value { node: taken.node, output: 0 });
        body.input_names.push(format!("row of {}", attrs.graph("body").input_names[taken.input]));
        operands.push(as_gathered(&draft.operands[taken.input]));
    }
    // The results: what is still carried, the extras that there were, a stack for each list.
    let mut order: Vec<usize> =
        (0..carried + extras).filter(|k| found.written.iter().all(|w| w.input != *k)).collect();
    let mut outputs: Vec<Value> = order.iter().map(|k| body.outputs[*k]).collect();
    for written in &found.written {
        order.push(written.input);
        outputs.push(written.row);
        nobody_needs(&mut body, written.node);
    }
    body.outputs = outputs;
    let place = |k: usize| order.iter().position(|o| *o == k).unwrap_or(k);
    let places = (0..carried + extras).map(place).collect();
    flow::number(&mut body);
    flow::number(&mut condition);
    let attrs = draft
        .attrs
        .clone()
        .replaced("condition", condition)
        .replaced("body", body)
        .replaced("carried", carried - found.written.len())
        .replaced("rows", rows + found.taken.len());
    Ok((Draft { op: draft.op, operands, attrs, customs: draft.customs }, places))
}

/// An input of which each turn takes its row.
struct Taken {
    input: usize,
    /// The node that takes it.
    node: u32,
}

/// A carried value of which each turn writes its row.
struct Written {
    input: usize,
    node: u32,
    row: Value,
}

struct Found {
    taken: Vec<Taken>,
    written: Vec<Written>,
}

impl Found {
    fn in_loop(draft: &Draft) -> Result<Option<Found>> {
        let attrs = &draft.attrs;
        let trips = attrs.shape("trips")[0];
        let (carried, rows) = (attrs.int("carried") as usize, attrs.int("rows") as usize);
        let whole = draft.operands.len() - rows;
        let (body, condition) = (attrs.graph("body"), attrs.graph("condition"));
        // A loop back takes its rows from the last to the first; none counts its turns.
        if super::flow_grad::known(trips).is_none() || attrs.bool("reverse") {
            return Ok(None);
        }
        let Some(counter) = (0..carried).find(|k| counts(body, *k) && is_zero(&draft.operands[*k])) else {
            return Ok(None);
        };
        let turn = body.inputs[counter];
        let by_turns = |k: usize| draft.operands[k].shape().first() == Some(&trips);
        let mut found = Found { taken: vec![], written: vec![] };
        for k in (0..whole).filter(|k| *k != counter && by_turns(*k)) {
            if uses(condition, condition.inputs[k]).next().is_some() {
                continue;
            }
            let input = body.inputs[k];
            let mut users = uses(body, input);
            let (Some(node), None) = (users.next(), users.next()) else { continue };
            let user = body.node(node);
            let only_here = user.inputs.iter().filter(|v| **v == input).count() == 1;
            if k >= carried {
                let takes = user.is(&ops::GATHER)
                    && user.inputs[0] == input
                    && user.inputs[1] == turn
                    && user.attrs.int("axis") == 0
                    && user.attrs.int("batch_dims") == 0;
                if takes && only_here && !body.outputs.contains(&input) {
                    found.taken.push(Taken { input: k, node });
                }
            } else if let Some(row) = row_written(body, node, input, turn)
                && only_here
                && body.outputs.iter().filter(|v| v.node == node).count() == 1
                && body.outputs[k].node == node
                && uses(body, Value { node, output: 0 }).next().is_none()
                && !body.outputs.contains(&input)
                && context::is_fill(&draft.operands[k])?
            {
                found.written.push(Written { input: k, node, row });
            }
        }
        let any = !found.taken.is_empty() || !found.written.is_empty();
        Ok(any.then_some(found))
    }
}

/// The nodes that use a value, in order.
fn uses(graph: &Graph, value: Value) -> impl Iterator<Item = u32> {
    let uses = graph.nodes.iter().enumerate().filter(move |(_, n)| n.inputs.contains(&value));
    uses.map(|(i, _)| i as u32).collect::<Vec<_>>().into_iter()
}

/// Whether a carried value is one more after each turn.
fn counts(body: &Graph, k: usize) -> bool {
    let next = body.node(body.outputs[k].node);
    let one = |v: Value| {
        let node = body.node(v.node);
        node.is(&ops::CONSTANT) && is_number(node.attrs.tensor("value"), 1)
    };
    next.is(&ops::ADD) && next.inputs[0] == body.inputs[k] && one(next.inputs[1])
}

fn is_zero(x: &Tensor) -> bool {
    is_number(x, 0)
}

fn is_number(x: &Tensor, number: i32) -> bool {
    x.dtype() == DType::I32
        && x.rank() == 0
        && x.host().is_some()
        && x.item::<i32>().is_ok_and(|n| n == number)
}

/// What a node writes into `list` as row `turn`, if that is what it does.
fn row_written(body: &Graph, node: u32, list: Value, turn: Value) -> Option<Value> {
    let update = body.node(node);
    let made = |k: usize| body.node(update.inputs[k].node);
    if !update.is(&ops::TENSOR_SCATTER_ND_UPDATE) || update.inputs[0] != list {
        return None;
    }
    let (index, row) = (made(1), made(2));
    let at_turn = index.is(&ops::RESHAPE) && index.inputs[0] == turn && index.outputs[0].shape == [1, 1];
    let one_row = row.is(&ops::EXPAND_DIMS) && row.attrs.int("axis") == 0;
    (at_turn && one_row).then(|| row.inputs[0])
}

/// Makes a node that nobody uses any more one that is dropped, without moving the others.
fn nobody_needs(graph: &mut Graph, node: u32) {
    let node = &mut graph.nodes[node as usize];
    let value = Scalar::Bool(false).tensor(DType::Bool);
    *node = Node {
        op: &ops::CONSTANT,
        inputs: Default::default(),
        outputs: smallvec::SmallVec::from_elem(value.meta().clone(), 1),
        attrs: Attrs::new().with("value", value),
        ..node.clone()
    };
}

/// A tensor whose cotangent gets what it gets when its rows are gathered one by one: sums that begin with 0, so that there is
/// no -0.
fn as_gathered(x: &Tensor) -> Tensor {
    match x.dtype().is_float() {
        true => crate::custom_gradient(&[x], |x| (x[0].clone(), |dy: &Tensor| vec![dy + 0.0])),
        false => x.clone(),
    }
}
