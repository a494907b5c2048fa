//! Nodes with graphs, run tensor by tensor: for graphs with sizes that only the run decides, and for other devices.

use super::engine::interpreter_on;
use crate::buffer::Storage;
use crate::device::{Device, Executable, Outputs};
use crate::error::{Error, Result};
use crate::graph::{Graph, Node, VariableInfo, passes};
use crate::op::Attrs;
use crate::ops;
use crate::shape::{Meta, Shape};
use crate::tensor::Tensor;
use crate::variable::Variable;
use smallvec::SmallVec;
use std::sync::Arc;

/// The graphs of a node, ready to run on a device.
pub struct Inside {
    graphs: SmallVec<[Arc<dyn Executable>; 2]>,
    device: Device,
}

impl Inside {
    /// The graphs as they are, for a node of a graph that the passes have seen. They are concrete.
    ///
    /// # Errors
    ///
    /// If the device cannot run a graph.
    pub fn ready(node: &Node, device: Device) -> Result<Inside> {
        let graphs = node.graphs().map(|graph| device.backend().compile(graph)).collect::<Result<_>>()?;
        Ok(Inside { graphs, device })
    }
    /// The graphs after the passes. They are concrete, and of a function with these variables.
    pub(super) fn optimised(node: &Node, variables: &[VariableInfo], device: Device) -> Result<Inside> {
        let one = |graph: &Arc<Graph>| {
            device.backend().compile(&passes::optimise_inside(graph, variables, device, false)?)
        };
        Ok(Inside { graphs: node.graphs().map(one).collect::<Result<_>>()?, device })
    }
    /// For one run with sizes that are known only now.
    pub(super) fn interpret(node: &Node, device: Device) -> Inside {
        Inside { graphs: node.graphs().map(|graph| interpreter_on(graph, device)).collect(), device }
    }
    /// Runs the node. The operands are on the device, `variables` are the function's by slot.
    ///
    /// # Errors
    ///
    /// What a node inside fails with, or a carried value that changes.
    pub fn run(&self, node: &Node, operands: &[&Tensor], variables: &[Variable]) -> Result<Outputs> {
        let all: Vec<Tensor> = operands.iter().map(|x| (*x).clone()).collect();
        if node.is(&ops::IF) {
            let side = if all[0].item::<bool>()? { &self.graphs[0] } else { &self.graphs[1] };
            return Ok(side.run(&all[1..], variables)?.into_iter().collect());
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
        let each: Vec<Rows> = stacks.iter().map(|s| Rows::of(s, self.device)).collect::<Result<_>>()?;
        let mut extras: Vec<Stack> = body.outputs[carried..].iter().map(|_| Stack::default()).collect();
        let mut turn = 0;
        loop {
            match trips {
                Some(n) if turn == n => break,
                Some(_) => {}
                None => {
                    let goes_on = self.graphs[0].run(&args[..whole], variables)?;
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
            for rows in &each {
                args.push(rows.row(row)?);
            }
            let mut results = self.graphs[1].run(&args, variables)?.into_iter();
            for (k, arg) in args.iter_mut().enumerate().take(carried) {
                let next = results.next().ok_or_else(|| Error::internal("while", "a result is missing"))?;
                if !carries(body.meta(body.inputs[k]), arg.meta(), next.meta()) {
                    let fault = ops::carried_changes(&body.input_names[k], arg.meta(), next.meta());
                    return Err(crate::door::explain(node.op, fault, &[], node.at, node.backward));
                }
                *arg = next;
            }
            for ((stack, row), v) in extras.iter_mut().zip(results).zip(&body.outputs[carried..]) {
                stack.push(&row, body.meta(*v))?;
            }
            turn += 1;
        }
        args.truncate(carried);
        let mut results: Outputs = args.into();
        for (stack, v) in extras.into_iter().zip(&body.outputs[carried..]) {
            results.push(stack.finish(body.meta(*v), turn, reverse, self.device)?);
        }
        Ok(results)
    }
}

/// Whether a carried value may become another: what the body has for it says which sizes a turn may change.
fn carries(inside: &Meta, before: &Meta, after: &Meta) -> bool {
    let mut dims = inside.shape.iter().zip(before.shape.iter().zip(after.shape.iter()));
    before.dtype == after.dtype
        && before.shape.rank() == after.shape.rank()
        && dims.all(|(inside, (a, b))| a == b || inside.is_open())
}

/// A tensor that is taken by rows.
enum Rows {
    /// Rows are windows of its memory.
    Host(Meta, Storage),
    Made(Outputs),
}

impl Rows {
    fn of(stack: &Tensor, device: Device) -> Result<Rows> {
        let shape: Shape = stack.shape()[1..].iter().copied().collect();
        let row = Meta::new(stack.dtype(), shape);
        if let Some(storage) = stack.host() {
            return Ok(Rows::Host(row, storage.clone()));
        }
        let count = stack.shape()[0].size().unwrap_or(0);
        if count == 0 {
            return Ok(Rows::Made(Outputs::new()));
        }
        let outs = SmallVec::from_elem(row, count);
        let attrs = Attrs::new().with("axis", 0i64);
        Ok(Rows::Made(device.backend().run(&ops::UNSTACK, &[stack], &attrs, &outs)?))
    }
    fn row(&self, row: usize) -> Result<Tensor> {
        Ok(match self {
            Rows::Host(meta, storage) => {
                let bytes = meta.bytes().unwrap_or(0);
                Tensor::from_storage(meta.clone(), storage.window(row * bytes, bytes))
            }
            Rows::Made(rows) => rows[row].clone(),
        })
    }
}

/// Rows, one after the other: of one shape, or in one of the largest of each size.
#[derive(Default)]
struct Stack {
    bytes: Vec<u8>,
    /// Rows on a device that is not the host.
    made: Vec<Tensor>,
    meta: Option<Meta>,
    /// The shape of each row, if they differ.
    shapes: Vec<Shape>,
}

impl Stack {
    /// `decided` is what was known of it before the run: sizes that only the run decides may differ from turn to turn.
    fn push(&mut self, row: &Tensor, decided: &Meta) -> Result<()> {
        let uneven = decided.shape.iter().any(|d| d.is_run_time());
        match &self.meta {
            Some(meta) if meta != row.meta() && !uneven => {
                let text =
                    format!("a value that is stacked is {meta} in one turn and {} in another", row.meta());
                return Err(Error::invalid("while", text));
            }
            Some(_) => {}
            None => self.meta = Some(row.meta().clone()),
        }
        if uneven {
            self.shapes.push(row.shape().clone());
            self.bytes.extend_from_slice(row.to(Device::cpu())?.host().map_or(&[][..], |s| s.bytes()));
            return Ok(());
        }
        match row.host() {
            Some(storage) => self.bytes.extend_from_slice(storage.bytes()),
            None => self.made.push(row.clone()),
        }
        Ok(())
    }
    /// Puts rows of different shapes into rows of one.
    fn even(&mut self) {
        let Some(meta) = &mut self.meta else { return };
        if self.shapes.iter().all(|s| *s == meta.shape) {
            return;
        }
        let rank = meta.shape.rank();
        let size = |s: &Shape, axis: usize| s[axis].size().unwrap_or(0);
        let largest: Vec<usize> =
            (0..rank).map(|axis| self.shapes.iter().map(|s| size(s, axis)).max().unwrap_or(0)).collect();
        let width = meta.dtype.size();
        let whole = largest.iter().product::<usize>() * width;
        let mut bytes = vec![0; whole * self.shapes.len()];
        let mut from = 0;
        for (shape, into) in self.shapes.iter().zip(bytes.chunks_exact_mut(whole.max(1))) {
            let own: Vec<usize> = (0..rank).map(|axis| size(shape, axis)).collect();
            for element in 0..own.iter().product::<usize>() {
                // Where the element stands among those of the largest shape.
                let (mut rest, mut place, mut step) = (element, 0, 1);
                for axis in (0..rank).rev() {
                    place += rest % own[axis] * step;
                    rest /= own[axis];
                    step *= largest[axis];
                }
                into[place * width..][..width].copy_from_slice(&self.bytes[from..from + width]);
                from += width;
            }
        }
        self.bytes = bytes;
        meta.shape = largest.into_iter().collect();
    }
    /// `decided` is what is known of a row that never was.
    fn finish(mut self, decided: &Meta, turns: usize, reverse: bool, device: Device) -> Result<Tensor> {
        self.even();
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
        let meta = Meta::new(row.dtype, shape);
        if self.made.is_empty() {
            return Tensor::from_raw(meta, &self.bytes)?.to(device);
        }
        if reverse {
            self.made.reverse();
        }
        let rows: Vec<&Tensor> = self.made.iter().collect();
        let (attrs, outs) = (Attrs::new().with("axis", 0i64), SmallVec::from_elem(meta, 1));
        Ok(device.backend().run(&ops::STACK, &rows, &attrs, &outs)?.swap_remove(0))
    }
}
