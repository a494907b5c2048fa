//! A traced function: from a call to its result.
//!
//! The macro's entry visits the arguments (the key), and asks [`call`] what to do: run the very body, hand out a result,
//! or trace the body with symbols, as often as it has ways through its tensor conditions (`explore`).

use super::cache::{self, BOUND, Cache, Hit, Slot};
use super::concrete::{self, Concrete};
use super::explore;
use super::misses::{self, Known, Miss};
use super::needs::MemoryNeeds;
use super::program::Program;
use super::relax::{Relaxed, Size};
use super::signature::{self, Signatures, Trace};
use super::structure::Structure;
use super::visitor::{Rebuild, TensorSpec, Visitor};
use crate::device::Device;
use crate::dim::Dim;
use crate::error::{Error, Kind, Place, Result};
use crate::graph::Costs;
use crate::profiler::{self, What};
use crate::shape::Shape;
use crate::tensor::Tensor;
use crate::warning::{self, Warning};
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// What `#[function(..)]` was told.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Tensors whose dimensions are open: one trace serves all their sizes.
    pub signature: &'static [TensorSpec],
    /// An error instead of more traces than this.
    pub max_traces: Option<usize>,
    /// An error instead of a call that needs more memory.
    pub max_bytes: Option<usize>,
    /// From the second differing call on, trace with the differing sizes as symbols.
    pub relax_shapes: bool,
    /// Rewrites that change bits are welcome.
    pub fast_math: bool,
    /// Inside another trace, run the body there; otherwise trace it apart once and put its nodes there.
    pub inline: bool,
}

impl Options {
    /// What holds without options.
    pub const DEFAULT: Options = Options {
        signature: &[],
        max_traces: None,
        max_bytes: None,
        relax_shapes: false,
        fast_math: false,
        inline: true,
    };
}

/// How many traces are kept to compare with, how many misses are kept, how often one function warns.
const KNOWN: usize = 16;
const MISSES: usize = 64;
const WARNINGS: usize = 2;
/// How deep one function may be inside itself while tracing, with other arguments each time.
const NESTING: usize = 64;

struct History {
    known: VecDeque<Known>,
    misses: VecDeque<Miss>,
    warned: usize,
}

/// A function under `#[function]`: its options, its traces, its retraces.
pub struct Function {
    name: &'static str,
    options: Options,
    pub(crate) cache: Cache,
    relaxed: Relaxed,
    traced: AtomicUsize,
    since_clear: AtomicUsize,
    history: Mutex<History>,
}

static EAGERLY: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// The functions whose bodies are being traced in this thread, with their keys.
    static ACTIVE: RefCell<Vec<(usize, Box<[u64]>)>> = const { RefCell::new(Vec::new()) };
    /// A visitor's memory between calls.
    static SPARE: Cell<Option<Box<Visitor>>> = const { Cell::new(None) };
}

/// Makes every `#[function]` run its very body, op by op, in all threads: for a debugger. Other traces that exist stay.
///
/// Source: `tf.config.run_functions_eagerly`.
pub fn run_functions_eagerly(eagerly: bool) {
    EAGERLY.store(eagerly, Ordering::Relaxed);
}

/// Whether [`run_functions_eagerly`] is on.
pub fn functions_run_eagerly() -> bool {
    EAGERLY.load(Ordering::Relaxed)
}

impl Function {
    /// For the code that `#[function]` writes.
    #[doc(hidden)]
    pub const fn new(name: &'static str, options: Options) -> Function {
        Function {
            name,
            options,
            cache: Cache::new(),
            relaxed: Relaxed::new(),
            traced: AtomicUsize::new(0),
            since_clear: AtomicUsize::new(0),
            history: Mutex::new(History { known: VecDeque::new(), misses: VecDeque::new(), warned: 0 }),
        }
    }
    /// The function's name.
    pub fn name(&self) -> &'static str {
        self.name
    }
    /// Its options.
    pub fn options(&self) -> &Options {
        &self.options
    }
    /// How many times the body was traced, in all threads, dropped traces included.
    pub fn trace_count(&self) -> usize {
        self.traced.load(Ordering::Acquire)
    }
    /// The traces that there are now, one a line.
    pub fn signatures(&self) -> Signatures {
        Signatures(self.cache.traces().iter().map(|t| signature::line(t)).collect())
    }
    /// The last calls that were traced and why, oldest first.
    pub fn misses(&self) -> Vec<Miss> {
        self.history().misses.iter().cloned().collect()
    }
    /// Drops all traces; [`Function::trace_count`] counts on, `max_traces` begins anew. What another thread keeps of them for its
    /// next call goes when that thread traces or clears something.
    pub fn clear_cache(&self) {
        self.cache.clear();
        cache::sweep();
        self.relaxed.clear();
        self.since_clear.store(0, Ordering::Release);
    }
    /// The graph of the trace that serves the call of this function in `f`, without running it: traced if need be. `f`
    /// gets a result whose tensors are symbolic.
    ///
    /// # Errors
    ///
    /// If tracing fails, or `f` does not call the function.
    pub fn graph_of<R>(&'static self, f: impl FnOnce() -> R) -> Result<crate::graph::Graph> {
        Ok(self.concrete_of(f)?.graph().clone())
    }
    /// The trace that serves the call of this function in `f`, as in [`Function::graph_of`].
    ///
    /// # Errors
    ///
    /// If tracing fails, or `f` does not call the function.
    pub fn concrete_of<R>(&'static self, f: impl FnOnce() -> R) -> Result<Concrete> {
        Ok(concrete::request(self, f)?.0)
    }
    /// What the call of this function in `f` computes and moves, op by op, from shapes alone; as [`Function::graph_of`] it runs
    /// nothing. Tensors of the arguments may be [`tensor_spec`](crate::tensor_spec)s.
    ///
    /// Source: `tf.compat.v1.profiler` counts the same, of a graph that has run.
    ///
    /// # Errors
    ///
    /// As [`Function::graph_of`].
    pub fn cost_of<R>(&'static self, f: impl FnOnce() -> R) -> Result<Costs> {
        concrete::request(self, f)?.1.costs()
    }
    /// What memory the call of this function in `f` needs, as it is planned; as [`Function::graph_of`] it runs nothing.
    ///
    /// # Errors
    ///
    /// As [`Function::graph_of`], or if the graph cannot be compiled.
    pub fn memory_of<R>(&'static self, f: impl FnOnce() -> R) -> Result<MemoryNeeds> {
        concrete::request(self, f)?.1.needs()
    }
    fn history(&self) -> std::sync::MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(|p| p.into_inner())
    }
    fn bound(&self) -> usize {
        self.options.max_traces.unwrap_or(0).max(BOUND)
    }
}

/// A call on its way.
struct Call {
    function: &'static Function,
    instance: &'static str,
    at: Place,
    visitor: Lent,
    hash: u64,
    device: Device,
}

/// The thread's visitor, which goes back when the call is over.
struct Lent(Option<Box<Visitor>>);

impl Lent {
    fn take() -> Lent {
        Lent(Some(SPARE.take().unwrap_or_default()))
    }
}

impl std::ops::Deref for Lent {
    type Target = Visitor;
    fn deref(&self) -> &Visitor {
        match &self.0 {
            Some(visitor) => visitor,
            None => unreachable!("given back before its end"),
        }
    }
}

impl std::ops::DerefMut for Lent {
    fn deref_mut(&mut self) -> &mut Visitor {
        self.0.get_or_insert_default()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let Some(mut visitor) = self.0.take() else { return };
        visitor.clear(&[]);
        // During thread teardown there is nowhere to keep it.
        let _ = SPARE.try_with(|spare| spare.set(Some(visitor)));
    }
}

/// What the entry must do.
#[doc(hidden)]
pub enum Route<R> {
    /// Run the very body.
    Run(Run),
    /// Nothing more.
    Done(R),
    /// Trace the body.
    Trace(Pending),
}

/// For the code that `#[function]` writes: what to do with a call.
#[doc(hidden)]
#[track_caller]
pub fn call<R: Structure + Any + Send + Sync>(
    function: &'static Function,
    instance: &'static str,
    visit: &dyn Fn(&mut Visitor),
) -> Route<R> {
    let at = Place::caller();
    let tracing = super::is_tracing();
    if !tracing && functions_run_eagerly() && !concrete::is_requested(function) {
        return Route::Run(Run(None));
    }
    let mut visitor = Lent::take();
    // Inside another trace the sizes are that trace's, symbols included.
    visitor.clear(if tracing { &[] } else { function.options.signature });
    visit(&mut visitor);
    let device = visitor.device.or(visitor.variable_device).unwrap_or_else(Device::current);
    visitor.words.push(device.key());
    if !instance.is_empty() {
        visitor.text(instance);
    }
    let hash = cache::hash(function, &visitor.words, &visitor.sizes);
    let call = Call { function, instance, at, visitor, hash, device };
    if tracing && function.options.inline {
        return Route::Run(Run(Some(call)));
    }
    call.route(tracing)
}

impl Call {
    #[track_caller]
    fn route<R: Structure + Any + Send + Sync>(self, tracing: bool) -> Route<R> {
        let Visitor { words, sizes, tensors, .. } = &*self.visitor;
        let asked = concrete::is_requested(self.function);
        let strange = |x: &&Tensor| x.is_symbolic() && !tracing && !(asked && x.is_spec());
        if let Some(symbol) = tensors.iter().find(strange) {
            let error = crate::tensor::no_value(symbol).at(self.at).within(self.within());
            return Route::Done(R::settle(|| Err(error)));
        }
        if let Some(hit) = cache::take(self.hash, self.function, words, sizes) {
            return Route::Done(R::settle(|| {
                let result = self.serve(&hit.trace, &hit.program);
                cache::note(self.function, false);
                self.function.cache.touch(&hit.slot);
                cache::put(self.hash, hit);
                result
            }));
        }
        if let Some(slot) = self.function.cache.get(words) {
            return Route::Done(R::settle(|| {
                cache::note(self.function, false);
                self.serve_slot(&slot)
            }));
        }
        let relax = self.function.options.relax_shapes && !tracing;
        let pattern = if relax { self.function.relaxed.pattern(words, &self.visitor.dims) } else { None };
        let key: Box<[u64]> = match &pattern {
            None => words.as_slice().into(),
            Some(pattern) => relaxed_key(words, &self.visitor.dims, pattern),
        };
        if let Some(slot) = pattern.as_ref().and_then(|_| self.function.cache.get(&key)) {
            return Route::Done(R::settle(|| {
                cache::note(self.function, false);
                self.serve_slot(&slot)
            }));
        }
        Route::Trace(Pending { call: self, key, pattern })
    }
    fn within(&self) -> String {
        format!("function `{}`", self.function.name)
    }
    /// The result from a trace that is not among this thread's last hits yet.
    fn serve_slot<R: Structure + Any>(&self, slot: &Arc<Slot>) -> Result<R> {
        let trace =
            slot.trace.get().ok_or_else(|| Error::internal(self.function.name, "a trace vanished"))?;
        let program = trace.program(&self.visitor.tensors).map_err(|e| e.at(self.at))?;
        let result = self.serve(trace, &program);
        let hit = Hit {
            function: self.function,
            generation: self.function.cache.generation(),
            words: self.visitor.words.as_slice().into(),
            sizes: self.visitor.sizes.as_slice().into(),
            slot: slot.clone(),
            trace: trace.clone(),
            program,
        };
        cache::put(self.hash, Box::new(hit));
        result
    }
    fn serve<R: Structure + Any>(&self, trace: &Arc<Trace>, program: &Arc<Program>) -> Result<R> {
        let template = trace.template.downcast_ref::<R>();
        let template = template.ok_or_else(|| {
            let text = "two instances of this generic function have one type name";
            Error::internal(self.function.name, text)
        })?;
        if concrete::answer(self.function, trace, program) {
            let mut visitor = Visitor::default();
            template.visit(&mut visitor);
            return Ok(template.rebuild(&mut Rebuild::new(&visitor.tensors, &[])));
        }
        let _span = profiler::open(What::Call, || self.function.name, Some(self.at));
        let outputs = program.call(&self.visitor.tensors, self.at)?;
        Ok(template.rebuild(&mut Rebuild::new(&outputs, &[])))
    }
}

/// The key of a trace whose sizes follow a pattern: sizes that are fixed, and symbols, which no size equals.
fn relaxed_key(words: &[u64], dims: &[(usize, usize)], pattern: &[Size]) -> Box<[u64]> {
    let mut key: Box<[u64]> = words.into();
    let places = dims.iter().flat_map(|(at, n)| *at..at + n);
    for (place, size) in places.zip(pattern) {
        key[place] = match size {
            Size::Fixed(n) => *n,
            Size::Open(symbol) => u64::MAX - *symbol as u64,
        };
    }
    key
}

/// The very body is to be run: eagerly, or inside another trace.
#[doc(hidden)]
pub struct Run(Option<Call>);

impl Run {
    /// Runs it.
    #[track_caller]
    pub fn run<R: Structure>(self, body: impl FnOnce() -> R) -> R {
        R::settle(|| {
            let _inside = match &self.0 {
                Some(call) => Some(Inside::enter(call)?),
                None => None,
            };
            explore::region(body)
        })
    }
}

/// Being inside a function's body while tracing.
struct Inside;

impl Inside {
    fn enter(call: &Call) -> Result<Inside> {
        let id = std::ptr::from_ref(call.function) as usize;
        let words: &[u64] = &call.visitor.words;
        let (same, depth) = ACTIVE.with_borrow(|active| {
            let own = active.iter().filter(|a| a.0 == id);
            (own.clone().any(|a| *a.1 == *words), own.count())
        });
        if same || depth >= NESTING {
            let text = match same {
                true => {
                    "the function calls itself with the same signature while it is traced, which would never end"
                }
                false => "the function calls itself too often while it is traced",
            };
            return Err(Error::new(Kind::FailedPrecondition, call.function.name, text)
                .with_hint("a condition on values of tensors is not known while tracing: use a loop over tensors, or let a host value end the recursion")
                .at(call.at));
        }
        ACTIVE.with_borrow_mut(|active| active.push((id, words.into())));
        Ok(Inside)
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        ACTIVE.with_borrow_mut(|active| active.pop());
    }
}

/// The body is to be traced.
#[doc(hidden)]
pub struct Pending {
    call: Call,
    key: Box<[u64]>,
    pattern: Option<Vec<Size>>,
}

impl Pending {
    /// Traces it, unless another thread does so first, and gives the call's result.
    #[track_caller]
    pub fn trace<R: Structure + Any + Send + Sync>(
        self,
        visit: &dyn Fn(&mut Visitor),
        body: impl Fn(&mut Rebuild<'_>) -> R,
    ) -> R {
        R::settle(|| {
            let (call, function) = (&self.call, self.call.function);
            let inside = Inside::enter(call)?;
            cache::sweep();
            let slot = function.cache.slot(&self.key, function.bound());
            // In another trace a second thread may hold the lock and wait for ours: then both trace.
            let building = match super::is_tracing() {
                true => slot.building.try_lock().ok(),
                false => Some(slot.building.lock().unwrap_or_else(|p| p.into_inner())),
            };
            let mut forget = Forget(Some((function, &self.key)));
            if slot.trace.get().is_none() {
                let _span = profiler::open(What::Trace, || function.name, Some(call.at));
                let trace = self.build(visit, body)?;
                // Only a second thread inside another trace can have been faster; its trace is as good.
                let _ = slot.trace.set(Arc::new(trace));
            } else {
                cache::note(function, false);
            }
            forget.0 = None;
            drop(building);
            drop(inside);
            call.serve_slot(&slot)
        })
    }
    #[track_caller]
    fn build<R: Structure + Any + Send + Sync>(
        &self,
        visit: &dyn Fn(&mut Visitor),
        body: impl Fn(&mut Rebuild<'_>) -> R,
    ) -> Result<Trace> {
        let (call, function) = (&self.call, self.call.function);
        let specs = call.visitor.specs;
        let mut named = Visitor::named(specs);
        visit(&mut named);
        let known = Known {
            leaves: std::mem::take(&mut named.leaves),
            device: call.device.to_string(),
            instance: call.instance,
        };
        self.allow(&known)?;
        let mut metas = signature::metas(function.name, &named, specs).map_err(|e| e.at(call.at))?;
        if let Some(pattern) = &self.pattern {
            let mut sizes = pattern.iter();
            for (_, meta) in metas.iter_mut().filter(|(path, _)| !specs.iter().any(|s| s.path == path)) {
                let dim = |size: &Size| match size {
                    Size::Fixed(n) => Dim::from(*n as usize),
                    Size::Open(symbol) => Dim::symbol(&format!("relaxed{symbol}")),
                };
                meta.shape = sizes.by_ref().take(meta.shape.rank()).map(dim).collect::<Shape>();
            }
        }
        let counts = named.counts.clone();
        let traced = super::apart(|| {
            crate::tape::isolated(|| {
                super::trace_at(
                    call.at,
                    function.name,
                    call.device,
                    &metas,
                    |symbols| explore::explore(|| body(&mut Rebuild::new(symbols, &counts)).outcome()),
                    |result| {
                        let mut visitor = Visitor::default();
                        result.visit(&mut visitor);
                        visitor.tensors
                    },
                )
            })
        })
        .map_err(|e| e.within(call.within()))?;
        let super::Traced { graph, captures, variables, customs, result } = traced;
        let template: Box<dyn Any + Send + Sync> = Box::new(result);
        let traced = super::Traced { graph, captures, variables, customs, result: template };
        let number = function.traced.fetch_add(1, Ordering::AcqRel);
        function.since_clear.fetch_add(1, Ordering::AcqRel);
        self.report(known.clone());
        Trace::new(number, traced, known, function, call.device)
    }
    /// Whether one more trace is within `max_traces`.
    fn allow(&self, known: &Known) -> Result<()> {
        let function = self.call.function;
        let Some(max) = function.options.max_traces else { return Ok(()) };
        if function.since_clear.load(Ordering::Acquire) < max {
            return Ok(());
        }
        let miss = self.miss(known);
        let changes: Vec<String> = miss.changes.iter().map(|c| c.to_string()).collect();
        let text =
            format!("this call needs one more trace than max_traces = {max} allows: {}", changes.join("; "));
        let error = Error::new(Kind::ResourceExhausted, function.name, text).at(self.call.at);
        Err(match miss.suggestion {
            Some(suggestion) => error.with_hint(suggestion),
            None => error,
        })
    }
    fn miss(&self, known: &Known) -> Miss {
        let history = self.call.function.history();
        let changes = misses::changes(history.known.iter(), known);
        let suggestion = misses::suggestion(&changes, history.known.iter().rev(), known);
        Miss { function: self.call.function.name, at: self.call.at, changes, suggestion }
    }
    /// Remembers why the call was traced, and warns if that happens too often.
    fn report(&self, known: Known) {
        let function = self.call.function;
        let miss = self.miss(&known);
        let (traced, calls) = cache::note(function, true);
        let warns = {
            let mut history = function.history();
            history.known.push_back(known);
            history.misses.push_back(miss.clone());
            if history.known.len() > KNOWN {
                history.known.pop_front();
            }
            if history.misses.len() > MISSES {
                history.misses.pop_front();
            }
            let warns = traced >= 5 && history.warned < WARNINGS;
            history.warned += warns as usize;
            warns
        };
        if warns {
            warning::warn(&Warning::Retracing { traced, calls, miss });
        }
    }
}

/// Takes a place back whose trace did not come about, also when the body panics.
struct Forget<'a>(Option<(&'static Function, &'a [u64])>);

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        if let Some((function, key)) = self.0 {
            function.cache.forget(key);
        }
    }
}
