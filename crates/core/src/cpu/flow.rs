//! Nodes with graphs, run tensor by tensor: for graphs with sizes that only the run decides.

use super::engine::{compile, interpreter};
use crate::device::{Device, Executable, Outputs};
use crate::error::{Error, Result};
use crate::graph::{Graph, Node, passes};
use crate::ops;
use crate::shape::{Meta, Shape};
use crate::tensor::Tensor;
use crate::variable::Variable;
use smallvec::SmallVec;
use std::sync::Arc;

/// The graphs of a node, ready to run.
pub(super) struct Inside(SmallVec<[Arc<dyn Executable>; 2]>);

impl Inside {
    /// Plans where all sizes are known.
    pub(super) fn compile(node: &Node) -> Result<Inside> {
        let one = |graph: &Arc<Graph>| match graph.is_concrete() {
            true => compile(&passes::optimise_quietly(graph, Device::cpu())?),
            false => Ok(interpreter(graph)),
        };
        Ok(Inside(node.graphs().map(one).collect::<Result<_>>()?))
    }
    /// For one run with sizes that are known only now.
    pub(super) fn interpret(node: &Node) -> Inside {
        Inside(node.graphs().map(|graph| interpreter(graph)).collect())
    }
    pub(super) fn run(&self, node: &Node, operands: &[&Tensor], variables: &[Variable]) -> Result<Outputs> {
        let all: Vec<Tensor> = operands.iter().map(|x| (*x).clone()).collect();
        if node.is(&ops::IF) {
            let side = if all[0].item::<bool>()? { &self.0[0] } else { &self.0[1] };
            return Ok(side.run(&all[1..], variables)?.into());
        }
        self.repeat(node, all, variables)
    }
    fn repeat(&self, node: &Node, mut args: Vec<Tensor>, variables: &[Variable]) -> Result<Outputs> {
        let body = node.attrs.graph("body");
        let (carried, reverse) = (node.attrs.int("carried") as usize, node.attrs.bool("reverse"));
        let stacks: Vec<Tensor> = args.split_off(args.len() - node.attrs.int("rows") as usize);
        let whole = args.len();
        let trips = match stacks.first() {
            Some(stack) => stack.shape()[0].size(),
            None => node.attrs.shape("trips")[0].size(),
        };
        if trips.is_some_and(|n| stacks.iter().any(|s| s.shape()[0] != n)) {
            return Err(Error::invalid("while", "operands that are taken by rows differ in their number"));
        }
        let mut extras: Vec<Stack> = body.outputs[carried..].iter().map(|_| Stack::default()).collect();
        let mut turn = 0;
        loop {
            match trips {
                Some(n) if turn == n => break,
                Some(_) => {}
                None => {
                    let goes_on = self.0[0].run(&args[..whole], variables)?;
                    if !goes_on[0].item::<bool>()? {
                        break;
                    }
                }
            }
            let row = match (reverse, trips) {
                (true, Some(n)) => n - 1 - turn,
                _ => turn,
            };
            args.truncate(whole);
            for stack in &stacks {
                args.push(row_of(stack, row)?);
            }
            let mut results = self.0[1].run(&args, variables)?.into_iter();
            for (k, arg) in args.iter_mut().enumerate().take(carried) {
                let next = results.next().ok_or_else(|| Error::internal("while", "a result is missing"))?;
                if next.meta() != arg.meta() {
                    let fault = ops::carried_changes(&body.input_names[k], arg.meta(), next.meta());
                    return Err(crate::door::explain(node.op, fault, &[], node.at, node.backward));
                }
                *arg = next;
            }
            for (stack, row) in extras.iter_mut().zip(results) {
                stack.push(&row)?;
            }
            turn += 1;
        }
        args.truncate(carried);
        let mut results: Outputs = args.into();
        for (stack, v) in extras.into_iter().zip(&body.outputs[carried..]) {
            results.push(stack.finish(body.meta(*v), turn, reverse)?);
        }
        Ok(results)
    }
}

fn row_of(stack: &Tensor, row: usize) -> Result<Tensor> {
    let shape: Shape = stack.shape()[1..].iter().copied().collect();
    let meta = Meta::new(stack.dtype(), shape);
    let bytes = meta.bytes().unwrap_or(0);
    Ok(Tensor::from_storage(meta, stack.storage()?.window(row * bytes, bytes)))
}

/// Rows of one shape, one after the other.
#[derive(Default)]
struct Stack {
    bytes: Vec<u8>,
    meta: Option<Meta>,
}

impl Stack {
    fn push(&mut self, row: &Tensor) -> Result<()> {
        match &self.meta {
            Some(meta) if meta != row.meta() => {
                let text =
                    format!("a value that is stacked is {meta} in one turn and {} in another", row.meta());
                return Err(Error::invalid("while", text));
            }
            Some(_) => {}
            None => self.meta = Some(row.meta().clone()),
        }
        self.bytes.extend_from_slice(row.storage()?.bytes());
        Ok(())
    }
    /// `decided` is what is known of a row that never was.
    fn finish(mut self, decided: &Meta, turns: usize, reverse: bool) -> Result<Tensor> {
        let row = self.meta.unwrap_or_else(|| {
            let dims = decided.shape.iter().map(|d| d.size().unwrap_or(0));
            Meta::new(decided.dtype, dims.collect::<Shape>())
        });
        let size = row.bytes().unwrap_or(0);
        if reverse && size > 0 {
            let rows: Vec<u8> = self.bytes.chunks_exact(size).rev().flatten().copied().collect();
            self.bytes = rows;
        }
        let shape: Shape = std::iter::once(turns.into()).chain(row.shape.iter().copied()).collect();
        Tensor::from_raw(Meta::new(row.dtype, shape), &self.bytes)
    }
}
