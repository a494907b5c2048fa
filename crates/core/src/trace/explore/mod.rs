//! Running a body once for each way through it: control flow over tensors (RFC 3).
//!
//! A run is an ordinary run of the user's Rust. Its events are kept in a log: what ops gave, which side of each `if` was taken,
//! what joins gave. When one side of an `if` has come to its end the run is *abandoned* (a silent unwinding) and the body is
//! called again: events are answered from the log up to the `if`, and then the other side is taken. So no node is made
//! twice, and moves, borrows, labels and drops mean what they mean in Rust.
//!
//! The graphs of sides and loop bodies that are not finished stay open between runs.

mod arrive;
mod faces;
mod list;
mod loops;
mod nodes;
mod outcome;
mod patterns;
mod places;
mod ranges;

pub(crate) use faces::decided;
pub use faces::{HostSide, Panicking, Printing, Side, and, assert_that, condition, matched, or};
pub use list::List;
pub use loops::{bare, for_loop, while_loop};
pub use patterns::{HostScrutinee, Pattern, Scrutinee, guard};
pub(crate) use places::renewed_structure;
pub use places::{State, ViaAny, ViaState, Wrap};
pub use ranges::{Rows, StagedRange, StartTo, TensorRange, rows};

use super::context;
use super::flow;
use super::structure::Structure;
use super::visitor::{Rebuild, Visitor};
use crate::device::Outputs;
use crate::error::{Error, Kind, Place as Line, Result};
use crate::op::OpDef;
use crate::shape::Meta;
use crate::tape;
use crate::tape::Told;
use crate::tensor::Tensor;
use outcome::{First, Target, Values};
use rustc_hash::{FxHashMap, FxHashSet};
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// A body is run at most so many times for one trace.
const RUNS: usize = 4096;

/// What happened in the present run, up to now.
#[derive(Clone)]
enum Event {
    /// An op gave this.
    Op(&'static OpDef, Outputs),
    /// A gradient of the user's own was noted.
    Custom,
    /// A side of an `if` was entered.
    Side(bool),
    /// Several ways met at this place, and what is assigned there became this.
    Joined(Target, Joined),
    /// A place where ways could have met, and did not, because some have gone elsewhere.
    Passed(Target),
    /// A loop over tensors began: what is carried became this.
    Turn(Vec<Tensor>),
    /// The loop's condition was traced: in its body, what is carried became this.
    Body(Vec<Tensor>),
    /// The loop is a node now.
    Left {
        carried: places::Left,
        value: Vec<Tensor>,
        /// What is brought to the only place that the loop is ever left for, if it is not behind the loop.
        out: Option<Vec<(Target, Values)>>,
        taped: Option<Told>,
        begun: usize,
    },
    /// A way that left a loop for a place further out was parted from those that stay.
    Parted,
    /// A loop of the host, or a function, began here.
    Mark,
    /// A function of the functional forms began to be traced.
    Sub(Vec<Tensor>),
    /// It ended.
    EndSub(flow::Sub),
    /// A node of the functional forms was made.
    Made(Vec<Tensor>, Option<Told>),
    /// Something was done that asks no user's code: a gradient, a program put here.
    Unit(Vec<Option<Tensor>>, Option<Told>),
}

#[derive(Clone)]
struct Joined {
    values: Vec<Tensor>,
    taped: Option<Told>,
    /// The `if` whose sides were merged.
    begun: usize,
}

/// An `if` whose sides are not merged yet.
struct Open {
    /// Where in the log it begins.
    begun: usize,
    condition: Tensor,
    /// The side that is being traced.
    side: bool,
    /// The side that was traced first.
    first: Option<First>,
    /// How many graphs were being made when it began.
    depth: usize,
    at: Line,
}

/// A loop over tensors whose body is being traced.
struct Turning {
    begun: usize,
    kind: Turns,
    initial: Values,
    /// The names of what is carried, and what it is in each turn.
    metas: Vec<(String, Meta)>,
    /// What is carried, as the body's graph names it.
    symbols: Vec<Tensor>,
    /// A way that left it, and its log: a loop without a condition can be left only so.
    exit: Option<(Target, Vec<Event>)>,
    depth: usize,
    at: Line,
}

/// What decides whether a loop goes on.
enum Turns {
    /// Until its condition has a graph.
    Asking,
    While(flow::Sub),
    Bare,
    /// So many times; the number of the turn is carried before everything else.
    For(Tensor),
}

#[derive(Default)]
struct Explorer {
    log: Vec<Event>,
    /// How much of the log this run has come past.
    at: usize,
    runs: usize,
    open: Vec<Open>,
    turning: Vec<Turning>,
    /// What the tapes of this run held where each `if` and loop began.
    marks: FxHashMap<usize, tape::Marks>,
    /// Loops without a condition that have turned out to end by a tensor.
    tensor_loops: FxHashSet<usize>,
    /// The numbers by which ends of different kinds are told apart.
    codes: Vec<Target>,
    /// Ops are made by the explorer itself and belong to no run.
    quiet: bool,
}

thread_local! {
    static EXPLORER: RefCell<Option<Explorer>> = const { RefCell::new(None) };
}

/// What an abandoned run unwinds with.
struct Abandoned;

fn with<R>(f: impl FnOnce(&mut Explorer) -> R) -> Option<R> {
    EXPLORER.with_borrow_mut(|e| e.as_mut().map(f))
}

/// Whether a body is being run for its ways now.
fn exploring() -> bool {
    super::is_tracing() && EXPLORER.with_borrow(Option::is_some)
}

/// The explorer of the function that is traced now.
fn explorer<R>(f: impl FnOnce(&mut Explorer) -> R) -> Result<R> {
    with(f).ok_or_else(|| {
        Error::new(
            Kind::Unimplemented,
            "function",
            "a condition over tensors inside the backward function of a custom gradient cannot be traced",
        )
        .with_hint("use tf::cond or tf::while_loop there")
    })
}

/// Puts another explorer in place, and the old one back.
struct Install(Option<Explorer>);

impl Install {
    fn new(explorer: Option<Explorer>) -> Install {
        Install(EXPLORER.replace(explorer))
    }
}

impl Drop for Install {
    fn drop(&mut self) {
        EXPLORER.set(self.0.take());
    }
}

/// Runs `f` as if nothing were explored: for a trace inside a trace.
pub(crate) fn apart<R>(f: impl FnOnce() -> R) -> R {
    let _install = Install::new(None);
    f()
}

/// Runs `body` as often as it has ways, and merges their results.
pub(crate) fn explore<R: Structure>(body: impl Fn() -> Result<R>) -> Result<R> {
    let _install = Install::new(Some(Explorer::default()));
    loop {
        let run = catch_unwind(AssertUnwindSafe(|| body().and_then(finish)));
        match run {
            Ok(result) => return result,
            Err(payload) if payload.is::<Abandoned>() => explorer(Explorer::again)??,
            Err(payload) => resume_unwind(payload),
        }
    }
}

/// The body has returned: here all ways meet.
fn finish<R: Structure>(result: R) -> Result<R> {
    let joined = meet(Target::End, &result, Line::caller())?;
    Ok(match joined {
        Some(values) => result.rebuild(&mut Rebuild::new(&values, &[])),
        None => result,
    })
}

/// The ways inside a function that is put into the one that is traced meet at its end.
#[track_caller]
pub(crate) fn region<R: Structure>(body: impl FnOnce() -> R) -> Result<R> {
    let at = Line::caller();
    let result = inside(body, at)?;
    places::renewed_structure(result, at)
}

fn inside<R: Structure>(body: impl FnOnce() -> R, at: Line) -> Result<R> {
    if !exploring() {
        return Ok(body());
    }
    let begun = explorer(Explorer::mark)??;
    let result = body();
    if !explorer(|e| e.has_ways_since(begun))? {
        return Ok(result);
    }
    let result = result.outcome()?;
    Ok(match meet(Target::Region(begun), &result, at)? {
        Some(values) => result.rebuild(&mut Rebuild::new(&values, &[])),
        None => result,
    })
}

fn meet<R: Structure>(target: Target, result: &R, at: Line) -> Result<Option<Vec<Tensor>>> {
    let mut visitor = Visitor::default();
    result.visit(&mut visitor);
    let values = Values::one("the result", visitor.tensors, visitor.words);
    arrive::arrive(target, values, at)
}

/// Makes a node, or gives what it gave in the run before.
pub(crate) fn through(op: &'static OpDef, make: impl FnOnce() -> Result<Outputs>) -> Result<Outputs> {
    let known = with(|e| if e.quiet { Ok(None) } else { e.answer(op) });
    match known {
        None => make(),
        Some(Err(error)) => Err(error),
        Some(Ok(Some(outputs))) => Ok(outputs),
        Some(Ok(None)) => {
            let outputs = make()?;
            with(|e| e.note(Event::Op(op, outputs.clone())));
            Ok(outputs)
        }
    }
}

/// Does something that each run asks for and that must happen once.
pub(crate) fn once(make: impl FnOnce() -> Result<()>) -> Result<()> {
    let known = with(|e| match e.next() {
        Some(Event::Custom) => Ok(true),
        Some(_) => Err(e.differs("a custom gradient")),
        None => Ok(false),
    });
    match known.unwrap_or(Ok(false))? {
        true => Ok(()),
        false => {
            make()?;
            with(|e| e.note(Event::Custom));
            Ok(())
        }
    }
}

impl Explorer {
    /// The next event of the run before, if this run has not come past all of them; taken.
    fn next(&mut self) -> Option<Event> {
        if self.quiet {
            return None;
        }
        let event = self.log.get(self.at).cloned();
        self.at += event.is_some() as usize;
        event
    }
    fn peek(&self) -> Option<&Event> {
        self.log.get(self.at)
    }
    fn note(&mut self, event: Event) {
        if !self.quiet {
            self.log.push(event);
            self.at = self.log.len();
        }
    }
    fn answer(&mut self, op: &'static OpDef) -> Result<Option<Outputs>> {
        match self.next() {
            None => Ok(None),
            Some(Event::Op(known, outputs)) if known == op => Ok(Some(outputs)),
            Some(_) => Err(self.differs(&format!("the op `{}`", op.name))),
        }
    }
    /// The body did something else than in the run before.
    #[cold]
    fn differs(&self, now: &str) -> Error {
        let before = match self.log.get(self.at - 1) {
            Some(Event::Op(op, _)) => format!("the op `{}`", op.name),
            Some(Event::Side(_)) => "an `if` over a tensor".into(),
            Some(Event::Turn(_) | Event::Body(_) | Event::Left { .. }) => "a loop over tensors".into(),
            Some(Event::Joined(..) | Event::Passed(_)) => "the end of an `if` over a tensor".into(),
            _ => "something else".into(),
        };
        let text = format!(
            "the body is run once for each way through its tensor conditions, and did not do the same again: now {now}, \
             before {before}"
        );
        Error::new(Kind::FailedPrecondition, "function", text)
            .with_hint("what the body does must not depend on a clock, a host random number or a counter that it changes")
    }
    /// A place in the log of its own, for a loop of the host or a function.
    fn mark(&mut self) -> Result<usize> {
        let begun = self.at;
        match self.next() {
            None => self.note(Event::Mark),
            Some(Event::Mark) => {}
            Some(_) => return Err(self.differs("a loop or a function")),
        }
        Ok(begun)
    }
    /// Whether ways that parted since then have not met, or met here in the run before.
    fn has_ways_since(&self, begun: usize) -> bool {
        match self.peek() {
            None => self.open.iter().any(|o| o.begun > begun),
            Some(Event::Joined(target, _) | Event::Passed(target)) => {
                matches!(target, Target::Region(b) | Target::Behind(b) | Target::Head(b, _) if *b == begun)
            }
            Some(_) => false,
        }
    }
    /// Before the next run.
    fn again(&mut self) -> Result<()> {
        self.at = 0;
        self.runs += 1;
        self.marks.clear();
        if self.runs > RUNS {
            let text = format!("the body has more than {RUNS} ways through its tensor conditions");
            return Err(Error::new(Kind::ResourceExhausted, "function", text).with_hint(
                "ways that leave in the middle of nested ifs, or of loops over host values, multiply: assign a variable on \
                 each side and leave once",
            ));
        }
        Ok(())
    }
    /// The number of an end among ends of different kinds.
    fn code(&mut self, target: Target) -> i32 {
        let known = self.codes.iter().position(|t| *t == target);
        known.unwrap_or_else(|| {
            self.codes.push(target);
            self.codes.len() - 1
        }) as i32
    }
    /// Forgets the ifs and loops that began at or after this place of the log, with their graphs.
    fn drop_since(&mut self, begun: usize) {
        let depths = self.open.iter().filter(|o| o.begun >= begun).map(|o| o.depth);
        let loops = self.turning.iter().filter(|t| t.begun >= begun).map(|t| t.depth);
        if let Some(depth) = depths.chain(loops).min() {
            context::truncate(depth);
        }
        self.open.retain(|o| o.begun < begun);
        self.turning.retain(|t| t.begun < begun);
    }
}

/// Opens a graph for a closure of the functional forms.
pub(crate) fn sub_open(name: &str, metas: &[(String, Meta)]) -> Result<Vec<Tensor>> {
    let known = with(|e| match e.next() {
        Some(Event::Sub(symbols)) => Ok(Some(symbols)),
        Some(_) => Err(e.differs("a functional form")),
        None => Ok(None),
    });
    if let Some(symbols) = known.unwrap_or(Ok(None))? {
        return Ok(symbols);
    }
    let symbols = flow::begin_sub(name, metas)?;
    with(|e| e.note(Event::Sub(symbols.clone())));
    Ok(symbols)
}

/// Ends it.
pub(crate) fn sub_close(results: &[Tensor]) -> Result<flow::Sub> {
    let known = with(|e| match e.next() {
        Some(Event::EndSub(sub)) => Ok(Some(sub)),
        Some(_) => Err(e.differs("the end of a functional form's closure")),
        None => Ok(None),
    });
    if let Some(sub) = known.unwrap_or(Ok(None))? {
        return Ok(sub);
    }
    let sub = flow::end_sub(results)?;
    with(|e| e.note(Event::EndSub(sub.clone())));
    Ok(sub)
}

/// Makes the node of a functional form; tapes forget what they noted since `marks` and hear of the node.
pub(crate) fn made(marks: &tape::Marks, make: impl FnOnce() -> Result<Vec<Tensor>>) -> Result<Vec<Tensor>> {
    let known = with(|e| match e.next() {
        Some(Event::Made(values, taped)) => Ok(Some((values, taped))),
        Some(_) => Err(e.differs("the node of a functional form")),
        None => Ok(None),
    });
    tape::rewind(marks);
    match known.unwrap_or(Ok(None))? {
        Some((values, taped)) => {
            if let Some(taped) = taped {
                taped.again();
            }
            Ok(values)
        }
        None => {
            let marks = tape::marks();
            let values = quietly(make)?;
            with(|e| e.note(Event::Made(values.clone(), Told::since(&marks))));
            Ok(values)
        }
    }
}

/// Does something that runs no user's code, whatever it traces: its results are known in the next run.
pub(crate) fn unit(make: impl FnOnce() -> Result<Vec<Option<Tensor>>>) -> Result<Vec<Option<Tensor>>> {
    if !exploring() {
        return make();
    }
    let known = with(|e| match e.next() {
        None => Ok(None),
        Some(Event::Unit(values, told)) => Ok(Some((values, told))),
        Some(_) => Err(e.differs("a gradient or a function that is traced apart")),
    });
    match known.unwrap_or(Ok(None))? {
        Some((values, told)) => {
            if let Some(told) = told {
                told.again();
            }
            Ok(values)
        }
        None => {
            let marks = tape::marks();
            let values = quietly(make)?;
            with(|e| e.note(Event::Unit(values.clone(), Told::since(&marks))));
            Ok(values)
        }
    }
}

/// Gives up what a functional form began, after an error in its closure.
pub(crate) fn sub_fail(depth: usize) {
    let fresh = with(|e| e.peek().is_none()).unwrap_or(true);
    if fresh && context::depth() > depth {
        context::truncate(depth);
    }
}

/// How many graphs are being made.
pub(crate) fn depth() -> usize {
    context::depth()
}

/// Ends this run; the next one takes another way.
fn abandon() -> ! {
    resume_unwind(Box::new(Abandoned))
}

/// Runs `f` without the log: the explorer's own ops.
fn quietly<R>(f: impl FnOnce() -> R) -> R {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            with(|e| e.quiet = self.0);
        }
    }
    let _restore = Restore(with(|e| std::mem::replace(&mut e.quiet, true)).unwrap_or(false));
    f()
}
