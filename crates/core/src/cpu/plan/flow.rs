//! Loops inside a plan.
//!
//! One of the few files with `unsafe`: what is carried lies in two sets of memory, the step's results and one of the loop's
//! own. A turn reads one and writes the other, so that turns allocate nothing; rows of stacks are written in place. What can
//! be computed from stacks after all turns is not carried (`late.rs`), and what turns multiply by is packed before the first one
//! (`packed.rs`).

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

/// So many turns are too few to pack for them what they multiply by.
const FEW_TURNS: usize = 4;

/// A loop whose sizes are all known.
pub(super) struct Repeat {
    condition: Plan,
    body: Plan,
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
        Ok(Repeat {
            condition: build::build(attrs.graph("condition"))?,
            // In a few turns packing costs what it saves.
            body: match attrs.shape("trips")[0].size() {
                Some(0..FEW_TURNS) => build::build(&body)?,
                _ => build::build_turn(&body, &(finals..first_row))?,
            },
            finals,
            carried,
            late,
            rows,
            extras,
            trips: attrs.shape("trips")[0].size(),
            reverse: attrs.bool("reverse"),
            spare: Spares::new(),
        })
    }
    /// The bytes of its plans and of its own set of carried values.
    pub(super) fn bytes(&self) -> usize {
        self.condition.bytes()
            + self.body.bytes()
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
        format!("{turns}turn: {}{late}", self.body.describe())
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
        let ran = unsafe { self.turns(operands, variables, targets, &spare) };
        self.spare.put(spare);
        ran
    }
    /// # Safety
    ///
    /// As for `run`.
    unsafe fn turns(
        &self,
        operands: &[Arg],
        variables: &[Variable],
        targets: &[Target],
        spare: &[Buffer],
    ) -> Result<()> {
        let carried = self.carried.len();
        let (finals, stacks) = targets.split_at(self.finals);
        let first_row = operands.len() - self.rows.len();
        let mut args: SmallVec<[Arg; 32]> = SmallVec::from_slice(operands);
        let mut into: SmallVec<[Target; 32]> = SmallVec::from_slice(&targets[..carried + stacks.len()]);
        let (mut asks, mut does) = (self.condition.frame()?, self.body.frame()?);
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
                let own = Target { ptr: spare.as_ptr(), bytes: *bytes };
                *into = if to_finals { finals[*k] } else { own };
            }
            let row = match (self.reverse, self.trips) {
                (true, Some(n)) => n - 1 - turn,
                _ => turn,
            };
            for (k, bytes) in self.rows.iter().enumerate() {
                let ptr = operands[first_row + k].ptr.wrapping_add(row * bytes);
                args[first_row + k] = Arg { ptr, bytes: *bytes };
            }
            for (k, bytes) in self.extras.iter().enumerate() {
                into[carried + k] = Target { ptr: stacks[k].ptr.wrapping_add(row * bytes), bytes: *bytes };
            }
            if turn == 0 {
                // SAFETY: the arguments are operands, which the caller vouches for.
                unsafe { self.body.pack(&mut does, &args) };
            }
            // SAFETY: a turn reads one set and writes the other; rows of operands and of stacks are inside them, because
            // both have as many rows as there are turns.
            unsafe { self.body.run_into(&mut does, &args, variables, &into)? };
            for (into, (k, bytes)) in into.iter().zip(&self.carried) {
                args[*k] = Arg { ptr: into.ptr, bytes: *bytes };
            }
            to_finals = !to_finals;
            turn += 1;
        }
        for (arg, target) in args.iter().zip(finals) {
            if !std::ptr::eq(arg.ptr, target.ptr) {
                // SAFETY: operands and the spare set overlap no result.
                unsafe { std::ptr::copy_nonoverlapping(arg.ptr, target.ptr, arg.bytes) };
            }
        }
        for late in &self.late {
            let rows = late.stacks.map(|stack| match stack {
                Stack::Operand(k) => operands[k],
                Stack::Made(k) => Arg { ptr: stacks[k].ptr.cast_const(), bytes: stacks[k].bytes },
            });
            let into = finals[late.carried];
            // SAFETY: stacks of operands are read only, those of results are complete; the sum overlaps none of them and
            // nobody else has it.
            unsafe {
                let [a, b] = rows.map(|x| std::slice::from_raw_parts(x.ptr, x.bytes));
                late.run(a, b, std::slice::from_raw_parts_mut(into.ptr, into.bytes));
            }
        }
        self.condition.keep(asks);
        self.body.keep(does);
        Ok(())
    }
}
