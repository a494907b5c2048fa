//! What a call needs, said before it runs; and `max_bytes`, which refuses what needs too much.

use super::program::Program;
use crate::device::{Executable, Room};
use crate::error::{Error, Kind, Result};
use crate::graph::{Costs, passes};
use crate::ops;
use crate::shape::Meta;
use crate::variable::Variable;

/// The memory that a call needs, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryNeeds {
    /// Arguments, and tensors from outside that the body uses.
    pub arguments: usize,
    /// The variables that it reads or writes.
    pub variables: usize,
    /// What it gives back.
    pub results: usize,
    /// What it needs in between, as it is planned; `None` where sizes, and so the plan, are known only when it runs.
    pub temporary: Option<usize>,
}

impl MemoryNeeds {
    /// All of it: the most that is in use at one time.
    pub fn peak(&self) -> Option<usize> {
        self.temporary.map(|_| self.least())
    }
    /// What is known of it.
    fn least(&self) -> usize {
        self.arguments + self.variables + self.results + self.temporary.unwrap_or(0)
    }
}

/// How many results an error names.
const NAMED: usize = 4;

impl Program {
    /// What a run computes and moves.
    pub(crate) fn costs(&self) -> Result<Costs> {
        Ok(passes::optimise_inside(&self.graph, &self.graph.variables, self.device, self.wishes.fast_math)?
            .costs())
    }
    /// The memory that a run needs.
    pub(crate) fn needs(&self) -> Result<MemoryNeeds> {
        Ok(self.needs_of(&**self.planned()?))
    }
    fn needs_of(&self, executable: &dyn Executable) -> MemoryNeeds {
        let graph = &self.graph;
        let bytes = |metas: &mut dyn Iterator<Item = &Meta>| metas.map(|m| m.bytes().unwrap_or(0)).sum();
        MemoryNeeds {
            arguments: bytes(&mut graph.inputs.iter().map(|v| graph.meta(*v))),
            variables: bytes(&mut self.variables.iter().map(Variable::meta)),
            results: bytes(&mut graph.outputs.iter().map(|v| graph.meta(*v))),
            temporary: executable.temporary(),
        }
    }
    /// Why this must not run, if it needs more than it may.
    pub(super) fn refusal(&self, executable: &dyn Executable) -> Option<Error> {
        let (max, needs) = (self.wishes.max_bytes?, self.needs_of(executable));
        let least = needs.least();
        if least <= max {
            return None;
        }
        let mut text = format!(
            "a call needs {}{}, more than max_bytes = {}: {} for arguments, {} for variables, {} for results",
            if needs.temporary.is_none() { "at least " } else { "" },
            text_of(least),
            text_of(max),
            text_of(needs.arguments),
            text_of(needs.variables),
            text_of(needs.results),
        );
        if let Some(temporary) = needs.temporary {
            text += &format!(", {} in between", text_of(temporary));
        }
        let rooms = joined(executable.rooms());
        let names: Vec<String> = rooms.iter().take(NAMED).map(named).collect();
        if !names.is_empty() {
            text += &format!("; the largest that it computes: {}", names.join(", "));
        }
        let outside = needs.arguments + needs.variables;
        let less = match rooms.first() {
            _ if needs.variables > max => "its variables alone are too large: make the model smaller",
            _ if outside > least / 2 => "call it with smaller arguments, or keep less in variables",
            Some(room) if room.op == ops::WHILE.name => {
                "take fewer turns at a time, or let `GradientTape::recompute_loops` keep less of each"
            }
            _ => "call it with less at a time, such as a smaller batch",
        };
        let allow = format!("or allow it: #[tf::function(max_bytes = {})]", suggested(least));
        Some(Error::new(Kind::ResourceExhausted, self.name, text).with_hint(format!("{less}; {allow}")))
    }
}

/// The rooms of one op at one line as one, the largest first.
fn joined(rooms: Vec<Room>) -> Vec<Room> {
    let mut joined: Vec<Room> = vec![];
    for room in rooms {
        match joined.iter_mut().find(|r| r.op == room.op && r.at == room.at) {
            Some(same) => same.bytes += room.bytes,
            None => joined.push(room),
        }
    }
    joined.sort_by_key(|r| std::cmp::Reverse(r.bytes));
    joined
}

fn named(room: &Room) -> String {
    format!("{} by `{}` at {}:{}", text_of(room.bytes), room.op, room.at.file, room.at.line)
}

const UNITS: [(&str, usize); 4] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

/// `2 GiB`, `1.5 KiB`, `17 bytes`.
fn text_of(bytes: usize) -> String {
    match UNITS.iter().find(|(_, n)| bytes >= *n) {
        Some((unit, n)) => {
            let tenths = (bytes as f64 / *n as f64 * 10.0).round() / 10.0;
            format!("{tenths} {unit}")
        }
        None => format!("{bytes} bytes"),
    }
}

/// What to write to allow so much.
fn suggested(bytes: usize) -> String {
    match UNITS.iter().find(|(_, n)| bytes >= *n) {
        Some((unit, n)) => format!("\"{} {unit}\"", (bytes as f64 / *n as f64 * 10.0).ceil() / 10.0),
        None => bytes.to_string(),
    }
}
