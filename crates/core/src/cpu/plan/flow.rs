//! Loops inside a plan.
//!
//! One of the few files with `unsafe`: what is carried lies in two sets of memory, the step's results and one of the loop's
//! own. A turn reads one and writes the other, so that turns allocate nothing; rows of stacks are written in place. What can
//! be computed from stacks after all turns is not carried (`late.rs`), and what turns multiply by is packed before the first one
//! (`packed.rs`). Where turns treat the rows of a batch apart from one another, threads do all turns of some rows each (`apart.rs`).

use super::apart::Apart;
use super::late::{Late, Stack};
use super::program::Target;
use super::{Arg, Plan, build};
use crate::buffer::Buffer;
use crate::cpu::spares::Spares;
use crate::device::{Executable, Room};
use crate::error::{Error, Result};
use crate::graph::{Graph, Node, Value, passes};
use crate::variable::Variable;
use smallvec::SmallVec;
use std::sync::{Mutex, PoisonError};
use tenfold_kernels::parallel;

/// So many turns are too few to pack for them what they multiply by.
const FEW_TURNS: usize = 4;

/// A loop whose sizes are all known.
pub(super) struct Repeat {
    condition: Plan,
    body: Plan,
    /// The body for some rows of a batch at a time, if it goes row by row.
    apart: Option<Apart>,
    /// How many results are carried values; the others are stacks.
    finals: usize,
    /// The position of each value that turns carry, and its bytes.
    carried: Vec<(usize, usize)>,
    /// The others: computed after all turns.
    late: Vec<Late>,
    /// Bytes of a row of each operand that is taken by rows, the last ones.
    rows: Vec<usize>,
    /// Bytes of a row of each stack.
    extras: Vec<usize>,
    trips: Option<usize>,
    reverse: bool,
    /// The second set of carried values, from earlier runs.
    spare: Spares<Vec<Buffer>>,
}

/// One of the parts that a batch is shared out in.
#[derive(Clone, Copy)]
struct Part<'a> {
    apart: &'a Apart,
    part: usize,
    /// Where the packed matrices of all parts lie.
    panels: &'a [Target],
}

impl Repeat {
    pub(super) fn new(node: &Node) -> Result<Repeat> {
        let (attrs, mut body) = (&node.attrs, (**node.attrs.graph("body")).clone());
        let bytes = |body: &Graph, v: &Value| {
            let meta = body.meta(*v);
            meta.bytes().ok_or_else(|| Error::internal("plan", format!("a loop over {meta}")))
        };
        let (finals, rows) = (attrs.int("carried") as usize, attrs.int("rows") as usize);
        let first_row = body.inputs.len() - rows;
        let late = Late::all(node);
        let carried = (0..finals).filter(|k| late.iter().all(|late| late.carried != *k));
        let carried: Vec<(usize, usize)> =
            carried.map(|k| Ok((k, bytes(&body, &body.inputs[k])?))).collect::<Result<_>>()?;
        let rows = body.inputs[first_row..].iter().map(|v| bytes(&body, v)).collect::<Result<_>>()?;
        let extras = body.outputs[finals..].iter().map(|v| bytes(&body, v)).collect::<Result<_>>()?;
        if !late.is_empty() {
            let kept = carried.iter().map(|(k, _)| *k).chain(finals..body.outputs.len());
            body.outputs = kept.map(|k| body.outputs[k]).collect();
            body = passes::without_dead(body)?;
        }
        let trips = attrs.shape("trips")[0].size();
        // In a few turns packing costs what it saves.
        let fixed = if trips.is_some_and(|n| n < FEW_TURNS) { 0..0 } else { finals..first_row };
        let apart = match trips {
            Some(_) => Apart::new(&body, carried.iter().map(|(k, _)| *k), &fixed)?,
            None => None,
        };
        Ok(Repeat {
            condition: build::build(attrs.graph("condition"))?,
            body: build::build_turn(&body, &fixed)?,
            apart,
            finals,
            carried,
            late,
            rows,
            extras,
            trips,
            reverse: attrs.bool("reverse"),
            spare: Spares::new(),
        })
    }
    /// The bytes of its plans and of its own set of carried values.
    pub(super) fn bytes(&self) -> usize {
        self.condition.bytes()
            + self.body.bytes().max(self.apart.as_ref().map_or(0, |apart| apart.parts * apart.body.bytes()))
            + self.carried.iter().map(|(_, bytes)| bytes).sum::<usize>()
    }
    pub(super) fn rooms(&self) -> Vec<Room> {
        [&self.condition, &self.body].into_iter().flat_map(|plan| plan.rooms()).collect()
    }
    pub(super) fn describe(&self) -> String {
        let turns = match self.trips {
            Some(n) => format!("{n} turns\n"),
            None => format!("as long as: {}", self.condition.describe()),
        };
        let late = if self.late.is_empty() { "" } else { "after all turns:\n" }.to_string();
        let late = self.late.iter().fold(late, |text, late| text + &late.describe());
        let apart = self.apart.as_ref().map_or(String::new(), |apart| {
            format!("shared out by rows: {} parts do all turns each\n", apart.parts)
        });
        format!("{turns}{apart}turn: {}{late}", self.body.describe())
    }
    /// Runs the loop: `targets` are the carried values, then the stacks.
    ///
    /// # Safety
    ///
    /// As for [`Plan::run_into`].
    pub(super) unsafe fn run(
        &self,
        operands: &[Arg],
        variables: &[Variable],
        targets: &[Target],
    ) -> Result<()> {
        let spare = match self.spare.take() {
            Some(spare) => spare,
            None => self.carried.iter().map(|(_, n)| Buffer::room(*n)).collect::<Result<_>>()?,
        };
        // SAFETY: the caller's promise; the spare set is this run's own.
        let ran = unsafe { self.shared(operands, variables, targets, &spare) };
        self.spare.put(spare);
        ran?;
        self.finish(operands, targets);
        Ok(())
    }
    /// All turns, shared out by rows of the batch if that can be done.
    ///
    /// # Safety
    ///
    /// As for `run`.
    unsafe fn shared(
        &self,
        operands: &[Arg],
        variables: &[Variable],
        targets: &[Target],
        spare: &[Buffer],
    ) -> Result<()> {
        let work = |apart: &Apart| apart.work.saturating_mul(self.trips.unwrap_or(1));
        let Some(apart) = self.apart.as_ref().filter(|apart| parallel::parts(work(apart)) > 1) else {
            // SAFETY: passed on.
            return unsafe { self.turns(None, operands, variables, targets, spare) };
        };
        // All parts multiply by the same packed matrices.
        let mut packs = apart.body.frame()?;
        // SAFETY: the arguments are operands, which the caller vouches for; parts have what is packed whole.
        unsafe { apart.body.pack(&mut packs, operands) };
        let panels = apart.body.panels(&packs);
        let failure = Mutex::new(None);
        parallel::indices(apart.parts, work(apart), &|part| {
            let part = Part { apart, part, panels: &panels };
            // SAFETY: passed on; parts write rows of their own.
            if let Err(e) = unsafe { self.turns(Some(part), operands, variables, targets, spare) } {
                *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(e);
            }
        });
        apart.body.keep(packs);
        failure.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
    }
    /// All turns, of a part of the batch or all of it.
    ///
    /// # Safety
    ///
    /// As for `run`, and nobody else has this part.
    unsafe fn turns(
        &self,
        part: Option<Part<'_>>,
        operands: &[Arg],
        variables: &[Variable],
        targets: &[Target],
        spare: &[Buffer],
    ) -> Result<()> {
        let carried = self.carried.len();
        let (finals, stacks) = targets.split_at(self.finals);
        let first_row = operands.len() - self.rows.len();
        let body = part.map_or(&self.body, |part| &part.apart.body);
        // Where this part of so many bytes begins, and its bytes.
        let piece = |bytes: usize| match part {
            Some(Part { apart, part, .. }) => (bytes / apart.parts * part, bytes / apart.parts),
            None => (0, bytes),
        };
        let source = |k: usize, Arg { ptr, bytes }: Arg| {
            let own = part.is_none_or(|part| part.apart.by_rows[k]);
            let (from, bytes) = if own { piece(bytes) } else { (0, bytes) };
            Arg { ptr: ptr.wrapping_add(from), bytes }
        };
        let target = |ptr: *mut u8, bytes: usize| {
            let (from, bytes) = piece(bytes);
            Target { ptr: ptr.wrapping_add(from), bytes }
        };
        let mut args: SmallVec<[Arg; 32]> =
            operands.iter().enumerate().map(|(k, arg)| source(k, *arg)).collect();
        let mut into: SmallVec<[Target; 32]> = SmallVec::from_slice(&targets[..carried + stacks.len()]);
        let (mut asks, mut does) = (self.condition.frame()?, body.frame()?);
        if let Some(part) = part {
            body.borrow_panels(&mut does, part.panels);
        }
        // With a known number of turns the last one writes the results.
        let mut to_finals = self.trips.is_none_or(|n| n % 2 == 1);
        let mut turn = 0;
        loop {
            match self.trips {
                Some(n) if turn == n => break,
                Some(_) => {}
                None => {
                    let mut goes_on = 0u8;
                    let answer = Target { ptr: &raw mut goes_on, bytes: 1 };
                    // SAFETY: the arguments are operands or a set that nobody writes now; the answer is one byte.
                    unsafe { self.condition.run_into(&mut asks, &args[..first_row], variables, &[answer])? };
                    if goes_on == 0 {
                        break;
                    }
                }
            }
            for ((into, spare), (k, bytes)) in into.iter_mut().zip(spare).zip(&self.carried) {
                *into = target(if to_finals { finals[*k].ptr } else { spare.as_ptr() }, *bytes);
            }
            let row = match (self.reverse, self.trips) {
                (true, Some(n)) => n - 1 - turn,
                _ => turn,
            };
            for (k, bytes) in self.rows.iter().enumerate() {
                let ptr = operands[first_row + k].ptr.wrapping_add(row * bytes);
                args[first_row + k] = source(first_row + k, Arg { ptr, bytes: *bytes });
            }
            for (k, bytes) in self.extras.iter().enumerate() {
                into[carried + k] = target(stacks[k].ptr.wrapping_add(row * bytes), *bytes);
            }
            if turn == 0 && part.is_none() {
                // SAFETY: the arguments are operands, which the caller vouches for.
                unsafe { body.pack(&mut does, &args) };
            }
            // SAFETY: a turn reads one set and writes the other; rows of operands and of stacks are inside them, because
            // both have as many rows as there are turns.
            unsafe { body.run_into(&mut does, &args, variables, &into)? };
            for (into, (k, _)) in into.iter().zip(&self.carried) {
                args[*k] = Arg { ptr: into.ptr, bytes: into.bytes };
            }
            to_finals = !to_finals;
            turn += 1;
        }
        for (k, bytes) in &self.carried {
            let (arg, target) = (args[*k], target(finals[*k].ptr, *bytes));
            if !std::ptr::eq(arg.ptr, target.ptr) {
                // SAFETY: operands and the spare set overlap no result.
                unsafe { std::ptr::copy_nonoverlapping(arg.ptr, target.ptr, arg.bytes) };
            }
        }
        self.condition.keep(asks);
        if part.is_some() {
            body.return_panels(&mut does);
        }
        body.keep(does);
        Ok(())
    }
    /// What is computed after all turns.
    fn finish(&self, operands: &[Arg], targets: &[Target]) {
        let (finals, stacks) = targets.split_at(self.finals);
        for late in &self.late {
            let rows = late.stacks.map(|stack| match stack {
                Stack::Operand(k) => operands[k],
                Stack::Made(k) => Arg { ptr: stacks[k].ptr.cast_const(), bytes: stacks[k].bytes },
            });
            let (from, into) = (operands[late.carried], finals[late.carried]);
            // SAFETY: stacks of operands are read only, those of results are complete; the sum overlaps none of them and
            // nobody else has it.
            unsafe {
                std::ptr::copy_nonoverlapping(from.ptr, into.ptr, from.bytes);
                let [a, b] = rows.map(|x| std::slice::from_raw_parts(x.ptr, x.bytes));
                late.run(a, b, std::slice::from_raw_parts_mut(into.ptr, into.bytes));
            }
        }
    }
}
