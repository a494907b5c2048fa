//! A way has come to an end: which other ways end there too, and what then.

use super::outcome::{First, Outcome, Target, Values, merge};
use super::{Event, Explorer, Joined, Open, abandon, explorer, loops, quietly};
use crate::error::{Error, Place as Line, Result};
use crate::tape;
use crate::tape::Told;
use crate::tensor::Tensor;
use crate::trace::flow;

/// What becomes of a way that has come to its end.
enum Step {
    /// It goes on, with these values if ways were merged into it, and the `if` that was merged last.
    On(Option<(Outcome, Option<Told>, usize)>),
    /// Another way must be run first.
    Again,
    /// It ends a turn of the innermost loop over tensors.
    Turned(Outcome),
}

/// The present way has come to `target` with these values. Gives what they are after all ways that end there have met, or
/// `None` if the way goes on as it is.
pub(super) fn arrive(target: Target, values: Values, at: Line) -> Result<Option<Vec<Tensor>>> {
    arrive_with(target, vec![(target.groups()[0], values)], at)
}

/// The same with all that the way brings.
pub(super) fn arrive_with(
    target: Target,
    mut groups: Vec<(Target, Values)>,
    at: Line,
) -> Result<Option<Vec<Tensor>>> {
    // What the way brings out of a loop that is a node now.
    let mut out = None;
    loop {
        match explorer(|e| e.arrived_before(target))?? {
            Before::Never => break,
            Before::Answer(answer) => return Ok(answer.or(out)),
            Before::Out(brought) => {
                out = Some(flat(&brought));
                groups = brought;
            }
        }
    }
    explorer(|e| e.keep_exit(target))?;
    match quietly(|| settle(target, Outcome::single(target, groups)))? {
        Step::Again => abandon(),
        Step::Turned(outcome) => loops::turned(target, outcome, at),
        Step::On(None) => {
            if matches!(target, Target::Join(_)) || explorer(|e| e.has_ways_since(target.begun()))? {
                explorer(|e| e.note(Event::Passed(target)))?;
            }
            Ok(out)
        }
        Step::On(Some((outcome, taped, begun))) => {
            let values = flat(&outcome.groups);
            explorer(|e| {
                e.tell(begun, taped.as_ref());
                e.note(Event::Joined(target, Joined { values: values.clone(), taped, begun }));
            })?;
            Ok(Some(values))
        }
    }
}

fn flat(groups: &[(Target, Values)]) -> Vec<Tensor> {
    groups.iter().flat_map(|g| g.1.tensors.iter().cloned()).collect()
}

/// What an arrival gave in the run before.
enum Before {
    Never,
    Answer(Option<Vec<Tensor>>),
    Out(Vec<(Target, Values)>),
}

/// Whether `open` is between the target and the way that has come there.
fn inside(open: &Open, target: Target) -> bool {
    match target {
        Target::End => true,
        Target::Join(begun) => open.begun >= begun,
        other => open.begun > other.begun(),
    }
}

/// Goes outwards over the open ifs between here and the target.
fn settle(target: Target, mut outcome: Outcome) -> Result<Step> {
    let mut merged: Option<(Option<Told>, usize)> = None;
    loop {
        let (open, turning) =
            explorer(|e| (e.open.last().map(|o| o.begun), e.turning.last().map(|t| t.begun)))?;
        if turning > open {
            let within = target.goes_on() && Some(target.begun()) > turning;
            if !within {
                return Ok(Step::Turned(outcome));
            }
            break;
        }
        let Some(mut open) = explorer(|e| e.open.pop_if(|o| inside(o, target)))? else { break };
        let Some(first) = open.first.take() else {
            let first = First::close(outcome, open.side)?;
            return turn_to(open, first);
        };
        let alone = outcome.targets.len() == 1 && target.goes_on();
        if first.targets != outcome.targets && alone {
            open.first = Some(first);
            explorer(|e| e.open.push(open))?;
            break;
        }
        if first.targets != outcome.targets && first.targets.len() == 1 && first.targets[0].goes_on() {
            // The first side would have gone on, had it been known that this one leaves: now it is.
            let this = First::close(outcome, open.side)?;
            return turn_to(open, this);
        }
        let begun = open.begun;
        let codes = explorer(|e| {
            e.rewind(begun);
            first.targets.iter().chain(&outcome.targets).map(|t| (*t, e.code(*t))).collect::<Vec<_>>()
        })?;
        let code = |target| codes.iter().find(|c| c.0 == target).map_or(0, |c| c.1);
        let (both, taped) = merge(&open, first, outcome, code)?;
        outcome = both;
        merged = Some((taped, begun));
    }
    Ok(Step::On(merged.map(|(taped, begun)| (outcome, taped, begun))))
}

/// Begins the other side of an `if`, knowing how this one ended.
fn turn_to(mut open: Open, ended: First) -> Result<Step> {
    open.side = !ended.side;
    open.first = Some(ended);
    explorer(|e| {
        e.log.truncate(open.begun);
        e.log.push(Event::Side(open.side));
    })?;
    flow::begin_sub(if open.side { "then" } else { "otherwise" }, &[])?;
    explorer(|e| e.open.push(open))?;
    Ok(Step::Again)
}

impl Explorer {
    fn arrived_before(&mut self, target: Target) -> Result<Before> {
        match self.peek() {
            None => Ok(Before::Never),
            Some(Event::Joined(known, joined)) if *known == target => {
                let joined = joined.clone();
                self.at += 1;
                self.tell(joined.begun, joined.taped.as_ref());
                Ok(Before::Answer(Some(joined.values)))
            }
            Some(Event::Passed(known)) if *known == target => {
                self.at += 1;
                Ok(Before::Answer(None))
            }
            Some(Event::Left { out: Some(groups), taped, begun, .. }) => {
                let (groups, taped, begun) = (groups.clone(), taped.clone(), *begun);
                self.at += 1;
                self.leave(begun, taped.as_ref());
                Ok(Before::Out(groups))
            }
            Some(_) => {
                self.at += 1;
                Err(self.differs("the end of a way"))
            }
        }
    }
    /// Takes back what the tapes of this run noted since an `if` or a loop began.
    pub(super) fn rewind(&self, begun: usize) {
        if let Some(marks) = self.marks.get(&begun) {
            tape::rewind(marks);
        }
    }
    /// Tells the tapes of a node in place of what happened inside it.
    pub(super) fn tell(&self, begun: usize, taped: Option<&Told>) {
        self.rewind(begun);
        if let Some(taped) = taped {
            taped.again();
        }
    }
}

/// An error that only a bug of the explorer can cause.
#[cold]
pub(super) fn bug(text: &str) -> Error {
    Error::internal("function", text.to_string())
}
