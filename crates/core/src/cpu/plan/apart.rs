//! Loops whose turns treat the rows of a batch apart from one another: each thread does all turns of some rows by itself, with
//! nobody to wait for in between, and what a turn makes stays in its core's caches for the next one.
//!
//! A recurrent network is such a loop: what a turn carries of a row comes from that row, weights and the row's inputs. A row of a
//! product or of an element-wise result has the same bits whichever rows are computed with it.

use super::{Plan, build};
use crate::cpu::elementwise::work;
use crate::error::Result;
use crate::graph::{Graph, Value, weight};
use crate::op::{Cpu, Effect};
use crate::ops;
use std::ops::Range;
use tenfold_kernels::parallel::multiply_adds;

/// Rows of a part at least: fewer make poor use of the weights that are read for them.
const ROWS: usize = 8;
/// Parts at most.
const PARTS: usize = 16;
/// Nanoseconds of a part's turn at least: walking the plan takes half of one.
const TURN: usize = 3_000;
/// Bytes of weights at most: each part reads all of them in each turn, so they should stay in a second-level cache.
const WEIGHTS: usize = 512 << 10;

/// A loop's body for some rows of the batch.
pub(super) struct Apart {
    pub(super) parts: usize,
    pub(super) body: Plan,
    /// Which operands of the body each part has rows of its own of; the others it has whole.
    pub(super) by_rows: Vec<bool>,
    /// Nanoseconds of a turn of all parts.
    pub(super) work: usize,
}

impl Apart {
    /// The body with `carried` values at these positions, if its results are made row by row; the operands `fixed` are the same
    /// in every turn.
    pub(super) fn new(
        body: &Graph,
        carried: impl Iterator<Item = usize>,
        fixed: &Range<usize>,
    ) -> Result<Option<Apart>> {
        let Some((found, batch)) = Rows::of(body, carried) else { return Ok(None) };
        let fits = |parts: &usize| {
            batch.is_multiple_of(*parts) && batch / parts >= ROWS && found.work / parts >= TURN
        };
        let Some(parts) = (2..=PARTS).rev().find(fits) else { return Ok(None) };
        let mut part = body.clone();
        for (node, by_rows) in part.nodes.iter_mut().zip(&found.by_rows) {
            if *by_rows == Some(true) {
                node.outputs.iter_mut().for_each(|meta| meta.shape.dims_mut()[0] = (batch / parts).into());
            }
        }
        let by_rows = body.inputs.iter().map(|v| found.by_rows[v.node as usize] == Some(true)).collect();
        Ok(Some(Apart { parts, body: build::build_turn(&part, fixed)?, by_rows, work: found.work }))
    }
}

/// What is found of a body, node by node.
struct Rows<'a> {
    body: &'a Graph,
    /// Whether the results of each node are rows of the batch; an input's is open until something uses it.
    by_rows: Vec<Option<bool>>,
    batch: usize,
    weights: Vec<Value>,
    work: usize,
}

impl Rows<'_> {
    fn of(body: &Graph, carried: impl Iterator<Item = usize>) -> Option<(Rows<'_>, usize)> {
        let carried: Vec<Value> = carried.map(|k| body.inputs[k]).collect();
        let batch = body.meta(*carried.first()?).shape.first()?.size()?;
        let by_rows = vec![None; body.nodes.len()];
        let mut rows = Rows { body, by_rows, batch, weights: vec![], work: 0 };
        carried.iter().try_for_each(|v| rows.demand(*v, true))?;
        (0..body.nodes.len()).try_for_each(|i| rows.visit(i))?;
        body.outputs.iter().try_for_each(|v| rows.demand(*v, true))?;
        let bytes = rows.weights.iter().map(|v| body.meta(*v).bytes()).sum::<Option<usize>>()?;
        (bytes <= WEIGHTS).then_some((rows, batch))
    }
    fn leads(&self, v: Value) -> bool {
        self.body.meta(v).shape.first().is_some_and(|d| *d == self.batch)
    }
    /// Sees to it that a value is taken by rows, or whole.
    fn demand(&mut self, v: Value, by_rows: bool) -> Option<()> {
        let known = *self.by_rows[v.node as usize].get_or_insert(by_rows);
        (known == by_rows && (!by_rows || self.leads(v))).then_some(())
    }
    /// `None` if the node's result does not come row by row.
    fn visit(&mut self, i: usize) -> Option<()> {
        let node = &self.body.nodes[i];
        let made = Value { node: i as u32, output: 0 };
        let meta = node.outputs.first()?;
        let elements: usize = meta.shape.iter().map(|d| d.size()).product::<Option<usize>>()?;
        if node.is(&ops::INPUT) {
            return Some(());
        }
        let by_rows = if node.is(&ops::CONSTANT) {
            false
        } else if matches!(node.op.cpu, Cpu::Elementwise(_)) && node.op.effect == Effect::Pure {
            let by_rows = self.leads(made);
            let along =
                |v: &Value| by_rows && self.leads(*v) && self.body.meta(*v).shape.rank() == meta.shape.rank();
            let along: Vec<(Value, bool)> = node.inputs.iter().map(|v| (*v, along(v))).collect();
            along.into_iter().try_for_each(|(v, along)| self.demand(v, along))?;
            self.work += work(elements, weight(node.op));
            by_rows
        } else if node.is(&ops::MATMUL) && meta.shape.rank() == 2 && !node.attrs.bool("transpose_a") {
            self.demand(node.inputs[0], true)?;
            self.demand(node.inputs[1], false)?;
            self.weights.push(node.inputs[1]);
            let sums = self.body.meta(node.inputs[0]).shape.last()?.size()?;
            self.work += multiply_adds(elements.saturating_mul(sums));
            true
        } else if node.is(&ops::CONCAT) || node.is(&ops::SPLIT) {
            if meta.shape.axis(node.attrs.int("axis")) == Some(0) {
                return None;
            }
            node.inputs.iter().try_for_each(|v| self.demand(*v, true))?;
            true
        } else if matches!(node.op.cpu, Cpu::View) && self.leads(made) {
            self.demand(node.inputs[0], true)?;
            true
        } else {
            return None;
        };
        self.by_rows[i] = Some(by_rows);
        Some(())
    }
}
