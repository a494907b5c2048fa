//! Where ways end and what they bring along.

use super::Open;
use super::list::Pushed;
use super::places::Sizes;
use crate::dim::Dim;
use crate::dtype::DType;
use crate::error::{Error, Place as Line, Result};
use crate::graph::{Graph, Node, Value};
use crate::op::Attrs;
use crate::ops;
use crate::shape::Meta;
use crate::tape::Told;
use crate::tensor::{Scalar, Tensor};
use crate::trace::context;
use crate::trace::flow::{self, Sub};
use smallvec::SmallVec;

/// Where a way ends. Numbers are places in the log: where the construct begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub(super) enum Target {
    /// Behind an `if`.
    Join(usize),
    /// Behind a loop of the host.
    Behind(usize),
    /// Before a turn of a loop of the host.
    Head(usize, usize),
    /// At the end of a function inside the traced one.
    Region(usize),
    /// At the end of the traced function.
    End,
    /// Before the next turn of a loop over tensors.
    Next(usize),
    /// Behind a loop over tensors, without asking its condition again.
    Break(usize),
}

impl Target {
    /// Where the program goes on by itself, so that a way need not wait there for the others.
    pub(super) fn goes_on(self) -> bool {
        !matches!(self, Target::End | Target::Next(_) | Target::Break(_))
    }
    /// Where the construct begins that this target ends.
    pub(super) fn begun(self) -> usize {
        match self {
            Target::Join(b) | Target::Behind(b) | Target::Head(b, _) | Target::Region(b) => b,
            Target::Next(b) | Target::Break(b) => b,
            Target::End => 0,
        }
    }
    /// Both ends of a turn bring what the loop carries, and a `break` its value too.
    pub(super) fn groups(self) -> [Target; 2] {
        match self {
            Target::Break(b) => [Target::Next(b), Target::Break(b)],
            other => [other; 2],
        }
    }
}

/// Tensors in the places of named variables.
#[derive(Clone, Default)]
pub(super) struct Values {
    pub(super) tensors: Vec<Tensor>,
    /// For each variable: its name, how many tensors it has, and its exact key.
    pub(super) places: Vec<(&'static str, usize, Vec<u64>)>,
    /// Which places are lists, and what they hold.
    pub(super) lists: Vec<(usize, Pushed)>,
    /// Which places have a shape that is declared.
    pub(super) sizes: Vec<(usize, Sizes)>,
    /// The lines that made the tensors, where the graph that they are of has ended.
    pub(super) made: Vec<Option<Line>>,
}

impl Values {
    pub(super) fn one(name: &'static str, tensors: Vec<Tensor>, words: Vec<u64>) -> Values {
        let n = tensors.len();
        Values { tensors, places: vec![(name, n, words)], ..Values::default() }
    }
    /// The values without what lists hold, and that for each of them.
    pub(super) fn apart(mut self, empty: &Values) -> (Values, Vec<Vec<Tensor>>) {
        let mut kept = vec![];
        let mut lists = vec![];
        let mut rest = std::mem::take(&mut self.tensors).into_iter();
        for (k, place) in self.places.iter_mut().enumerate() {
            let own: Vec<Tensor> = rest.by_ref().take(place.1).collect();
            match self.lists.iter().any(|l| l.0 == k) {
                true => {
                    lists.push(own);
                    *place = empty.places[k].clone();
                }
                false => kept.extend(own),
            }
        }
        (Values { tensors: kept, ..self }, lists)
    }
    /// The place that tensor `i` is in.
    fn place(&self, i: usize) -> usize {
        let mut end = 0;
        let found = self.places.iter().position(|p| {
            end += p.1;
            i < end
        });
        found.unwrap_or_default()
    }
    /// Keeps the lines that made the tensors: their graph is about to end.
    fn located(&mut self) {
        self.made = self.tensors.iter().map(context::made_at).collect();
    }
    /// The meta of tensor `i`, and where it comes from.
    fn shown(&self, i: usize, way: &str) -> String {
        let made = self.made.get(i).copied().flatten().or_else(|| context::made_at(&self.tensors[i]));
        let line = made.map_or(String::new(), |at| format!(" (made at {}:{})", at.file, at.line));
        format!("{} {way}{line}", self.tensors[i].meta())
    }
    /// What tensor `i` is in a turn: the sizes are open that a declared shape leaves open.
    pub(super) fn declared(&self, i: usize) -> Meta {
        let mut meta = self.tensors[i].meta().clone();
        if let Some((_, sizes)) = self.sizes.iter().find(|s| s.0 == self.place(i)) {
            let open = meta.shape.dims_mut().iter_mut().zip(sizes).filter(|d| d.1.is_none());
            open.for_each(|(dim, _)| *dim = Dim::symbol(ops::OPEN_DIM));
        }
        meta
    }
    /// That two ways bring the same kinds of things.
    pub(super) fn agree(&self, other: &Values, ways: Ways, at: Line) -> Result<()> {
        let [one, two] = ways.words();
        let fail = |text: String, hint: String| Err(Error::invalid("function", text).with_hint(hint).at(at));
        for (i, (x, y)) in self.tensors.iter().zip(&other.tensors).enumerate() {
            if !ways.may_be_one(&self.declared(i), x.meta(), y.meta()) {
                let name = self.places.get(self.place(i)).map_or("a value", |p| p.0);
                // A value that the user gave no name has one with words in it.
                let label = if name.contains(' ') { name.to_string() } else { format!("`{name}`") };
                let text = format!("{label} is {} and {}", self.shown(i, one), other.shown(i, two));
                return fail(text, ways.remedy(name, x.meta(), y.meta()));
            }
        }
        let differing = self.places.iter().zip(&other.places).find(|(x, y)| x.1 != y.1 || x.2 != y.2);
        if let Some(((name, ..), _)) = differing {
            return fail(
                format!(
                    "`{name}` is built otherwise {one} than {two}: it differs in a host value, a length or a variant"
                ),
                "only tensors can differ: what is pushed to a list must be as much each way, and over tensors a list is filled \
                 by `push` alone and read by `tf::stack(&list, ..)`; else use a tf::TensorArray"
                    .into(),
            );
        }
        Ok(())
    }
}

/// Two ways that must bring the same.
#[derive(Clone, Copy)]
pub(super) enum Ways {
    /// Both sides of an `if`; whether the one with the condition comes first.
    Sides(bool),
    /// Into a turn of a loop, and out of it.
    Turn,
}

impl Ways {
    fn words(self) -> [&'static str; 2] {
        match self {
            Ways::Sides(true) => ["where the condition holds", "where it does not"],
            Ways::Sides(false) => ["where the condition does not hold", "where it does"],
            Ways::Turn => ["before the loop's body", "after it"],
        }
    }
    /// Whether one meta can stand for both. `declared` is what the first may be.
    fn may_be_one(self, declared: &Meta, x: &Meta, y: &Meta) -> bool {
        let dim = |(open, (x, y)): (&Dim, (&Dim, &Dim))| match self {
            // What only the run decides is decided by the side that is taken.
            Ways::Sides(_) => x == y || x.is_run_time() || y.is_run_time(),
            Ways::Turn => x == y || open != x,
        };
        let mut dims = declared.shape.iter().zip(x.shape.iter().zip(y.shape.iter()));
        x.dtype == y.dtype && x.shape.rank() == y.shape.rank() && dims.all(dim)
    }
    fn remedy(self, name: &str, x: &Meta, y: &Meta) -> String {
        let variable = if name.contains(' ') { "x" } else { name };
        if x.dtype != y.dtype {
            return format!("a graph has one dtype for it: `{variable}.cast(tf::{})`", x.dtype);
        }
        match self {
            Ways::Sides(_) => {
                "a graph has one shape for it: make both the same, by `.broadcast_to(..)`, `.reshape(..)` or `tf::pad`"
                    .into()
            }
            Ways::Turn if x.shape.rank() != y.shape.rank() => {
                format!("what a loop carries keeps its number of axes: begin with the final one, `{variable}.reshape(..)`")
            }
            Ways::Turn => {
                let size = |(a, b): (&Dim, &Dim)| if a == b { a.to_string() } else { "_".into() };
                let sizes: Vec<String> = x.shape.iter().zip(y.shape.iter()).map(size).collect();
                format!(
                    "push what a turn makes to a list and `tf::stack` it behind the loop, write it to a `tf::TensorArray`, or begin \
                     with the final shape; a size that must change is declared before the loop, `#[tf::shape({variable}: [{}])]`, \
                     and makes it slower",
                    sizes.join(", ")
                )
            }
        }
    }
}

/// The present way at its end.
pub(super) struct Outcome {
    /// Where it may have come to; several if ways were merged that ended at different places.
    pub(super) targets: Vec<Target>,
    /// Which of them, as a number, if there are several.
    pub(super) code: Option<Tensor>,
    /// What it brings for each of them.
    pub(super) groups: Vec<(Target, Values)>,
}

impl Outcome {
    pub(super) fn single(target: Target, groups: Vec<(Target, Values)>) -> Outcome {
        Outcome { targets: vec![target], code: None, groups }
    }
    pub(super) fn group(&self, target: Target) -> Option<&Values> {
        self.groups.iter().find(|g| g.0 == target).map(|g| &g.1)
    }
    /// The results of the side's graph: the number, then what it brings.
    pub(super) fn flat(&self) -> Vec<Tensor> {
        self.code.iter().chain(self.groups.iter().flat_map(|g| &g.1.tensors)).cloned().collect()
    }
}

/// The side of an `if` that was traced first.
pub(super) struct First {
    pub(super) targets: Vec<Target>,
    coded: bool,
    /// As at its end; its tensors serve for their metas and identities only.
    groups: Vec<(Target, Values)>,
    sub: Sub,
    pub(super) side: bool,
}

impl First {
    /// Ends the graph of the present side.
    pub(super) fn close(mut outcome: Outcome, side: bool) -> Result<First> {
        outcome.groups.iter_mut().for_each(|g| g.1.located());
        let sub = flow::end_sub(&outcome.flat())?;
        let coded = outcome.code.is_some();
        Ok(First { targets: outcome.targets, coded, groups: outcome.groups, sub, side })
    }
}

/// Zeros where nothing is brought: never looked at, because the number says so.
pub(super) fn zeros(meta: &Meta) -> Tensor {
    let zero = zero(meta.dtype);
    if meta.shape.rank() == 0 { zero } else { ops::broadcast_to(&zero, meta.shape.clone()) }
}

/// The same in a graph that is finished.
fn zeros_in(graph: &mut Graph, meta: &Meta, at: Line) -> Value {
    let zero = constant_in(graph, zero(meta.dtype), at);
    if meta.shape.rank() == 0 {
        return zero;
    }
    let node = graph.push(Node {
        op: &ops::BROADCAST_TO,
        inputs: SmallVec::from_elem(zero, 1),
        attrs: Attrs::new().with("shape", &meta.shape),
        outputs: SmallVec::from_elem(meta.clone(), 1),
        at,
        scope: "",
        backward: false,
    });
    Value { node, output: 0 }
}

fn constant_in(graph: &mut Graph, x: Tensor, at: Line) -> Value {
    let node = graph.push(Node {
        op: &ops::CONSTANT,
        inputs: SmallVec::new(),
        outputs: SmallVec::from_elem(x.meta().clone(), 1),
        attrs: Attrs::new().with("value", x),
        at,
        scope: "",
        backward: false,
    });
    Value { node, output: 0 }
}

/// Makes the `if` of two finished sides: what differs between them becomes a result of the node.
pub(super) fn merge(
    open: &Open,
    first: First,
    mut outcome: Outcome,
    code: impl Fn(Target) -> i32,
) -> Result<(Outcome, Option<Told>)> {
    let ways = Ways::Sides(first.side);
    for (target, values) in &first.groups {
        if let Some(other) = outcome.group(*target) {
            values.agree(other, ways, open.at)?;
        }
    }
    let mut targets = first.targets.clone();
    outcome.targets.iter().for_each(|t| {
        if !targets.contains(t) {
            targets.push(*t)
        }
    });
    let mut groups: Vec<(Target, Values)> = first.groups.clone();
    outcome.groups.iter().for_each(|g| {
        if !groups.iter().any(|k| k.0 == g.0) {
            groups.push(g.clone())
        }
    });
    let coded = targets.len() > 1;
    let number = |target: Target| crate::constant(code(target));

    // The sides' results in one order: the number, then the groups; what a side does not bring is zeros.
    let First { sub: mut one, targets: own, coded: own_coded, groups: own_groups, side } = first;
    let old = std::mem::take(&mut one.graph.outputs);
    let mut rest = old[own_coded as usize..].iter();
    let mut brought: Vec<(Target, Vec<Value>)> = vec![];
    for (target, values) in &own_groups {
        brought.push((*target, rest.by_ref().take(values.tensors.len()).copied().collect()));
    }
    let mut ones: Vec<(Value, Option<usize>)> = vec![];
    if coded {
        let value = match own_coded {
            true => old[0],
            false => constant_in(&mut one.graph, number(own[0]), open.at),
        };
        ones.push((value, None));
    }
    for (target, values) in &groups {
        match brought.iter().position(|b| b.0 == *target) {
            Some(k) => {
                let ids = own_groups[k].1.tensors.iter().map(|x| Some(x.id()));
                ones.extend(brought[k].1.iter().copied().zip(ids));
            }
            None => {
                let metas: Vec<Meta> = values.tensors.iter().map(|x| x.meta().clone()).collect();
                ones.extend(metas.iter().map(|m| (zeros_in(&mut one.graph, m, open.at), None)));
            }
        }
    }
    let mut twos: Vec<Tensor> = vec![];
    if coded {
        twos.push(outcome.code.take().unwrap_or_else(|| number(outcome.targets[0])));
    }
    for (target, values) in &groups {
        match outcome.group(*target) {
            Some(values) => twos.extend(values.tensors.iter().cloned()),
            None => twos.extend(values.tensors.iter().map(|x| zeros(x.meta()))),
        }
    }
    // What neither side has changed stays what it is.
    let same: Vec<bool> = ones.iter().zip(&twos).map(|(one, two)| one.1 == Some(two.id())).collect();
    let changed = |i: &usize| !same[*i];
    one.graph.outputs = (0..ones.len()).filter(changed).map(|i| ones[i].0).collect();
    let results: Vec<Tensor> = (0..twos.len()).filter(changed).map(|i| twos[i].clone()).collect();
    let two = flow::end_sub(&results)?;
    let (then, otherwise) = if side { (one, two) } else { (two, one) };
    let (made, taped) = super::nodes::make_if(&open.condition, then, otherwise, open.at)?;
    let mut made = made.into_iter();
    let mut all = (0..twos.len()).map(|i| match same[i] {
        true => twos[i].clone(),
        false => made.next().unwrap_or_else(|| twos[i].clone()),
    });
    let code = if coded { all.next() } else { None };
    for (_, values) in &mut groups {
        values.made.clear();
        for x in &mut values.tensors {
            *x = all.next().unwrap_or_else(|| x.clone());
        }
    }
    drop(all);
    Ok((Outcome { targets, code, groups }, taped))
}

fn zero(dtype: DType) -> Tensor {
    let zero = if dtype == DType::Bool { Scalar::Bool(false) } else { Scalar::Int(0) };
    zero.tensor(dtype)
}
