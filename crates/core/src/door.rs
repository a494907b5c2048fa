//! The one door: every call of an op, whoever makes it, goes through [`try_apply`].
//!
//! Check the signature, infer the result, then run it or record it, then tell the tapes. Shapes are decided here only.

use crate::cpu::device;
use crate::device::{Device, Outputs};
use crate::dim::Dim;
use crate::error::{Error, Kind, OrRaise, Place, Result};
use crate::op::{Attrs, Cpu, Fault, Infer, OpDef};
use crate::profiler::{self, What};
use crate::shape::Meta;
use crate::tensor::Tensor;
use crate::variable::Variable;
use crate::{tape, trace};
use smallvec::{SmallVec, smallvec};
use std::borrow::Cow;
use std::cell::Cell;

thread_local! {
    /// The line that new nodes take, and whether they belong to a gradient: set while a gradient is computed or a graph is
    /// replayed.
    static ORIGIN: Cell<Option<(Place, bool)>> = const { Cell::new(None) };
}

/// Runs `f` with every new node marked as a gradient of what stands at `at`.
pub(crate) fn with_origin<R>(at: Place, f: impl FnOnce() -> R) -> R {
    with_line(at, true, f)
}

/// Runs `f` with every new node at this line, belonging to a gradient or not.
pub(crate) fn with_line<R>(at: Place, backward: bool, f: impl FnOnce() -> R) -> R {
    let _line = Pinned(ORIGIN.replace(Some((at, backward))));
    f()
}

/// Gives new nodes the line of the caller, also in closures, which do not track theirs, until the answer is dropped. What
/// is made of several ops begins with it if it calls any of them in a closure.
#[track_caller]
#[must_use]
pub(crate) fn pin() -> Pinned {
    Pinned(ORIGIN.replace(Some(here())))
}

/// Puts the line back that new nodes took before.
pub(crate) struct Pinned(Option<(Place, bool)>);

impl Drop for Pinned {
    fn drop(&mut self) {
        ORIGIN.set(self.0);
    }
}

/// The user's line for a call made now, and whether it belongs to a gradient.
#[track_caller]
#[inline]
pub(crate) fn here() -> (Place, bool) {
    match ORIGIN.get() {
        Some(origin) => origin,
        None => (Place::caller(), false),
    }
}

/// Calls an op.
///
/// # Errors
///
/// If the inputs do not fit the signature or the shape rule, are on several devices, belong to an ended trace, or the
/// kernel fails.
#[track_caller]
pub fn try_apply(op: &'static OpDef, inputs: &[&Tensor], attrs: Attrs) -> Result<Outputs> {
    // The metas of the usual few inputs, without a list.
    match inputs {
        [x] => enter(op, inputs, &[x.meta()], attrs),
        [x, y] => enter(op, inputs, &[x.meta(), y.meta()], attrs),
        [x, y, z] => enter(op, inputs, &[x.meta(), y.meta(), z.meta()], attrs),
        _ => enter(op, inputs, &inputs.iter().map(|t| t.meta()).collect::<SmallVec<[&Meta; 8]>>(), attrs),
    }
}

#[track_caller]
#[inline]
fn enter(op: &'static OpDef, inputs: &[&Tensor], metas: &[&Meta], attrs: Attrs) -> Result<Outputs> {
    let (at, backward) = here();
    let _span = match profiler::is_active() && !trace::is_tracing() {
        true => profiler::open(What::Eager, || op.name, Some(at)),
        false => None,
    };
    let inferred =
        op.sig.check(metas, &attrs).and_then(|()| (op.infer)(&Infer { inputs: metas, attrs: &attrs }));
    let outs = match inferred {
        Ok(outs) => outs,
        Err(fault) => return Err(explain(op, fault, metas, at, backward)),
    };
    let outputs = if trace::is_tracing() || inputs.iter().any(|t| t.is_symbolic()) {
        trace::record(op, inputs, &attrs, outs, at, backward)?
    } else {
        let decided = !matches!(op.cpu, Cpu::Dynamic(_));
        if let Some(huge) = outs.iter().find(|m| decided && m.bytes().is_none()) {
            let fault = Fault::new(format!("the result {huge} is too large")).kind(Kind::ResourceExhausted);
            return Err(explain(op, fault, metas, at, backward));
        }
        let short = if let [out] = outs.as_slice() { device::short(op, inputs, out) } else { None };
        match short {
            Some(made) => made.map(|y| smallvec![y]),
            None => common_device(op, inputs, at)?.backend().run(op, inputs, &attrs, &outs),
        }
        .map_err(|e| e.at(at))?
    };
    tape::record(op, inputs, &attrs, &outputs, at);
    Ok(outputs)
}

/// Calls an op with one result the short way, if it is to run now and `run` knows one for these inputs: then the signature
/// and the shape rule would have nothing to say.
#[track_caller]
#[inline]
pub(crate) fn briefly(
    op: &'static OpDef,
    inputs: &[&Tensor],
    attrs: &dyn Fn() -> Attrs,
    run: impl FnOnce() -> Option<Result<Tensor>>,
) -> Option<Result<Tensor>> {
    if trace::is_tracing() || profiler::is_active() {
        return None;
    }
    let made = run()?;
    let (at, _) = here();
    Some(made.map_err(|e| e.at(at)).inspect(|y| {
        if tape::is_recording() {
            tape::record(op, inputs, &attrs(), std::slice::from_ref(y), at);
        }
    }))
}

/// Calls an op with one result.
#[track_caller]
#[inline]
pub(crate) fn apply1(op: &'static OpDef, inputs: &[&Tensor], attrs: Attrs) -> Result<Tensor> {
    if attrs.is_empty()
        && let Some(made) = briefly(op, inputs, &Attrs::new, || device::alike(op, inputs))
    {
        return made;
    }
    let mut outputs = try_apply(op, inputs, attrs)?;
    Ok(outputs.swap_remove(0))
}

/// The device that all inputs are on; without inputs, the current one.
fn common_device(op: &'static OpDef, inputs: &[&Tensor], at: Place) -> Result<Device> {
    let Some(first) = inputs.first() else { return Ok(Device::current()) };
    if inputs.iter().all(|t| t.host().is_some()) {
        return Ok(Device::cpu());
    }
    let device = first.device();
    match inputs.iter().position(|t| t.device() != device) {
        None => Ok(device),
        Some(i) => {
            let (a, b) = (op.sig.input_name(0), op.sig.input_name(i));
            let text = format!(
                "{a} is {} on {device}, {b} is {} on {}",
                first.meta(),
                inputs[i].meta(),
                inputs[i].device()
            );
            Err(Error::invalid(op.name, format!("the operands are on different devices: {text}"))
                .with_hint(format!("move one: {b}.to(\"{device}\")?"))
                .at(at))
        }
    }
}

/// An op author's fault as the user's error: op, what, operands, numbers, place, hint.
#[cold]
pub(crate) fn explain(
    op: &'static OpDef,
    fault: Fault,
    inputs: &[&Meta],
    at: Place,
    backward: bool,
) -> Error {
    describe(op, fault, inputs, backward).at(at)
}

/// [`explain`] where the place is not known: whoever knows it adds it.
#[cold]
pub(crate) fn describe(op: &'static OpDef, fault: Fault, inputs: &[&Meta], backward: bool) -> Error {
    let shown = inputs.len().min(6);
    let mut operands: Vec<String> =
        inputs[..shown].iter().enumerate().map(|(i, m)| format!("{} is {m}", op.sig.input_name(i))).collect();
    if inputs.len() > shown {
        operands.push(format!("and {} more", inputs.len() - shown));
    }
    let mut text = fault.what;
    if !operands.is_empty() {
        text = format!("{text}: {}", operands.join(", "));
    }
    if let Some(numbers) = fault.numbers {
        text = format!("{text} ({numbers})");
    }
    let name: Cow<'static, str> =
        if backward { format!("gradient of {}", op.name).into() } else { op.name.into() };
    let error = Error::new(fault.kind, name, text);
    match fault.hint {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

/// The value of a variable: a node of the graph while tracing, else the value of this moment.
#[track_caller]
pub(crate) fn read_variable(v: &Variable) -> Tensor {
    let (at, backward) = here();
    let x = match trace::is_tracing() {
        true => trace::read_variable(v, at, backward).or_raise(),
        false => v.peek(),
    };
    tape::watch_read(v, &x, at);
    x
}

/// Writes a variable: a node of the graph while tracing, else now.
#[track_caller]
pub(crate) fn assign_variable(v: &Variable, value: &Tensor) -> Result<()> {
    let (at, backward) = here();
    let same_shape = v.shape().rank() == value.rank()
        && v.shape().iter().zip(value.shape().iter()).all(|(a, b)| a.may_equal(*b));
    if v.dtype() != value.dtype() || !same_shape {
        let text = format!(
            "the value does not fit the variable `{}`: it is {}, value is {}",
            v.name(),
            v.meta(),
            value.meta()
        );
        return Err(Error::invalid("assign", text).at(at));
    }
    if trace::is_tracing() || value.is_symbolic() {
        return trace::assign_variable(v, value, at, backward);
    }
    if v.device() != value.device() {
        let text =
            format!("the variable `{}` is on {}, value is on {}", v.name(), v.device(), value.device());
        return Err(Error::invalid("assign", text)
            .with_hint(format!("move the value: value.to(\"{}\")?", v.device()))
            .at(at));
    }
    v.poke(value.alias());
    Ok(())
}

/// The stream at a generator's state, which moves past a draw of `elements` elements: a node while tracing, else now.
#[track_caller]
pub(crate) fn rng_read_and_skip(state: &Variable, elements: Dim) -> Result<Tensor> {
    let (at, backward) = here();
    if trace::is_tracing() {
        return trace::rng_read_and_skip(state, elements, at, backward);
    }
    match elements.size() {
        Some(n) => crate::random::eager_stream(state, n),
        None => Err(Error::internal("random", "a symbolic size outside a trace").at(at)),
    }
}
