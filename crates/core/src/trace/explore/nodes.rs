//! What the explorer needs of graphs for nodes beside [`flow`].

use crate::dim::Dim;
use crate::error::{Place as Line, Result};
use crate::graph::Graph;
use crate::ops;
use crate::shape::Meta;
use crate::tape::{self, Told};
use crate::tensor::Tensor;
use crate::trace::context;
use crate::trace::flow::{self, Sub};

/// An `if`, and what the tapes were told of it.
pub(super) fn make_if(
    condition: &Tensor,
    then: Sub,
    otherwise: Sub,
    at: Line,
) -> Result<(Vec<Tensor>, Option<Told>)> {
    let marks = tape::marks();
    let made = flow::make_if(condition, then, otherwise, at)?;
    Ok((made, Told::since(&marks)))
}

/// A `while`, and what the tapes were told of it.
pub(super) fn make_while(
    initial: &[Tensor],
    condition: Sub,
    body: Sub,
    extras: usize,
    trips: Option<Dim>,
    at: Line,
) -> Result<(Vec<Tensor>, Option<Told>)> {
    let marks = tape::marks();
    let made = flow::make_while(initial, condition, body, extras, trips, at)?;
    Ok((made, Told::since(&marks)))
}

/// Gives a finished graph more arguments behind its first `own`, which it does not use.
pub(super) fn widen(sub: &mut Sub, own: usize, more: &[(String, Meta)]) {
    for (k, (name, meta)) in more.iter().enumerate() {
        let value = flow::push_input(&mut sub.graph, meta);
        sub.graph.inputs.insert(own + k, value);
        sub.graph.input_names.insert(own + k, name.clone());
    }
    flow::number(&mut sub.graph);
}

/// Puts the nodes of a finished graph into the one that is being made: its results.
pub(super) fn splice(sub: &Sub, arguments: &[Tensor]) -> Result<Vec<Tensor>> {
    let sizes: Vec<(Dim, Dim)> = sub
        .graph
        .inputs
        .iter()
        .zip(arguments)
        .flat_map(|(v, x)| {
            let pairs = sub.graph.meta(*v).shape.iter().copied().zip(x.shape().iter().copied());
            pairs.filter(|(a, b)| a != b).collect::<Vec<_>>()
        })
        .collect();
    let now = |d: Dim| sizes.iter().find(|s| s.0 == d).map(|s| s.1);
    let graph: &Graph = &sub.graph.with_sizes(&|d| d.replaced(&now));
    let mut inputs = arguments.iter().chain(&sub.captures);
    let mut values: Vec<Vec<Tensor>> = vec![vec![]; graph.nodes.len()];
    for value in &graph.inputs {
        if let Some(x) = inputs.next() {
            values[value.node as usize] = vec![x.clone()];
        }
    }
    for (i, node) in graph.nodes.iter().enumerate() {
        if *node.op == ops::INPUT {
            continue;
        }
        if *node.op == ops::CONSTANT {
            values[i] = vec![node.attrs.tensor("value").clone()];
            continue;
        }
        let operands: Vec<Tensor> =
            node.inputs.iter().map(|v| values[v.node as usize][v.output as usize].clone()).collect();
        let operands: Vec<&Tensor> = operands.iter().collect();
        let made =
            context::record(node.op, &operands, &node.attrs, node.outputs.clone(), node.at, node.backward)?;
        values[i] = made.into_vec();
    }
    Ok(graph.outputs.iter().map(|v| values[v.node as usize][v.output as usize].clone()).collect())
}
