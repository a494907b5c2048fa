//! The gradient tape: what ran, and how to run it backwards.
//!
//! Recording is per thread. A tape records the calls that depend on something it watches; walking the record from the
//! end with each op's rule gives the gradients. The rules are ops too, so outer tapes record them and traces hold them.

mod custom;
mod gradient;
mod sources;
#[cfg(test)]
mod tests;

pub(crate) use custom::attach;
pub use custom::{custom_gradient, jvp, try_jvp};
pub(crate) use gradient::gradients_or_none;
pub use gradient::{GradientOptions, Unconnected};
pub use sources::{Sources, Targets};

use crate::error::Place;
use crate::op::{Attrs, OpDef};
use crate::tensor::Tensor;
use crate::variable::Variable;
use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// The backward of something that is not one op: cotangents of the outputs to cotangents of the inputs.
pub(crate) type Pullback = Rc<dyn Fn(&[Option<Tensor>]) -> crate::Result<Vec<Option<Tensor>>>>;

/// The backward of a traced call: cotangents of the outputs, and what each input has so far, to what each input then has.
/// It adds to what is there, because the order of additions is part of the result.
pub(crate) type CallPullback =
    Rc<dyn Fn(&[Option<Tensor>], &[Option<Tensor>]) -> crate::Result<Vec<Option<Tensor>>>>;

/// One recorded call.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) what: What,
    pub(crate) inputs: SmallVec<[Tensor; 2]>,
    pub(crate) outputs: SmallVec<[Tensor; 1]>,
    pub(crate) at: Place,
}

#[derive(Clone)]
pub(crate) enum What {
    /// An op, with its attributes if it has any.
    Op(&'static OpDef, Option<Box<Attrs>>),
    /// A custom gradient, a transfer: its name and its pullback.
    Custom(&'static str, Pullback),
    /// A traced function.
    Call(&'static str, CallPullback),
}

#[derive(Default)]
pub(crate) struct Record {
    pub(crate) entries: Vec<Entry>,
    /// Identities of tensors that depend on something watched.
    pub(crate) tracked: FxHashSet<usize>,
    /// Watched tensors, kept alive so that their identities stay unique.
    pub(crate) watched: Vec<Tensor>,
    /// How often each variable was read.
    pub(crate) reads: FxHashMap<u64, usize>,
}

/// So many empty records wait for the next tapes, unless they grew beyond so many entries.
const SPARE: usize = 4;
const LARGE: usize = 1 << 14;

impl Record {
    /// An empty one, with the room of an earlier one if there is any.
    fn fresh() -> Record {
        SPARES.with_borrow_mut(|s| s.pop()).unwrap_or_default()
    }
    /// Lets everything go but the room.
    fn recycle(mut self) {
        self.entries.clear();
        self.tracked.clear();
        self.watched.clear();
        self.reads.clear();
        if self.tracked.capacity() > 0 && self.tracked.capacity() <= LARGE {
            // During thread teardown the list may be gone.
            let _ = SPARES.try_with(|s| {
                let mut spares = s.borrow_mut();
                if spares.len() < SPARE {
                    spares.push(self);
                }
            });
        }
    }
}

struct Tape {
    record: RefCell<Record>,
    paused: Cell<u32>,
    watch_variables: bool,
    /// Whether loops keep for it what would take long to compute again.
    keeps: Cell<bool>,
}

thread_local! {
    static TAPES: RefCell<Vec<Rc<Tape>>> = const { RefCell::new(Vec::new()) };
    /// The number of tapes that record; 0 while recording is stopped.
    static ACTIVE: Cell<u32> = const { Cell::new(0) };
    static STOPPED: Cell<u32> = const { Cell::new(0) };
    static SPARES: RefCell<Vec<Record>> = const { RefCell::new(Vec::new()) };
}

fn refresh() {
    let recording = TAPES.with_borrow(|t| t.iter().filter(|t| t.paused.get() == 0).count() as u32);
    ACTIVE.set(if STOPPED.get() > 0 { 0 } else { recording });
}

/// Whether any tape of this thread records now.
#[inline]
pub(crate) fn is_recording() -> bool {
    ACTIVE.get() > 0
}

/// Records operations for automatic differentiation, from its making until its first gradient (or its drop).
///
/// Trainable variables are watched by themselves when they are read; other tensors by [`GradientTape::watch`]. A tape
/// gives one gradient unless it is [persistent](GradientTape::persistent). Tapes nest: for a second derivative the outer
/// tape records the inner one's backward pass.
///
/// Source: `tf.GradientTape`.
///
/// ```
/// # use tenfold_core as tf;
/// let x = tf::constant(3.0);
/// let tape = tf::GradientTape::new();
/// tape.watch(&x);
/// let y = &x * &x;
/// assert_eq!(tape.gradient(&y, &x).item::<f32>().unwrap(), 6.0);
/// ```
pub struct GradientTape {
    tape: Rc<Tape>,
    persistent: bool,
    used: Cell<bool>,
}

impl Default for GradientTape {
    fn default() -> Self {
        GradientTape::new()
    }
}

impl GradientTape {
    /// A tape that records from now on and gives one gradient.
    pub fn new() -> GradientTape {
        GradientTape::make(false, true)
    }
    /// A tape that may be asked for gradients any number of times; its memory is freed when it is dropped.
    pub fn persistent() -> GradientTape {
        GradientTape::make(true, true)
    }
    /// A tape that watches nothing by itself, not even trainable variables.
    pub fn without_variables() -> GradientTape {
        GradientTape::make(false, false)
    }
    fn make(persistent: bool, watch_variables: bool) -> GradientTape {
        let tape = Rc::new(Tape {
            record: RefCell::new(Record::fresh()),
            paused: Cell::new(0),
            watch_variables,
            keeps: Cell::new(true),
        });
        TAPES.with_borrow_mut(|t| t.push(tape.clone()));
        refresh();
        GradientTape { tape, persistent, used: Cell::new(false) }
    }
    /// Lets loops over tensors compute again, when the gradient is taken, all that a turn computes, from what it began with.
    /// Otherwise they keep what products, reductions and other kernels gave, turn by turn.
    ///
    /// Memory then grows with the number of turns times what is carried from turn to turn, and a gradient takes about one
    /// forward run longer. The bits are the same. It is about loops that begin from now on, in graphs: an eager run keeps
    /// everything.
    ///
    /// Source: gradient checkpointing (Griewank and Walther 2000); `tf.recompute_grad` does it for a function.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let x = tf::constant(2.0);
    /// let tape = tf::GradientTape::new();
    /// tape.recompute_loops();
    /// tape.watch(&x);
    /// let start = (tf::constant(0), tf::constant(1.0));
    /// let (_, y) = tf::while_loop(|s| s.0.less(3), |(i, y)| (i + 1, y * &x), start);
    /// assert_eq!(tape.gradient(&y, &x).item::<f32>().unwrap(), 12.0);
    /// ```
    pub fn recompute_loops(&self) {
        self.tape.keeps.set(false);
    }
    /// Watches a tensor: calls that use it from now on are recorded. Integers cannot be watched: they have no gradient,
    /// and asking for one says so.
    pub fn watch(&self, x: &Tensor) {
        let mut record = self.tape.record.borrow_mut();
        record.tracked.insert(x.id());
        record.watched.push(x.clone());
    }
    /// Watches a variable from its next read on, trainable or not.
    pub fn watch_variable(&self, v: &Variable) {
        let mut record = self.tape.record.borrow_mut();
        record.tracked.insert(v.handle().id());
        record.reads.entry(v.id()).or_default();
    }
    /// Runs `f` without recording it on this tape.
    pub fn stop_recording<R>(&self, f: impl FnOnce() -> R) -> R {
        let _pause = Pause::new(&self.tape);
        f()
    }
    /// Forgets everything recorded so far, and records on.
    pub fn reset(&self) {
        *self.tape.record.borrow_mut() = Record::default();
        self.used.set(false);
    }
    /// The trainable variables that were read while recording, as identities in order of first read.
    pub fn watched_variables(&self) -> Vec<u64> {
        let mut ids: Vec<u64> = self.tape.record.borrow().reads.keys().copied().collect();
        ids.sort_unstable();
        ids
    }
}

impl Drop for GradientTape {
    fn drop(&mut self) {
        // During thread teardown the list may be gone, and then there is nothing to leave.
        let _ = TAPES.try_with(|t| t.borrow_mut().retain(|t| !Rc::ptr_eq(t, &self.tape)));
        refresh();
        // A trace may still want to know what was recorded.
        if Rc::strong_count(&self.tape) == 1 {
            self.tape.record.take().recycle();
        }
    }
}

struct Pause<'a>(&'a Tape);

impl Pause<'_> {
    fn new(tape: &Tape) -> Pause<'_> {
        tape.paused.set(tape.paused.get() + 1);
        refresh();
        Pause(tape)
    }
}

impl Drop for Pause<'_> {
    fn drop(&mut self) {
        self.0.paused.set(self.0.paused.get() - 1);
        refresh();
    }
}

/// Runs `f` without recording it on any tape of this thread.
pub(crate) fn stop_recording<R>(f: impl FnOnce() -> R) -> R {
    struct Restore;
    impl Drop for Restore {
        fn drop(&mut self) {
            STOPPED.set(STOPPED.get() - 1);
            refresh();
        }
    }
    STOPPED.set(STOPPED.get() + 1);
    let _restore = Restore;
    refresh();
    f()
}

/// How much each tape of this thread has recorded.
pub(crate) struct Marks(Vec<(Rc<Tape>, usize)>);

/// Remembers how much has been recorded, for [`rewind`].
pub(crate) fn marks() -> Marks {
    Marks(TAPES.with_borrow(|t| t.iter().map(|t| (t.clone(), t.record.borrow().entries.len())).collect()))
}

/// Forgets what was recorded since: the values of a graph for a node are no values of the graph around it. Tapes that
/// were made since keep everything.
pub(crate) fn rewind(marks: &Marks) {
    for (tape, length) in &marks.0 {
        let record = &mut *tape.record.borrow_mut();
        let Record { entries, tracked, .. } = record;
        if entries.len() > *length {
            entries.drain(*length..).flat_map(|e| e.outputs).for_each(|y| {
                tracked.remove(&y.id());
            });
        }
    }
}

/// What the tapes were told, to be told again.
#[derive(Clone)]
pub(crate) struct Told(Vec<Entry>);

impl Told {
    /// What the tapes noted since `marks`: the tape that noted most knows all of it.
    pub(crate) fn since(marks: &Marks) -> Option<Told> {
        let noted = marks.0.iter().map(|(tape, length)| {
            let record = tape.record.borrow();
            record.entries.get(*length..).unwrap_or_default().to_vec()
        });
        noted.max_by_key(Vec::len).filter(|entries| !entries.is_empty()).map(Told)
    }
    /// Tells the tapes again.
    pub(crate) fn again(&self) {
        for entry in &self.0 {
            let inputs: Vec<&Tensor> = entry.inputs.iter().collect();
            push(&inputs, &entry.outputs, entry.at, || entry.what.clone());
        }
    }
}

/// Runs `f` as if no tape had been made yet: tapes made inside record, those outside see nothing of it.
pub(crate) fn isolated<R>(f: impl FnOnce() -> R) -> R {
    struct Restore(Vec<Rc<Tape>>, u32);
    impl Drop for Restore {
        fn drop(&mut self) {
            TAPES.set(std::mem::take(&mut self.0));
            STOPPED.set(self.1);
            refresh();
        }
    }
    let _restore = Restore(TAPES.take(), STOPPED.replace(0));
    refresh();
    f()
}

/// Whether a tape that records now depends on `x`.
pub(crate) fn tracks(x: &Tensor) -> bool {
    is_recording()
        && TAPES.with_borrow(|tapes| {
            tapes.iter().any(|t| t.paused.get() == 0 && t.record.borrow().tracked.contains(&x.id()))
        })
}

/// Whether a tape that records now would follow a read of `v`.
pub(crate) fn follows(v: &Variable) -> bool {
    is_recording()
        && v.dtype().is_float()
        && TAPES.with_borrow(|tapes| {
            tapes.iter().any(|t| {
                let wanted = v.trainable() && t.watch_variables;
                t.paused.get() == 0 && (wanted || t.record.borrow().tracked.contains(&v.handle().id()))
            })
        })
}

/// Whether loops keep for the gradient what would take long to compute again: not if all tapes that record do without.
pub(crate) fn keeps() -> bool {
    TAPES.with_borrow(|tapes| tapes.iter().any(|t| t.paused.get() == 0 && t.keeps.get()))
}

/// How many tapes record now.
pub(crate) fn depth() -> u32 {
    ACTIVE.get()
}

fn push(inputs: &[&Tensor], outputs: &[Tensor], at: Place, what: impl Fn() -> What) {
    TAPES.with_borrow(|tapes| {
        for tape in tapes.iter().filter(|t| t.paused.get() == 0) {
            let record = &mut *tape.record.borrow_mut();
            if !inputs.iter().any(|x| record.tracked.contains(&x.id())) {
                continue;
            }
            record.tracked.extend(outputs.iter().filter(|y| y.dtype().is_float()).map(|y| y.id()));
            record.entries.push(Entry {
                what: what(),
                inputs: inputs.iter().map(|x| (*x).clone()).collect(),
                outputs: outputs.iter().cloned().collect(),
                at,
            });
        }
    });
}

/// Tells the tapes of one call.
#[inline]
pub(crate) fn record(op: &'static OpDef, inputs: &[&Tensor], attrs: &Attrs, outputs: &[Tensor], at: Place) {
    if is_recording() {
        push(inputs, outputs, at, || What::Op(op, (!attrs.is_empty()).then(|| Box::new(attrs.clone()))));
    }
}

/// Tells the tapes of something with a backward of its own.
pub(crate) fn record_custom(
    name: &'static str,
    inputs: &[&Tensor],
    outputs: &[Tensor],
    at: Place,
    pullback: Pullback,
) {
    if is_recording() {
        push(inputs, outputs, at, || What::Custom(name, pullback.clone()));
    }
}

/// Tells the tapes of a call of a traced function.
pub(crate) fn record_call(
    name: &'static str,
    inputs: &[&Tensor],
    outputs: &[Tensor],
    at: Place,
    pullback: CallPullback,
) {
    if is_recording() {
        push(inputs, outputs, at, || What::Call(name, pullback.clone()));
    }
}

/// Tells the tapes of a copy to another device: the gradient is copied back.
pub(crate) fn record_transfer(x: &Tensor, y: &Tensor, at: Place) {
    let home = x.device();
    let pullback: Pullback = Rc::new(move |dys| {
        dys.iter().map(|dy| dy.as_ref().map(|dy| crate::device::transfer(dy, home)).transpose()).collect()
    });
    record_custom("to", &[x], std::slice::from_ref(y), at, pullback);
}

/// Makes the tapes that follow `v` know it, for an entry that reads it somewhere inside: what such an entry depends on.
pub(crate) fn follow(v: &Variable) -> Tensor {
    each_following(v, |record| *record.reads.entry(v.id()).or_default() += 1);
    v.handle().clone()
}

/// Calls `f` with the record of each tape that follows a read of `v` now.
fn each_following(v: &Variable, mut f: impl FnMut(&mut Record)) {
    if !v.dtype().is_float() {
        return;
    }
    TAPES.with_borrow(|tapes| {
        for tape in tapes.iter().filter(|t| t.paused.get() == 0) {
            let record = &mut *tape.record.borrow_mut();
            if (v.trainable() && tape.watch_variables) || record.tracked.contains(&v.handle().id()) {
                record.tracked.insert(v.handle().id());
                f(record);
            }
        }
    });
}

/// Tells the tapes that reading `v` gave `x`: an entry like any other, so that the cotangents of reads are added in the
/// order of the walk.
#[inline]
pub(crate) fn watch_read(v: &Variable, x: &Tensor, at: Place) {
    if !is_recording() {
        return;
    }
    each_following(v, |record| {
        record.tracked.insert(x.id());
        *record.reads.entry(v.id()).or_default() += 1;
        record.entries.push(Entry {
            what: What::Custom("read_variable", Rc::new(|dys| Ok(dys.to_vec()))),
            inputs: SmallVec::from_elem(v.handle().clone(), 1),
            outputs: SmallVec::from_elem(x.clone(), 1),
            at,
        });
    });
}
