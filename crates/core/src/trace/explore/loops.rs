//! What the code that `#[function]` writes calls around loops.

use super::arrive::{arrive, arrive_with, bug};
use super::faces::{Condition, InGraph, decided};
use super::list::Pushed;
use super::nodes;
use super::outcome::{First, Outcome, Target, Values, Ways, zeros};
use super::places::{Left, MaybePlace, Places, State};
use super::ranges::IntoLoop;
use super::{Event, Open, Turning, Turns, abandon, explorer, exploring, quietly};
use crate::dim::Dim;
use crate::dtype::DType;
use crate::error::{Error, OrRaise, Place as Line, Result};
use crate::ops;
use crate::shape::{Meta, Shape};
use crate::tape;
use crate::tape::Told;
use crate::tensor::Tensor;
use crate::trace::context;
use crate::trace::flow::{self, Sub};

/// A `while` begins; the closure only tells what kind of condition it has.
pub fn while_loop<C: Condition>(_: impl FnOnce() -> C) -> C::Loop {
    C::Loop::default()
}

/// A `loop` begins.
pub fn bare() -> BareLoop {
    BareLoop::default()
}

/// A `for` begins.
#[track_caller]
pub fn for_loop<I: IntoLoop>(x: I) -> I::Loop {
    x.into_loop(Line::caller())
}

/// What the three kinds of loops share while a body is run.
#[derive(Default)]
pub struct Loops {
    /// Where in the log it began, if a body is explored.
    begun: Option<usize>,
    turns: usize,
    /// It is a node now, and what is carried has been set.
    left: bool,
    /// What `break` gave.
    value: Vec<Tensor>,
    /// A turn may be left under a condition: ways can meet before the next one.
    leaves: bool,
}

/// What the present turn is.
pub(super) enum Head {
    /// The first of a loop that is traced: variables become symbols.
    Symbols(Vec<Tensor>),
    /// The loop is a node: variables become its results.
    Left(Left),
}

impl Loops {
    /// A turn of a loop of the host begins.
    pub(super) fn host_head(&mut self, places: &mut Places<'_>, at: Line) -> Result<()> {
        self.host_turn(places, at)?;
        self.renew(places, at)
    }
    /// In a loop whose turns cannot be left nothing ever meets.
    fn renew(&self, places: &mut Places<'_>, at: Line) -> Result<()> {
        match self.leaves && places.other().is_none() {
            true => places.renew(at),
            false => Ok(()),
        }
    }
    /// Turns of it may be left.
    pub(super) fn leaves(&mut self) {
        self.leaves = true;
    }
    fn host_turn(&mut self, places: &mut Places<'_>, at: Line) -> Result<()> {
        if !exploring() {
            return Ok(());
        }
        self.turns += 1;
        let Some(begun) = self.begun else {
            self.begun = Some(explorer(|e| e.mark())??);
            return Ok(());
        };
        self.host_meet(Target::Head(begun, self.turns), places, at)
    }
    /// A loop of the host has ended.
    pub(super) fn host_after(&mut self, places: &mut Places<'_>, at: Line) -> Result<()> {
        match self.begun {
            Some(begun) if exploring() => self.host_meet(Target::Behind(begun), places, at)?,
            _ => {}
        }
        self.renew(places, at)
    }
    fn host_meet(&mut self, target: Target, places: &mut Places<'_>, at: Line) -> Result<()> {
        // With a host value among them the ways stay apart, and each keeps its own.
        if places.other().is_none()
            && explorer(|e| e.has_ways_since(target.begun()))?
            && let Some(values) = arrive(target, places.values(), at)?
        {
            places.set(&values);
        }
        Ok(())
    }
    /// A turn of a loop over tensors begins. `Some` the first time, and when it is over.
    pub(super) fn tensor_head(
        &mut self,
        kind: impl FnOnce() -> Turns,
        places: &mut Places<'_>,
        at: Line,
    ) -> Result<Head> {
        if let Some(name) = places.other() {
            let text =
                format!("`{name}` is changed in a loop that a tensor ends, and is not made of tensors");
            return Err(Error::invalid("function", text)
                .with_hint("a graph holds any number of turns: make it a tensor, `tf::constant(..)`")
                .at(at));
        }
        self.turns += 1;
        if let Some(begun) = self.begun {
            if arrive(Target::Next(begun), places.values(), at)?.is_some() {
                return Err(bug("a turn met others before its loop was a node"));
            }
            return self.answer();
        }
        let begun = explorer(|e| {
            e.marks.insert(e.at, tape::marks());
            e.at
        })?;
        self.begun = Some(begun);
        places.check_sizes(at)?;
        places.enter();
        match explorer(|e| e.peek().cloned())? {
            Some(_) => self.answer(),
            None => {
                let initial = places.values();
                let depth = context::depth();
                let kind = kind();
                let counter = matches!(kind, Turns::For(_));
                let metas = carried(&initial, counter);
                let symbols = flow::begin_sub(
                    if matches!(kind, Turns::Asking) { "condition" } else { "body" },
                    &metas,
                )?;
                explorer(|e| {
                    e.note(Event::Turn(symbols.clone()));
                    let symbols = symbols.clone();
                    let exit = None;
                    e.turning.push(Turning { begun, kind, initial, metas, symbols, exit, depth, at });
                })?;
                Ok(Head::Symbols(symbols))
            }
        }
    }
    /// What the log says of the loop at this place.
    fn answer(&mut self) -> Result<Head> {
        match explorer(|e| e.next())? {
            Some(Event::Turn(symbols)) => Ok(Head::Symbols(symbols)),
            Some(Event::Left { carried, value, taped, begun, .. }) => {
                self.left = true;
                self.value = value;
                explorer(|e| e.leave(begun, taped.as_ref()))?;
                Ok(Head::Left(carried))
            }
            _ => Err(explorer(|e| e.differs("a loop over tensors"))?),
        }
    }
    /// A loop over tensors has been left; by `break` if it is no node yet.
    pub(super) fn tensor_after(
        &mut self,
        places: &mut Places<'_>,
        value: &mut Places<'_>,
        at: Line,
    ) -> Result<()> {
        if let Some(begun) = self.begun {
            self.come_out(begun, places, value, at)?;
        }
        Loops::after(places, value, at)
    }
    fn after(places: &mut Places<'_>, value: &mut Places<'_>, at: Line) -> Result<()> {
        // The way back comes to what is carried first.
        value.renew(at)?;
        places.renew(at)
    }
    fn come_out(
        &mut self,
        begun: usize,
        places: &mut Places<'_>,
        value: &mut Places<'_>,
        at: Line,
    ) -> Result<()> {
        if !self.left {
            let known = explorer(|e| matches!(e.peek(), Some(Event::Left { .. })))?;
            if !known {
                let groups =
                    vec![(Target::Next(begun), places.values()), (Target::Break(begun), value.values())];
                if arrive_with(Target::Break(begun), groups, at)?.is_some() {
                    return Err(bug("a break met others before its loop was a node"));
                }
            }
            match self.answer()? {
                Head::Left(left) => places.leave(&left)?,
                Head::Symbols(_) => return Err(bug("a loop began where it ended")),
            }
        }
        value.set(&self.value);
        Ok(())
    }
}

/// Names and metas of what a loop carries.
fn carried(values: &Values, counter: bool) -> Vec<(String, Meta)> {
    let turn = counter.then(|| ("turn".to_string(), Meta::new(DType::I32, Shape::scalar())));
    let names = values.places.iter().flat_map(|p| std::iter::repeat_n(p.0, p.1));
    turn.into_iter().chain(names.enumerate().map(|(i, n)| (n.to_string(), values.declared(i)))).collect()
}

impl super::Explorer {
    /// A way leaves loops that Rust can leave only so: how is kept, by `break` if there is one.
    pub(super) fn keep_exit(&mut self, target: Target) {
        for turning in &mut self.turning {
            let (own, begun) = (Target::Break(turning.begun), turning.begun);
            let leaves = target == own
                || (target != Target::Next(begun) && (target == Target::End || target.begun() <= begun));
            let better = turning.exit.as_ref().is_none_or(|exit| exit.0 != own && target == own);
            if matches!(turning.kind, Turns::Bare) && leaves && better {
                turning.exit = Some((target, self.log.clone()));
            }
        }
    }
    /// The loop that began there has become a node: tapes hear of it, and ways that left it further out stand beside.
    pub(super) fn leave(&mut self, begun: usize, taped: Option<&Told>) {
        self.tell(begun, taped);
        while let Some(Event::Parted) = self.peek() {
            self.marks.insert(self.at, tape::marks());
            self.at += 1;
        }
    }
    /// A loop without a condition ends by a tensor: it is to be traced as a loop over tensors, not turn by turn.
    fn is_a_tensor_loop(&mut self, begun: usize) {
        self.drop_since(begun);
        self.log.truncate(begun);
        self.tensor_loops.insert(begun);
    }
}

/// All ways through the body have come to an end: the loop becomes a node, and the run goes on behind it.
pub(super) fn turned(target: Target, outcome: Outcome, at: Line) -> Result<Option<Vec<Tensor>>> {
    let Some(mut turning) = explorer(|e| e.turning.pop())? else {
        return Err(bug("no loop is being traced"));
    };
    let (begun, line) = (turning.begun, turning.at);
    let (next, leave) = (Target::Next(begun), Target::Break(begun));
    let bare = matches!(turning.kind, Turns::Bare);
    let exit = turning.exit.take();
    let mut outside: Vec<Target> =
        outcome.targets.iter().copied().filter(|t| *t != next && *t != leave).collect();
    // A loop that is never left for the place behind it: one of its ends further out is where the run goes on.
    let only = match bare && !outcome.targets.contains(&leave) {
        false => None,
        true => match (outside.contains(&target), &exit) {
            (true, _) => Some(target),
            (false, Some(exit)) => Some(exit.0),
            (false, None) => {
                return Err(Error::invalid(
                    "function",
                    "this `loop` never ends: no way through its body leaves it",
                )
                .with_hint("leave it by `break` or `return` under a condition")
                .at(line));
            }
        },
    };
    outside.retain(|t| Some(*t) != only);
    let Node { carried, value, code, groups, taped } = quietly(|| make(turning, &outcome))?;
    let brought = |end: Target| -> Vec<(Target, Values)> {
        groups.iter().filter(|g| end.groups().contains(&g.0)).cloned().collect()
    };

    let stays = match only {
        Some(only) => target == only,
        None => (target == next && !bare) || target == leave,
    };
    let log = match (bare, stays, exit) {
        (false, ..) => explorer(|e| e.log[..begun].to_vec())?,
        (true, true, _) => explorer(|e| e.log.clone())?,
        (true, false, Some(exit)) => exit.1,
        (true, false, None) => return Err(bug("no way is known that leaves a loop")),
    };
    explorer(|e| {
        e.log = log;
        e.log.push(Event::Left { carried, value, out: only.map(&brought), taped, begun });
        e.at = e.log.len() - 1;
    })?;
    for end in &outside {
        part(*end, brought(*end), code.as_ref(), line)?;
    }
    match (stays, only) {
        (false, _) => abandon(),
        (true, None) => Ok(None),
        (true, Some(only)) => arrive_with(only, vec![], at),
    }
}

/// The ways that left a loop for `end` are one side of an `if`; the run goes on in the other.
fn part(end: Target, groups: Vec<(Target, Values)>, code: Option<&Tensor>, at: Line) -> Result<()> {
    let Some(code) = code else { return Err(bug("a loop with several ends has no number for them")) };
    let depth = context::depth();
    let condition = quietly(|| ops::try_equal(code, crate::constant(explorer(|e| e.code(end))?)))?;
    flow::begin_sub("leave", &[])?;
    let first = First::close(Outcome::single(end, groups), true)?;
    explorer(|e| {
        let begun = e.log.len();
        e.log.push(Event::Parted);
        e.open.push(Open { begun, condition, side: false, first: Some(first), depth, at });
    })?;
    flow::begin_sub("stay", &[])?;
    Ok(())
}

/// A loop as a node of the graph.
struct Node {
    carried: Left,
    value: Vec<Tensor>,
    /// Where it was left for.
    code: Option<Tensor>,
    /// What is brought to places further out.
    groups: Vec<(Target, Values)>,
    taped: Option<Told>,
}

fn make(turning: Turning, outcome: &Outcome) -> Result<Node> {
    let Turning { begun, kind, initial, mut metas, symbols, at, .. } = turning;
    let (next, leave) = (Target::Next(begun), Target::Break(begun));
    let counter = matches!(kind, Turns::For(_)) as usize;
    let n = initial.tensors.len();
    let number = |t: Target| explorer(|e| crate::constant(e.code(t)));

    // What the turn makes of what is carried.
    let mut own = Values { tensors: symbols[counter..].to_vec(), ..initial.clone() };
    let mut pushes = vec![];
    if let Some(values) = outcome.group(next) {
        (own, pushes) = values.clone().apart(&initial);
        initial.agree(&own, Ways::Turn, at)?;
    }
    if let Some(x) = pushes.iter().flatten().find(|x| x.shape().iter().any(|d| d.is_run_time())) {
        let text = format!("what is pushed in a turn must have a shape that is known, it is {}", x.meta());
        return Err(Error::invalid("function", text)
            .with_hint(
                "a list that an inner loop over tensors fills is stacked, and reduced, before the turn ends",
            )
            .at(at));
    }
    let mut results: Vec<Tensor> = vec![];
    if counter == 1 {
        results.push(ops::try_add(&symbols[0], 1)?);
    }
    results.extend(own.tensors);
    let pushed: Vec<Pushed> = own.lists.iter().map(|l| l.1.clone()).collect();
    let stacked: Vec<Tensor> = pushes.iter().flatten().cloned().collect();

    // Whether and where it was left.
    let mut extra: Vec<(Tensor, Tensor)> = vec![];
    let leaves = outcome.targets.as_slice() != [next];
    let several = outcome.targets.iter().any(|t| *t != next && *t != leave);
    if leaves {
        let on = match &outcome.code {
            Some(code) => ops::try_equal(code, &number(next)?)?,
            None => crate::constant(false),
        };
        extra.push((crate::constant(true), on));
    }
    if several {
        let code = match &outcome.code {
            Some(code) => code.clone(),
            None => number(outcome.targets[0])?,
        };
        extra.push((number(next)?, code));
    }
    let groups: Vec<(Target, Values)> = outcome.groups.iter().filter(|g| g.0 != next).cloned().collect();
    let payload: Vec<Tensor> = groups.iter().flat_map(|g| g.1.tensors.iter().cloned()).collect();
    results.extend(
        extra.iter().map(|x| x.1.clone()).chain(payload.iter().cloned()).chain(stacked.iter().cloned()),
    );
    let mut body = flow::end_sub(&results)?;

    // What stands before the first turn.
    let mut first: Vec<Tensor> = vec![];
    if counter == 1 {
        first.push(crate::constant(0));
    }
    first.extend(initial.tensors.iter().cloned());
    let own = first.len();
    first.extend(extra.iter().map(|x| x.0.clone()));
    first.extend(payload.iter().map(|x| zeros(x.meta())));
    metas.extend(first[own..].iter().enumerate().map(|(i, x)| (format!("way_{i}"), x.meta().clone())));
    nodes::widen(&mut body, own, &metas[own..]);

    let condition = condition(&kind, &metas, own, leaves, at)?;
    let trips = match (&kind, leaves) {
        (Turns::For(count), false) => trips(count),
        _ => None,
    };
    explorer(|e| e.rewind(begun))?;
    let (made, taped) = nodes::make_while(&first, condition, body, stacked.len(), trips, at)?;
    let mut made = made.into_iter();
    let mut take = |n: usize| made.by_ref().take(n).collect::<Vec<Tensor>>();
    take(counter);
    let carried = take(n);
    take(leaves as usize);
    let code = take(several as usize).pop();
    let (mut left, mut value) = (vec![], vec![]);
    for (target, values) in groups {
        let tensors = take(values.tensors.len());
        match target == leave {
            true => value = tensors,
            false => left.push((target, Values { tensors, made: vec![], ..values })),
        }
    }
    // Each place in its turn: what it carried, or what was stacked for it.
    let mut carried = carried.into_iter();
    let mut tensors = vec![];
    for (k, place) in initial.places.iter().enumerate() {
        match initial.lists.iter().position(|l| l.0 == k) {
            Some(list) => tensors.extend(take(pushes.get(list).map_or(0, Vec::len))),
            None => tensors.extend(carried.by_ref().take(place.1)),
        }
    }
    Ok(Node { carried: Left { tensors, pushed }, value, code, groups: left, taped })
}

/// The graph that decides whether another turn comes.
fn condition(kind: &Turns, metas: &[(String, Meta)], own: usize, leaves: bool, at: Line) -> Result<Sub> {
    let symbols = flow::begin_sub("condition", metas)?;
    let on = leaves.then(|| symbols[own].clone());
    let result = match (kind, on) {
        (Turns::Asking, _) => return Err(bug("a loop's condition was not traced")),
        (Turns::Bare, Some(on)) => on,
        (Turns::Bare, None) => crate::constant(true),
        (Turns::For(count), on) => {
            let more = ops::try_less(&symbols[0], count)?;
            match on {
                Some(on) => ops::try_logical_and(&more, &on)?,
                None => more,
            }
        }
        (Turns::While(asked), None) => nodes::splice(asked, &symbols[..own])?.swap_remove(0),
        (Turns::While(asked), Some(on)) => {
            flow::begin_sub("ask", &[])?;
            let answer = nodes::splice(asked, &symbols[..own])?;
            let ask = flow::end_sub(&answer)?;
            flow::begin_sub("left", &[])?;
            let left = flow::end_sub(&[crate::constant(false)])?;
            nodes::make_if(&on, ask, left, at)?.0.swap_remove(0)
        }
    };
    flow::end_sub(&[result])
}

/// The number of turns, if it is known.
fn trips(count: &Tensor) -> Option<Dim> {
    let n = count.host().and_then(|_| count.item::<i32>().ok())?;
    Some(Dim::from(n.max(0) as usize))
}

/// The loop of a `while` over a `bool`, turn by turn.
#[derive(Default)]
pub struct HostLoop(Loops);

/// The loop of a `while` over a tensor.
#[derive(Default)]
pub struct TensorLoop(Loops);

/// A `loop`: turn by turn, unless a tensor ends it.
#[derive(Default)]
pub struct BareLoop(Loops);

/// The variables of a loop, at the beginning of a turn or behind it.
pub struct At<'l, 'a, L> {
    pub(super) inner: &'l mut L,
    pub(super) at: Line,
    pub(super) places: Places<'a>,
    pub(super) value: Places<'a>,
}

impl<'l, 'a, L> At<'l, 'a, L> {
    #[track_caller]
    pub(super) fn new(inner: &'l mut L) -> At<'l, 'a, L> {
        At { inner, at: Line::caller(), places: Places::default(), value: Places::default() }
    }
    /// A variable that it may have changed.
    pub fn with(mut self, name: &'static str, place: MaybePlace<'a>) -> Self {
        self.places.with(name, place);
        self
    }
    /// The shape of the variable that was named last, in every turn; `None` is a size that turns may change.
    pub fn sized(mut self, sizes: &[Option<usize>]) -> Self {
        self.places.sized(sizes);
        self
    }
    /// What `break` gives.
    pub fn value(mut self, place: MaybePlace<'a>) -> Self {
        self.value.with("the value of the loop", place);
        self
    }
}

macro_rules! loops {
    ($($t:ident)*) => { $(
        impl $t {
            /// A turn begins, or would.
            #[track_caller]
            pub fn at<'l, 'a>(&'l mut self) -> At<'l, 'a, $t> {
                At::new(self)
            }
        }
    )* };
}

loops! { HostLoop TensorLoop BareLoop }

impl HostLoop {
    /// Turns of it may be left.
    #[inline]
    pub fn leaves(&mut self) {
        self.0.leaves();
    }
    /// Any variable may be changed.
    #[inline]
    pub fn check<T: ?Sized>(&self, _: &T) {}
    /// Anything may happen.
    #[inline]
    pub fn effect<T>(&self, _: T) {}
}

impl BareLoop {
    /// Any variable may be changed.
    #[inline]
    pub fn check<T: ?Sized>(&self, _: &T) {}
}

impl TensorLoop {
    /// Turns of it may be left.
    #[inline]
    pub fn leaves(&mut self) {}
    /// Only tensors, and what is made of them, may be changed.
    #[inline]
    pub fn check<T: State>(&self, _: &T) {}
    /// Nothing of the host may happen.
    #[inline]
    pub fn effect<T: InGraph>(&self, _: T) {}
}

impl At<'_, '_, HostLoop> {
    /// A turn begins.
    pub fn turn(mut self) -> bool {
        self.inner.0.host_head(&mut self.places, self.at).or_raise();
        true
    }
    /// The condition of the turn.
    #[inline]
    pub fn test(self, condition: bool) -> bool {
        condition
    }
    /// The loop has been left.
    pub fn after(mut self) {
        self.inner.0.host_after(&mut self.places, self.at).or_raise();
    }
}

impl At<'_, '_, TensorLoop> {
    /// A turn begins, unless the loop is a node now.
    pub fn turn(mut self) -> bool {
        if !exploring() {
            self.places.renew(self.at).or_raise();
            return true;
        }
        match self.inner.0.tensor_head(|| Turns::Asking, &mut self.places, self.at).or_raise() {
            Head::Symbols(symbols) => {
                self.places.set(&symbols);
                true
            }
            Head::Left(left) => {
                self.places.leave(&left).or_raise();
                false
            }
        }
    }
    /// The condition of the turn: eagerly its value; while the body is traced there is one turn.
    pub fn test(mut self, condition: impl Condition) -> bool {
        self.try_test(condition).or_raise()
    }
    fn try_test(&mut self, condition: impl Condition) -> Result<bool> {
        let condition = match condition.tensor() {
            Ok(value) => crate::constant(value),
            Err(condition) => condition,
        };
        let value = decided("while", &condition, self.at)?;
        if !exploring() {
            return value.ok_or_else(|| bug("a condition without a value outside a trace"));
        }
        let symbols = match explorer(|e| e.next())? {
            Some(Event::Body(symbols)) => symbols,
            Some(_) => return Err(explorer(|e| e.differs("the condition of a loop"))?),
            None => {
                let asked = flow::end_sub(&[condition])?;
                let metas = explorer(|e| e.turning.last().map(|t| t.metas.clone()))?;
                let metas = metas.ok_or_else(|| bug("no loop is being traced"))?;
                let symbols = flow::begin_sub("body", &metas)?;
                explorer(|e| {
                    e.note(Event::Body(symbols.clone()));
                    if let Some(turning) = e.turning.last_mut() {
                        turning.kind = Turns::While(asked);
                        turning.symbols = symbols.clone();
                    }
                })?;
                symbols
            }
        };
        self.places.set(&symbols);
        Ok(true)
    }
    /// The loop has been left.
    pub fn after(mut self) {
        self.inner.0.tensor_after(&mut self.places, &mut self.value, self.at).or_raise();
    }
}

impl At<'_, '_, BareLoop> {
    /// A turn begins.
    pub fn turn(mut self) {
        self.try_turn().or_raise();
    }
    fn try_turn(&mut self) -> Result<()> {
        if !exploring() {
            return self.places.renew(self.at);
        }
        self.parted(self.inner.0.begun)?;
        let inner = &mut self.inner.0;
        let begun = inner.begun.map_or_else(|| explorer(|e| e.at), Ok)?;
        if explorer(|e| e.tensor_loops.contains(&begun))? {
            match inner.tensor_head(|| Turns::Bare, &mut self.places, self.at)? {
                Head::Symbols(symbols) => self.places.set(&symbols),
                Head::Left(_) => return Err(bug("a loop without a condition ended at a turn")),
            }
            return Ok(());
        }
        if inner.begun.is_none() {
            inner.begun = Some(explorer(|e| e.mark())??);
        }
        self.places.renew(self.at)
    }
    /// If ways have parted in a loop that was taken turn by turn, it is a loop over tensors.
    fn parted(&self, begun: Option<usize>) -> Result<()> {
        let Some(begun) = begun.filter(|_| exploring()) else { return Ok(()) };
        let convert = explorer(|e| {
            let open = e.peek().is_none() && e.open.iter().any(|o| o.begun > begun);
            let convert = open && !e.tensor_loops.contains(&begun);
            if convert {
                e.is_a_tensor_loop(begun);
            }
            convert
        })?;
        if convert { abandon() } else { Ok(()) }
    }
    /// The loop has been left by `break`.
    pub fn after(mut self) {
        self.try_after().or_raise();
    }
    fn try_after(&mut self) -> Result<()> {
        self.parted(self.inner.0.begun)?;
        match self.inner.0.begun {
            Some(begun) if explorer(|e| e.tensor_loops.contains(&begun))? => {
                self.inner.0.tensor_after(&mut self.places, &mut self.value, self.at)
            }
            _ => Loops::after(&mut self.places, &mut self.value, self.at),
        }
    }
}
