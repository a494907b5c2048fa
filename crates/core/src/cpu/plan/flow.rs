//! Loops inside a plan.
//!
//! One of the few files with `unsafe`: what is carried lies in two sets of memory, the step's results and one of the loop's
//! own. A turn reads one and writes the other, so that turns allocate nothing; rows of stacks are written in place.

use super::program::Target;
use super::{Arg, Plan, build};
use crate::buffer::Buffer;
use crate::cpu::spares::Spares;
use crate::device::{Executable, Room};
use crate::error::{Error, Result};
use crate::graph::Node;
use crate::variable::Variable;
use smallvec::SmallVec;

/// A loop whose sizes are all known.
pub(super) struct Repeat {
    condition: Plan,
    body: Plan,
    /// Bytes of each carried value.
    carried: Vec<usize>,
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
        let (attrs, body) = (&node.attrs, node.attrs.graph("body"));
        let bytes = |v: &crate::graph::Value| {
            let meta = body.meta(*v);
            meta.bytes().ok_or_else(|| Error::internal("plan", format!("a loop over {meta}")))
        };
        let (carried, rows) = (attrs.int("carried") as usize, attrs.int("rows") as usize);
        let first_row = body.inputs.len() - rows;
        Ok(Repeat {
            condition: build::build(attrs.graph("condition"))?,
            body: build::build(body)?,
            carried: body.inputs[..carried].iter().map(bytes).collect::<Result<_>>()?,
            rows: body.inputs[first_row..].iter().map(bytes).collect::<Result<_>>()?,
            extras: body.outputs[carried..].iter().map(bytes).collect::<Result<_>>()?,
            trips: attrs.shape("trips")[0].size(),
            reverse: attrs.bool("reverse"),
            spare: Spares::new(),
        })
    }
    /// The bytes of its plans and of its own set of carried values.
    pub(super) fn bytes(&self) -> usize {
        self.condition.bytes() + self.body.bytes() + self.carried.iter().sum::<usize>()
    }
    pub(super) fn rooms(&self) -> Vec<Room> {
        [&self.condition, &self.body].into_iter().flat_map(|plan| plan.rooms()).collect()
    }
    pub(super) fn describe(&self) -> String {
        let turns = match self.trips {
            Some(n) => format!("{n} turns\n"),
            None => format!("as long as: {}", self.condition.describe()),
        };
        format!("{turns}turn: {}", self.body.describe())
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
            None => self.carried.iter().map(|n| Buffer::room(*n)).collect::<Result<_>>()?,
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
        let (finals, stacks) = targets.split_at(carried);
        let first_row = operands.len() - self.rows.len();
        let mut args: SmallVec<[Arg; 32]> = SmallVec::from_slice(operands);
        let mut into: SmallVec<[Target; 32]> = SmallVec::from_slice(targets);
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
            for k in 0..carried {
                let own = Target { ptr: spare[k].as_ptr(), bytes: self.carried[k] };
                into[k] = if to_finals { finals[k] } else { own };
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
            // SAFETY: a turn reads one set and writes the other; rows of operands and of stacks are inside them, because
            // both have as many rows as there are turns.
            unsafe { self.body.run_into(&mut does, &args, variables, &into)? };
            for k in 0..carried {
                args[k] = Arg { ptr: into[k].ptr, bytes: self.carried[k] };
            }
            to_finals = !to_finals;
            turn += 1;
        }
        for k in 0..carried {
            if !std::ptr::eq(args[k].ptr, finals[k].ptr) {
                // SAFETY: operands and the spare set overlap no result.
                unsafe { std::ptr::copy_nonoverlapping(args[k].ptr, finals[k].ptr, self.carried[k]) };
            }
        }
        self.condition.keep(asks);
        self.body.keep(does);
        Ok(())
    }
}
