//! The traces of this thread, innermost last, and what the door asks of them.

use super::explore;
use crate::device::{Device, Outputs};
use crate::dim::Dim;
use crate::error::{Error, Kind, Place, Result};
use crate::graph::{Graph, Node, Value, VariableInfo};
use crate::op::{Attrs, Metas, OpDef};
use crate::ops;
use crate::shape::{Meta, Shape};
use crate::tensor::{Repr, Symbol, Tensor};
use crate::variable::Variable;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicU64, Ordering};

/// Captured tensors up to this many elements become constants of the graph; larger ones become inputs.
pub(crate) const CONSTANT_ELEMENTS: usize = 128;

/// A graph being built.
pub(super) struct State {
    id: u64,
    /// Whether it is a graph for a node of the trace below, whose variables it names by that trace's slots.
    sub: bool,
    /// What the names of sizes begin with that only the run decides: none stands in two graphs of a function.
    prefix: String,
    /// How many graphs for nodes were begun in it.
    subs: usize,
    /// The traces that were active when this one began: their values may be captured.
    outer: Vec<u64>,
    device: Device,
    pub(super) graph: Graph,
    /// Inputs that stand for tensors from outside, in the order of the graph's inputs after the arguments.
    pub(super) captures: Vec<Tensor>,
    /// The value of each captured tensor, by its identity.
    captured: FxHashMap<usize, Value>,
    /// Constants and captures are kept alive so that identities stay unique.
    held: Vec<Tensor>,
    variables: Vec<Variable>,
    /// What the last read of each variable gave that was not written since: slots and values.
    reads: Vec<(usize, Tensor)>,
    pub(super) customs: Vec<Custom>,
    scope: &'static str,
}

#[allow(clippy::large_enum_variant, reason = "there are as many as nested traces: one or two")]
enum Frame {
    Trace(State),
    /// Ops inside run eagerly.
    Init,
}

thread_local! {
    static STACK: RefCell<Vec<Frame>> = const { RefCell::new(Vec::new()) };
    /// Whether the innermost frame is a trace.
    static TRACING: Cell<bool> = const { Cell::new(false) };
}

static NEXT_TRACE: AtomicU64 = AtomicU64::new(1);

/// Whether ops of this thread are recorded now.
#[inline]
pub(crate) fn is_tracing() -> bool {
    TRACING.get()
}

fn refresh() {
    TRACING.set(STACK.with_borrow(|s| matches!(s.last(), Some(Frame::Trace(_)))));
}

/// Pops a frame even when the body panics, so that no half-built state stays.
struct Guard {
    depth: usize,
}

impl Guard {
    fn push(frame: Frame) -> Guard {
        let depth = STACK.with_borrow_mut(|s| {
            s.push(frame);
            s.len() - 1
        });
        refresh();
        Guard { depth }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        STACK.with_borrow_mut(|s| s.truncate(self.depth));
        refresh();
    }
}

/// Runs `f` outside the graph: its ops run now, its variables may be created. For state that the first trace needs.
///
/// Symbolic tensors cannot be used inside.
///
/// ```
/// # use tenfold_core as tf;
/// let counter = tf::init_scope(|| tf::Variable::new(tf::constant(0)));
/// # assert_eq!(counter.read().item::<i32>().unwrap(), 0);
/// ```
pub fn init_scope<R>(f: impl FnOnce() -> R) -> R {
    if !is_tracing() {
        return f();
    }
    let _guard = Guard::push(Frame::Init);
    crate::tape::stop_recording(f)
}

/// Runs `f` as if nothing were traced: a graph made inside knows nothing of the graphs around it.
pub(crate) fn apart<R>(f: impl FnOnce() -> R) -> R {
    struct Restore(Vec<Frame>);
    impl Drop for Restore {
        fn drop(&mut self) {
            STACK.set(std::mem::take(&mut self.0));
            refresh();
        }
    }
    let _restore = Restore(STACK.take());
    refresh();
    f()
}

/// What a trace made.
pub(crate) struct Traced<R> {
    pub(crate) graph: Graph,
    pub(crate) captures: Vec<Tensor>,
    pub(crate) variables: Vec<Variable>,
    pub(crate) customs: Vec<Custom>,
    pub(crate) result: R,
}

/// A gradient that the user gave for a part of a graph: it replaces the way through that part.
#[derive(Clone)]
pub(crate) struct Custom {
    pub(crate) name: &'static str,
    /// The way to the graph that it is in: nodes and the names of their graphs; empty for the function's own graph.
    pub(crate) path: Vec<(u32, &'static str)>,
    /// The result: an `identity` node of its own.
    pub(crate) output: Value,
    pub(crate) inputs: Vec<Value>,
    /// From the result's cotangent, then the operands, then the captures, to the inputs' cotangents; or why there is none.
    pub(crate) pullback: Result<Graph>,
    /// Which inputs have a cotangent.
    pub(crate) given: Vec<bool>,
    /// Values of the graph that the pullback uses.
    pub(crate) operands: Vec<Value>,
    /// Tensors from outside that it uses.
    pub(crate) captures: Vec<Tensor>,
    pub(crate) variables: Vec<Variable>,
}

impl Custom {
    /// The node of the function's graph that it is about, or that it is inside of.
    pub(super) fn node(&self) -> u32 {
        self.path.first().map_or(self.output.node, |p| p.0)
    }
}

/// [`trace_at`] the line of the caller.
#[track_caller]
pub(crate) fn trace<R>(
    name: &str,
    device: Device,
    arguments: &[(String, Meta)],
    body: impl FnOnce(&[Tensor]) -> Result<R>,
    outputs: impl FnOnce(&R) -> Vec<Tensor>,
) -> Result<Traced<R>> {
    trace_at(crate::door::here().0, name, device, arguments, body, outputs)
}

/// Runs `body` once with symbolic arguments of these metas; `outputs` names the graph's results in what it returned. The
/// arguments, and results that are constants, have the line `at`.
pub(crate) fn trace_at<R>(
    at: Place,
    name: &str,
    device: Device,
    arguments: &[(String, Meta)],
    body: impl FnOnce(&[Tensor]) -> Result<R>,
    outputs: impl FnOnce(&R) -> Vec<Tensor>,
) -> Result<Traced<R>> {
    let (state, symbols) = begin(at, name, device, arguments);
    let guard = Guard::push(Frame::Trace(state));
    let result = explore::apart(|| body(&symbols))?;
    let results = outputs(&result);
    set_results(&results, at)?;
    let frame = STACK.with_borrow_mut(|s| s.pop());
    drop(guard);
    match frame {
        Some(Frame::Trace(State { graph, captures, variables, customs, .. })) => {
            Ok(Traced { graph, captures, variables, customs, result })
        }
        _ => Err(Error::internal("trace", "the stack of traces lost its top")),
    }
}

/// A new trace and its arguments.
fn begin(at: Place, name: &str, device: Device, arguments: &[(String, Meta)]) -> (State, Vec<Tensor>) {
    let id = NEXT_TRACE.fetch_add(1, Ordering::Relaxed);
    let mut graph = Graph { name: name.to_string(), ..Graph::default() };
    let mut symbols = vec![];
    for (argument, meta) in arguments {
        let value = input(&mut graph, argument.clone(), meta.clone(), at);
        symbols.push(Tensor::new(meta.clone(), Repr::Symbol(Symbol { trace: id, value })));
    }
    let outer = STACK.with_borrow(|s| {
        let ids = s.iter().filter_map(|f| match f {
            Frame::Trace(state) => Some(state.id),
            Frame::Init => None,
        });
        ids.collect()
    });
    let state = State {
        id,
        sub: false,
        prefix: String::new(),
        subs: 0,
        outer,
        device,
        graph,
        captures: vec![],
        captured: FxHashMap::default(),
        held: vec![],
        variables: vec![],
        reads: vec![],
        customs: vec![],
        scope: "",
    };
    (state, symbols)
}

/// Begins a graph for a node of the innermost trace: what is traced from now on goes there.
pub(super) fn push_sub(name: &str, arguments: &[(String, Meta)]) -> Result<Vec<Tensor>> {
    let (device, scope) = with_top(|state| Ok((state.device, state.scope)))?;
    let number = with_function(|state| {
        state.subs += 1;
        Ok(state.subs)
    })?;
    let prefix = format!("s{number}_");
    let mut arguments = arguments.to_vec();
    for (k, (_, meta)) in arguments.iter_mut().enumerate() {
        for (d, dim) in meta.shape.dims_mut().iter_mut().enumerate() {
            if dim.name() == Some(ops::OPEN_DIM) {
                *dim = Dim::symbol(&format!("{}{prefix}{k}.{d}", ops::OPEN_DIM));
            }
        }
    }
    let (state, symbols) = begin(crate::door::here().0, name, device, &arguments);
    let state = State { sub: true, prefix, scope, ..state };
    STACK.with_borrow_mut(|s| s.push(Frame::Trace(state)));
    refresh();
    Ok(symbols)
}

/// How many graphs are being made.
pub(super) fn depth() -> usize {
    STACK.with_borrow(|s| s.len())
}

/// Gives graphs for nodes up until so many are being made.
pub(super) fn truncate(depth: usize) {
    STACK.with_borrow_mut(|s| s.truncate(depth));
    refresh();
}

/// Ends the innermost graph for a node.
pub(super) fn pop_sub() -> Result<State> {
    let top = STACK.with_borrow_mut(|s| match s.last() {
        Some(Frame::Trace(state)) if state.sub => s.pop(),
        _ => None,
    });
    refresh();
    match top {
        Some(Frame::Trace(state)) => Ok(state),
        _ => Err(Error::internal("trace", "no graph for a node is being traced")),
    }
}

/// Makes these values the results of the innermost graph.
pub(super) fn set_results(results: &[Tensor], at: Place) -> Result<()> {
    with_top(|state| {
        for x in results {
            let value = operand(state, x, at)?;
            state.graph.outputs.push(value);
        }
        Ok(())
    })
}

/// Whether every element is known to be one number, so that no tape has anything to say of it.
pub(super) fn is_fill(x: &Tensor) -> Result<bool> {
    with_top(|state| {
        let Some(symbol) = x.symbol().filter(|s| s.trace == state.id) else { return Ok(false) };
        let mut node = state.graph.node(symbol.value.node);
        while node.is(&ops::BROADCAST_TO) {
            node = state.graph.node(node.inputs[0].node);
        }
        Ok(node.is(&ops::CONSTANT))
    })
}

/// The variables of the function that is being traced, by slot.
pub(super) fn function_variables() -> Result<Vec<Variable>> {
    with_function(|state| Ok(state.variables.clone()))
}

/// Adds a gradient that the user gave inside a graph of the last node.
pub(super) fn adopt(custom: Custom, attr: &'static str) -> Result<()> {
    with_top(|state| {
        let node = state.graph.nodes.len() as u32 - 1;
        let path = std::iter::once((node, attr)).chain(custom.path.iter().copied()).collect();
        state.customs.push(Custom { path, ..custom });
        Ok(())
    })
}

fn input(graph: &mut Graph, name: String, meta: Meta, at: Place) -> Value {
    let node = graph.push(Node {
        op: &ops::INPUT,
        inputs: SmallVec::new(),
        attrs: Attrs::new()
            .with("index", graph.inputs.len())
            .with("dtype", meta.dtype)
            .with("shape", &meta.shape),
        outputs: SmallVec::from_elem(meta, 1),
        at,
        scope: "",
        backward: false,
    });
    let value = Value { node, output: 0 };
    graph.inputs.push(value);
    graph.input_names.push(name);
    value
}

fn with_top<R>(f: impl FnOnce(&mut State) -> Result<R>) -> Result<R> {
    STACK.with_borrow_mut(|s| match s.last_mut() {
        Some(Frame::Trace(state)) => f(state),
        _ => Err(leaked()),
    })
}

/// The trace of the function that the innermost graph belongs to.
fn with_function<R>(f: impl FnOnce(&mut State) -> Result<R>) -> Result<R> {
    STACK.with_borrow_mut(|s| {
        let found = s.iter_mut().rev().find_map(|frame| match frame {
            Frame::Trace(state) if !state.sub => Some(state),
            _ => None,
        });
        found.map_or_else(|| Err(leaked()), f)
    })
}

#[cold]
fn leaked() -> Error {
    Error::new(
        Kind::FailedPrecondition,
        "trace",
        "a symbolic tensor was used outside the function whose trace made it",
    )
    .with_hint(
        "return it from the function instead of storing it; its value exists only while the graph runs",
    )
}

/// The line that made a tensor of a graph that is not finished; `None` for what comes from outside.
pub(super) fn made_at(x: &Tensor) -> Option<Place> {
    let symbol = x.symbol()?;
    STACK.with_borrow(|s| {
        s.iter().find_map(|frame| match frame {
            Frame::Trace(state) if state.id == symbol.trace => {
                let node = state.graph.node(symbol.value.node);
                (!node.is(&ops::INPUT)).then_some(node.at)
            }
            _ => None,
        })
    })
}

/// The value of this graph that stands for `x`: its own, or a capture of a tensor from outside, first used at `at`.
fn operand(state: &mut State, x: &Tensor, at: Place) -> Result<Value> {
    if let Some(symbol) = x.symbol()
        && symbol.trace == state.id
    {
        return Ok(symbol.value);
    }
    if let Some(value) = state.captured.get(&x.id()) {
        return Ok(*value);
    }
    if let Some(symbol) = x.symbol()
        && !state.outer.contains(&symbol.trace)
    {
        return Err(leaked());
    }
    if !x.is_symbolic() && x.host().is_none() && x.device() != state.device {
        let text = format!(
            "a captured tensor {} is on {}, the graph runs on {}",
            x.meta(),
            x.device(),
            state.device
        );
        return Err(Error::invalid("trace", text).with_hint("move it before the call: x.to(..)?"));
    }
    let small = x.host().is_some() && x.shape().num_elements() <= CONSTANT_ELEMENTS;
    let value = if small {
        let node = state.graph.push(Node {
            op: &ops::CONSTANT,
            inputs: SmallVec::new(),
            attrs: Attrs::new().with("value", x.clone()),
            outputs: SmallVec::from_elem(x.meta().clone(), 1),
            at,
            scope: state.scope,
            backward: false,
        });
        Value { node, output: 0 }
    } else {
        let name = format!("captured_{}", state.captures.len());
        state.captures.push(x.clone());
        input(&mut state.graph, name, x.meta().clone(), at)
    };
    state.captured.insert(x.id(), value);
    state.held.push(x.clone());
    Ok(value)
}

/// What a variable holds where the innermost graph ends now, if it was read there.
pub(super) fn last_read(slot: usize) -> Option<Tensor> {
    with_top(|state| Ok(state.reads.iter().find(|read| read.0 == slot).map(|read| read.1.clone())))
        .ok()
        .flatten()
}

/// Makes a value of a graph around the innermost one an input of it; others are no concern of it.
pub(super) fn capture(x: &Tensor) -> Result<()> {
    with_top(|state| match x.symbol().is_some_and(|s| state.outer.contains(&s.trace)) {
        true => operand(state, x, crate::door::here().0).map(drop),
        false => Ok(()),
    })
}

/// Appends a node to the innermost graph and returns its results as symbolic tensors.
pub(crate) fn record(
    op: &'static OpDef,
    inputs: &[&Tensor],
    attrs: &Attrs,
    outs: Metas,
    at: Place,
    backward: bool,
) -> Result<Outputs> {
    explore::through(op, || {
        with_top(|state| {
            let operands =
                inputs.iter().map(|x| operand(state, x, at)).collect::<Result<SmallVec<[Value; 3]>>>()?;
            Ok(append(state, op, operands, attrs.clone(), outs, at, backward))
        })
    })
    .map_err(|e| match inputs.iter().find(|x| x.is_spec()) {
        Some(spec) => crate::tensor::no_value(spec).at(at),
        None => e.at(at),
    })
}

fn append(
    state: &mut State,
    op: &'static OpDef,
    inputs: SmallVec<[Value; 3]>,
    attrs: Attrs,
    mut outs: Metas,
    at: Place,
    backward: bool,
) -> Outputs {
    let next = state.graph.nodes.len();
    // A size that only the run decides gets a symbol of its own, so that two of them are never taken for equal.
    for (k, meta) in outs.iter_mut().enumerate() {
        for (d, dim) in meta.shape.dims_mut().iter_mut().enumerate() {
            if dim.name() == Some(ops::RUN_TIME_DIM) {
                *dim = Dim::symbol(&format!("?{}{next}.{k}.{d}", state.prefix));
            }
        }
    }
    let node = Node { op, inputs, attrs, outputs: outs.clone(), at, scope: state.scope, backward };
    node.each_write(&mut |slot| state.reads.retain(|read| read.0 != slot));
    let node = state.graph.push(node);
    let symbol = |(k, meta): (usize, Meta)| {
        let value = Value { node, output: k as u32 };
        Tensor::new(meta, Repr::Symbol(Symbol { trace: state.id, value }))
    };
    outs.into_iter().enumerate().map(symbol).collect()
}

/// The slot of a variable in the function's table.
fn slot(v: &Variable, host: bool) -> Result<i64> {
    with_function(|state| slot_in(state, v, host))
}

fn slot_in(state: &mut State, v: &Variable, host: bool) -> Result<i64> {
    // A generator's state is in host memory wherever the graph runs: it is six words, and the engine draws from it.
    if v.device() != state.device && !host {
        let text =
            format!("the variable `{}` is on {}, the graph runs on {}", v.name(), v.device(), state.device);
        return Err(Error::invalid("variable", text)
            .with_hint("make the variable and the arguments on one device with `tf::with_device`"));
    }
    if let Some(i) = state.variables.iter().position(|o| o.id() == v.id()) {
        return Ok(i as i64);
    }
    state.variables.push(v.clone());
    state.graph.variables.push(VariableInfo { name: v.name().to_string(), meta: v.meta().clone() });
    Ok(state.variables.len() as i64 - 1)
}

/// A read of `v` as a node.
pub(crate) fn read_variable(v: &Variable, at: Place, backward: bool) -> Result<Tensor> {
    explore::through(&ops::READ_VARIABLE, || {
        let slot = slot(v, false)?;
        with_top(|state| {
            let attrs = Attrs::new().with("slot", slot).with("dtype", v.dtype()).with("shape", v.shape());
            let outs = SmallVec::from_elem(v.meta().clone(), 1);
            let made = append(state, &ops::READ_VARIABLE, SmallVec::new(), attrs, outs, at, backward);
            let slot = slot as usize;
            state.reads.retain(|read| read.0 != slot);
            state.reads.push((slot, made[0].clone()));
            Ok(made)
        })
    })
    .map(|mut made| made.swap_remove(0))
    .map_err(|e| e.at(at))
}

/// A write of `v` as a node.
pub(crate) fn assign_variable(v: &Variable, value: &Tensor, at: Place, backward: bool) -> Result<()> {
    explore::through(&ops::ASSIGN_VARIABLE, || {
        let slot = slot(v, false)?;
        with_top(|state| {
            let attrs = Attrs::new().with("slot", slot);
            let operands = SmallVec::from_elem(operand(state, value, at)?, 1);
            Ok(append(state, &ops::ASSIGN_VARIABLE, operands, attrs, Metas::new(), at, backward))
        })
    })
    .map(drop)
    .map_err(|e| e.at(at))
}

/// A draw from a generator's state as a node.
pub(crate) fn rng_read_and_skip(v: &Variable, elements: Dim, at: Place, backward: bool) -> Result<Tensor> {
    explore::through(&ops::RNG_READ_AND_SKIP, || {
        let slot = slot(v, true)?;
        with_top(|state| {
            let attrs = Attrs::new().with("slot", slot).with("elements", Shape::from([elements]));
            let outs = SmallVec::from_elem(Meta::new(v.dtype(), v.shape()), 1);
            Ok(append(state, &ops::RNG_READ_AND_SKIP, SmallVec::new(), attrs, outs, at, backward))
        })
    })
    .map(|mut made| made.swap_remove(0))
    .map_err(|e| e.at(at))
}

/// Notes that `output`, a node of its own, has this gradient with respect to `inputs`. The pullback is traced here, because
/// only a graph can be kept and used by later calls.
pub(crate) fn custom(
    name: &'static str,
    at: Place,
    inputs: &[&Tensor],
    output: &Tensor,
    pullback: &dyn Fn(&[Option<Tensor>]) -> Result<Vec<Option<Tensor>>>,
) -> Result<()> {
    explore::once(|| custom_once(name, inputs, output, at, pullback))
}

fn custom_once(
    name: &'static str,
    inputs: &[&Tensor],
    output: &Tensor,
    at: Place,
    pullback: &dyn Fn(&[Option<Tensor>]) -> Result<Vec<Option<Tensor>>>,
) -> Result<()> {
    let device = with_top(|state| Ok(state.device))?;
    let argument = [("dy".to_string(), output.meta().clone())];
    let traced = crate::tape::isolated(|| {
        let body = |dy: &[Tensor]| pullback(&[Some(dy[0].clone())]);
        trace_at(at, name, device, &argument, body, |grads| grads.iter().flatten().cloned().collect())
    });
    with_top(|state| {
        let inputs = inputs.iter().map(|x| operand(state, x, at)).collect::<Result<Vec<_>>>()?;
        let mut custom = Custom {
            name,
            path: vec![],
            output: operand(state, output, at)?,
            inputs,
            given: vec![],
            pullback: Err(Error::internal(name, "no pullback")),
            operands: vec![],
            captures: vec![],
            variables: vec![],
        };
        match traced {
            Err(error) => custom.pullback = Err(error),
            Ok(mut traced) => {
                custom.given = traced.result.iter().map(Option::is_some).collect();
                // Operands before captures, in the graph's inputs too. A value of a graph around this one is an operand.
                let own = Tensor::is_symbolic;
                let mut order: Vec<usize> = (0..traced.captures.len()).collect();
                order.sort_by_key(|i| !own(&traced.captures[*i]));
                let old = traced.graph.inputs.clone();
                for (to, from) in order.iter().enumerate() {
                    let value = old[1 + from];
                    traced.graph.inputs[1 + to] = value;
                    let node = &mut traced.graph.nodes[value.node as usize];
                    let (dtype, shape) = (node.outputs[0].dtype, node.outputs[0].shape.clone());
                    node.attrs =
                        Attrs::new().with("index", 1 + to).with("dtype", dtype).with("shape", &shape);
                    let x = &traced.captures[*from];
                    match own(x) {
                        true => custom.operands.push(operand(state, x, at)?),
                        false => custom.captures.push(x.clone()),
                    }
                }
                custom.pullback = Ok(traced.graph);
                custom.variables = traced.variables;
            }
        }
        state.customs.push(custom);
        Ok(())
    })
}

/// How many nodes the innermost graph has now.
pub(crate) fn node_count() -> usize {
    STACK.with_borrow(|s| match s.last() {
        Some(Frame::Trace(state)) => state.graph.nodes.len(),
        _ => 0,
    })
}

/// The device of the trace with this number; the CPU if it has ended.
pub(crate) fn device_of(trace: u64) -> Device {
    STACK.with_borrow(|s| {
        let found = s.iter().rev().find_map(|f| match f {
            Frame::Trace(state) if state.id == trace => Some(state.device),
            _ => None,
        });
        found.unwrap_or_else(Device::cpu)
    })
}

/// Runs `f` with `name` appended to the name scope of the nodes that it makes: the frames in a graph's picture. Eagerly it
/// changes nothing.
///
/// Source: `tf.name_scope`.
///
/// ```
/// # use tenfold_core as tf;
/// let y = tf::name_scope("layer", || tf::constant(1.0) + 1.0);
/// # assert_eq!(y.item::<f32>().unwrap(), 2.0);
/// ```
pub fn name_scope<R>(name: &str, f: impl FnOnce() -> R) -> R {
    struct Restore(Option<&'static str>);
    impl Drop for Restore {
        fn drop(&mut self) {
            if let Some(old) = self.0 {
                set_scope(old);
            }
        }
    }
    fn set_scope(scope: &'static str) -> Option<&'static str> {
        STACK.with_borrow_mut(|s| match s.last_mut() {
            Some(Frame::Trace(state)) => Some(std::mem::replace(&mut state.scope, scope)),
            _ => None,
        })
    }
    let outer = STACK.with_borrow(|s| match s.last() {
        Some(Frame::Trace(state)) => Some(state.scope),
        _ => None,
    });
    let _restore = outer.map(|outer| {
        let full = if outer.is_empty() { name.to_string() } else { format!("{outer}/{name}") };
        set_scope(crate::dim::intern(&full));
        Restore(Some(outer))
    });
    f()
}
