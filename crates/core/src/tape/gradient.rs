//! Walking a record backwards.

use super::sources::Source;
use super::{Entry, GradientTape, Pause, Record, Sources, Targets, What, refresh};
use crate::door::{with_line, with_origin};
use crate::error::{Error, Kind, OrRaise, Place, Result};
use crate::op::{Attrs, Backward, Grad, Grads};
use crate::ops;
use crate::tensor::Tensor;
use rustc_hash::{FxBuildHasher, FxHashMap};
use smallvec::SmallVec;

/// What to answer for a source that the target does not depend on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Unconnected {
    /// An error that says where the chain broke.
    #[default]
    Error,
    /// Zeros of the source's shape.
    Zero,
}

/// Options of [`GradientTape::gradient_with`].
#[derive(Clone, Default)]
pub struct GradientOptions {
    unconnected: Unconnected,
    output_gradients: Option<Vec<Tensor>>,
}

impl GradientOptions {
    /// The defaults: unconnected sources are an error, the targets are summed.
    pub fn new() -> GradientOptions {
        GradientOptions::default()
    }
    /// What to answer for unconnected sources.
    pub fn unconnected(mut self, policy: Unconnected) -> GradientOptions {
        self.unconnected = policy;
        self
    }
    /// The cotangent of each target, of its shape, instead of ones.
    pub fn output_gradients(mut self, cotangents: &[Tensor]) -> GradientOptions {
        self.output_gradients = Some(cotangents.to_vec());
        self
    }
}

impl GradientTape {
    /// The gradient of the sum of `target` with respect to `sources`.
    ///
    /// # Panics
    ///
    /// If a source is not connected to the target, or the tape was used up; the twin is
    /// [`GradientTape::try_gradient`].
    #[track_caller]
    pub fn gradient<S: Sources + ?Sized>(
        &self,
        target: &(impl Targets + ?Sized),
        sources: &S,
    ) -> S::Gradients {
        self.try_gradient(target, sources).or_raise()
    }
    /// Like [`GradientTape::gradient`], but returns the error.
    #[track_caller]
    pub fn try_gradient<S: Sources + ?Sized>(
        &self,
        target: &(impl Targets + ?Sized),
        sources: &S,
    ) -> Result<S::Gradients> {
        self.gradient_with(target, sources, &GradientOptions::new())
    }
    /// The gradient with options.
    ///
    /// # Errors
    ///
    /// If a source is not connected (unless zeros were asked for), a cotangent does not fit its target, a target is not
    /// float, or the tape was used up.
    #[track_caller]
    pub fn gradient_with<S: Sources + ?Sized>(
        &self,
        target: &(impl Targets + ?Sized),
        sources: &S,
        options: &GradientOptions,
    ) -> Result<S::Gradients> {
        let at = Place::caller();
        let gradients = self.pull(&target.targets(), &sources.sources(), options, at, true)?;
        Ok(sources.structure(gradients))
    }
    /// One backward pass. `last` uses up a tape that is not persistent.
    pub(super) fn pull(
        &self,
        targets: &[Tensor],
        sources: &[Source],
        options: &GradientOptions,
        at: Place,
        last: bool,
    ) -> Result<Vec<Tensor>> {
        if self.used.get() && !self.persistent {
            let text = "a tape that is not persistent gives one gradient, and this one has given it";
            return Err(Error::new(Kind::FailedPrecondition, "gradient", text)
                .with_hint(
                    "make it with `tf::GradientTape::persistent()`, or ask for a list of gradients at once",
                )
                .at(at));
        }
        let _pause = Pause::new(&self.tape);
        let walk = |record: &Record| {
            let walked = || walk(record, targets, sources, options, at);
            with_line(at, false, walked).map_err(|e| e.at(at))
        };
        if self.persistent || !last {
            return walk(&self.tape.record.borrow());
        }
        // It never records again: it stays paused, and its memory goes with this record.
        self.used.set(true);
        self.tape.paused.set(self.tape.paused.get() + 1);
        refresh();
        let record = self.tape.record.take();
        let walked = walk(&record);
        record.recycle();
        walked
    }
}

/// Gradients of `targets` by everything recorded on `tape`, `None` for sources that they do not depend on.
pub(crate) fn gradients_or_none(
    tape: &GradientTape,
    targets: &[Tensor],
    output_gradients: &[Tensor],
    sources: &[Tensor],
) -> Result<Vec<Option<Tensor>>> {
    let options = GradientOptions::new().output_gradients(output_gradients);
    let places: Vec<Source> = sources.iter().cloned().map(Source::Tensor).collect();
    let _pause = Pause::new(&tape.tape);
    let record = tape.tape.record.borrow();
    let (found, _) = cotangents(&record, targets, &places, &options)?;
    Ok(sources.iter().map(|x| found.of(x.id())).collect())
}

fn walk(
    record: &Record,
    targets: &[Tensor],
    sources: &[Source],
    options: &GradientOptions,
    at: Place,
) -> Result<Vec<Tensor>> {
    let (cotangents, breaks) = cotangents(record, targets, sources, options)?;
    sources.iter().enumerate().map(|(i, s)| answer(record, i, s, &cotangents, &breaks, options, at)).collect()
}

/// A place where the chain breaks: the entry's position, the entry, why.
type Break<'a> = (usize, &'a Entry, &'static str);

/// What a walk knows of a tensor.
struct Known {
    /// Whether it depends on the sources: only then its cotangent is worth computing.
    wanted: bool,
    /// Whether it is a source: its cotangent is the answer. Others' go when they are used.
    source: bool,
    cotangent: Option<Tensor>,
}

/// What a walk knows of tensors, by identity.
struct Cotangents(FxHashMap<usize, Known>);

impl Cotangents {
    /// The sources and what depends on them.
    fn new(record: &Record, sources: &[Source]) -> Cotangents {
        let room = record.entries.len() + sources.len() + 2;
        let mut known = FxHashMap::with_capacity_and_hasher(room, FxBuildHasher);
        for source in sources {
            known.insert(identity(source), Known { wanted: true, source: true, cotangent: None });
        }
        let mut known = Cotangents(known);
        for entry in &record.entries {
            if entry.inputs.iter().any(|x| known.wants(x.id())) {
                entry.outputs.iter().for_each(|y| known.at(y.id()).wanted = true);
            }
        }
        known
    }
    fn at(&mut self, id: usize) -> &mut Known {
        self.0.entry(id).or_insert(Known { wanted: false, source: false, cotangent: None })
    }
    fn wants(&self, id: usize) -> bool {
        self.0.get(&id).is_some_and(|known| known.wanted)
    }
    fn has(&self, id: usize) -> bool {
        self.0.get(&id).is_some_and(|known| known.cotangent.is_some())
    }
    fn of(&self, id: usize) -> Option<Tensor> {
        self.0.get(&id)?.cotangent.clone()
    }
    /// The cotangent of what an entry made; nothing asks for it again, but of sources.
    fn take(&mut self, id: usize) -> Option<Tensor> {
        let known = self.0.get_mut(&id)?;
        if known.source { known.cotangent.clone() } else { known.cotangent.take() }
    }
    fn add(&mut self, id: usize, grad: Tensor) -> Result<()> {
        let place = &mut self.at(id).cotangent;
        let sum = match place.take() {
            Some(old) => old.try_add(&grad)?,
            None => grad,
        };
        *place = Some(sum);
        Ok(())
    }
}

/// The cotangent of every source that the targets depend on, and where the chain breaks.
fn cotangents<'a>(
    record: &'a Record,
    targets: &[Tensor],
    sources: &[Source],
    options: &GradientOptions,
) -> Result<(Cotangents, Vec<Break<'a>>)> {
    let mut cotangents = Cotangents::new(record, sources);
    for (i, y) in targets.iter().enumerate() {
        if !y.dtype().is_float() {
            let text = format!("the target must be float: target is {}", y.meta());
            return Err(Error::invalid("gradient", text));
        }
        let seed = match &options.output_gradients {
            None => ops::try_ones_like(y)?,
            Some(list) => match list.get(i) {
                Some(dy)
                    if dy.dtype() == y.dtype()
                        && dy.rank() == y.rank()
                        && dy.shape().iter().zip(y.shape().iter()).all(|(a, b)| a.may_equal(*b)) =>
                {
                    dy.clone()
                }
                Some(dy) => {
                    let text = format!(
                        "the output gradient must be like its target: it is {}, target is {}",
                        dy.meta(),
                        y.meta()
                    );
                    return Err(Error::invalid("gradient", text));
                }
                None => return Err(Error::invalid("gradient", format!("no output gradient for target {i}"))),
            },
        };
        cotangents.add(y.id(), seed)?;
    }
    let mut breaks: Vec<Break<'a>> = vec![];
    let none = Attrs::new();
    for (i, entry) in record.entries.iter().enumerate().rev() {
        if !entry.outputs.iter().any(|y| cotangents.has(y.id())) {
            continue;
        }
        let needs: SmallVec<[bool; 4]> =
            entry.inputs.iter().map(|x| x.dtype().is_float() && cotangents.wants(x.id())).collect();
        if !needs.iter().any(|n| *n) {
            continue;
        }
        let dys: SmallVec<[Option<Tensor>; 2]> =
            entry.outputs.iter().map(|y| cotangents.take(y.id())).collect();
        let so_far = match &entry.what {
            What::Call(..) => so_far(entry, &needs, &cotangents),
            _ => vec![],
        };
        let grads = with_origin(entry.at, || match &entry.what {
            What::Op(op, attrs) => match op.grad {
                Grad::None(reason) => {
                    breaks.push((i, entry, reason));
                    Ok(SmallVec::from_elem(None, entry.inputs.len()))
                }
                Grad::Rule(rule) => {
                    let back = Backward {
                        inputs: &entry.inputs,
                        outputs: &entry.outputs,
                        dys: &dys,
                        attrs: attrs.as_deref().unwrap_or(&none),
                        needs: &needs,
                    };
                    let grads = crate::error::catch(|| rule(&back))?;
                    check(op.name, &grads, &needs)?;
                    Ok(grads)
                }
            },
            What::Custom(_, pullback) => pullback(&dys).map(Grads::from_vec),
            What::Call(_, pullback) => {
                crate::trace::explore::unit(|| pullback(&dys, &so_far)).map(Grads::from_vec)
            }
        })?;
        with_origin(entry.at, || {
            for (i, (x, grad)) in entry.inputs.iter().zip(grads).enumerate().filter(|(i, _)| needs[*i]) {
                let Some(grad) = grad else { continue };
                match so_far.get(i) {
                    Some(Some(_)) => cotangents.at(x.id()).cotangent = Some(grad),
                    _ => cotangents.add(x.id(), grad)?,
                }
            }
            Ok::<_, Error>(())
        })?;
    }
    Ok((cotangents, breaks))
}

/// The cotangent that each input of a traced call has before it; of a tensor that is given twice, only once.
fn so_far(entry: &Entry, needs: &[bool], cotangents: &Cotangents) -> Vec<Option<Tensor>> {
    let first = |i: usize| entry.inputs.iter().position(|x| x.id() == entry.inputs[i].id()) == Some(i);
    let found = |i: usize| cotangents.of(entry.inputs[i].id());
    (0..needs.len()).map(|i| if needs[i] && first(i) { found(i) } else { None }).collect()
}

/// A rule must give what is needed: nothing is silently missing.
fn check(op: &'static str, grads: &[Option<Tensor>], needs: &[bool]) -> Result<()> {
    if grads.len() != needs.len() || grads.iter().zip(needs).any(|(g, n)| *n && g.is_none()) {
        return Err(Error::internal(op, "the gradient rule left out a float input"));
    }
    Ok(())
}

fn identity(source: &Source) -> usize {
    match source {
        Source::Tensor(x) => x.id(),
        Source::Variable(v) => v.handle().id(),
    }
}

/// The first op after the source that has no gradient: its result may be no float, and then no cotangent reaches it.
fn stopped(record: &Record, source: &Source) -> Option<(&'static str, Place, &'static str)> {
    let reached = Cotangents::new(record, std::slice::from_ref(source));
    record.entries.iter().find_map(|entry| match &entry.what {
        What::Op(op, _) if entry.inputs.iter().any(|x| reached.wants(x.id())) => match op.grad {
            Grad::None(reason) => Some((op.name, entry.at, reason)),
            Grad::Rule(_) => None,
        },
        _ => None,
    })
}

fn answer(
    record: &Record,
    i: usize,
    source: &Source,
    cotangents: &Cotangents,
    breaks: &[Break<'_>],
    options: &GradientOptions,
    at: Place,
) -> Result<Tensor> {
    if let Some(gradient) = cotangents.of(identity(source)) {
        return Ok(gradient);
    }
    let (meta, name) = match source {
        Source::Tensor(x) => (x.meta().clone(), format!("source {i}")),
        Source::Variable(v) => (v.meta().clone(), format!("variable `{}`", v.name())),
    };
    if !meta.dtype.is_float() {
        let text = format!("{name} is {meta}, and only float tensors have gradients");
        return Err(Error::invalid("gradient", text).with_hint("cast it to f32 before watching it"));
    }
    if options.unconnected == Unconnected::Zero {
        return match source {
            Source::Tensor(x) => ops::try_zeros_like(x),
            Source::Variable(v) => ops::try_zeros_like(&crate::tape::stop_recording(|| v.read())),
        };
    }
    let read = match source {
        Source::Tensor(x) => record.tracked.contains(&x.id()),
        Source::Variable(v) => record.reads.get(&v.id()).is_some_and(|n| *n > 0),
    };
    let why = match (read, breaks.first()) {
        (false, _) => "it was not watched or not used while the tape recorded".to_string(),
        (true, Some((_, entry, reason))) => {
            let op = match &entry.what {
                What::Op(op, _) => op.name,
                What::Custom(name, _) | What::Call(name, _) => name,
            };
            format!("the chain breaks at {op} ({}): {reason}", entry.at)
        }
        (true, None) => match stopped(record, source) {
            Some((op, at, reason)) => format!("the chain breaks at {op} ({at}): {reason}"),
            None => "the target does not depend on it".to_string(),
        },
    };
    Err(Error::invalid("gradient", format!("there is no gradient for {name} ({meta}): {why}"))
        .with_hint("watch it before it is used, or ask for zeros: GradientOptions::new().unconnected(Unconnected::Zero)")
        .at(at))
}
