//! Running a plan.
//!
//! One of the few files with `unsafe`: operands and results of a step lie in one arena, where the memory plan keeps
//! those that live at the same time apart.

use super::packed::Packed;
use super::program::{Program, Target};
use super::{Arg, Frame, Place, Plan, Product, Slot, Step, Store, engine};
use crate::buffer::Storage;
use crate::cpu::copy;
use crate::cpu::device::run_kernel;
use crate::device::Results;
use crate::error::{Error, Result};
use crate::graph::Node;
use crate::op::{Call, Cpu, Fault, Finish, View, ViewMut};
use crate::profiler::{self, What};
use crate::shape::Meta;
use crate::tensor::Tensor;
use crate::variable::Variable;
use smallvec::SmallVec;

impl Plan {
    pub(super) fn call(
        &self,
        frame: &mut Frame,
        inputs: &[Tensor],
        variables: &[Variable],
    ) -> Result<Results> {
        for argument in &self.arguments {
            let bytes = inputs[argument.index].host().map(Storage::bytes);
            let Some(bytes) = bytes.filter(|b| b.len() == argument.bytes) else {
                return Err(Error::internal("plan", format!("argument {} does not fit", argument.index)));
            };
            frame.table[argument.at] = bytes.as_ptr().cast_mut();
        }
        let mut fresh = std::mem::take(&mut frame.fresh);
        for meta in &self.fresh {
            fresh.push(Tensor::filled(meta, meta.bytes().unwrap_or(usize::MAX), |_| {})?);
        }
        for (at, tensor) in self.fresh_at.iter().zip(&mut fresh) {
            let bytes =
                tensor.bytes_mut().ok_or_else(|| Error::internal("plan", "fresh memory is shared"))?;
            frame.table[*at] = bytes.as_mut_ptr();
        }
        self.walk(frame, variables)?;
        let mut results = Results::new();
        for i in 0..self.results.len() {
            results.push(self.result(i, frame, inputs, &fresh)?);
        }
        fresh.clear();
        frame.fresh = fresh;
        Ok(results)
    }
    /// Runs the steps so that result `i` ends in `targets[i]`.
    ///
    /// # Safety
    ///
    /// Each target is memory of its result's size that nobody else uses for the time of the call; no two overlap, and none
    /// overlaps an argument. Arguments are readable and of the inputs' sizes.
    pub(super) unsafe fn run_into(
        &self,
        frame: &mut Frame,
        args: &[Arg],
        variables: &[Variable],
        targets: &[Target],
    ) -> Result<()> {
        frame.clear();
        for argument in &self.arguments {
            let arg = args[argument.index];
            if arg.bytes != argument.bytes {
                return Err(Error::internal("plan", format!("operand {} does not fit", argument.index)));
            }
            frame.table[argument.at] = arg.ptr.cast_mut();
        }
        for (at, owner) in self.fresh_at.iter().zip(&self.owners) {
            frame.table[*at] = targets[*owner].ptr;
        }
        self.walk(frame, variables)?;
        for (i, (slot, target)) in self.results.iter().zip(targets).enumerate() {
            if matches!(slot.place, Place::Output(k) if self.owners[k] == i) {
                continue;
            }
            // SAFETY: nothing writes the source any more, and the caller vouches for the target.
            unsafe {
                let from = bytes(slot, frame)?;
                std::ptr::copy_nonoverlapping(from.as_ptr(), target.ptr, from.len());
            }
        }
        Ok(())
    }
    #[inline]
    fn walk(&self, frame: &mut Frame, variables: &[Variable]) -> Result<()> {
        if profiler::is_active() {
            return self.walk_measured(frame, variables);
        }
        self.steps.iter().try_for_each(|step| self.step(step, frame, variables))
    }
    #[cold]
    fn walk_measured(&self, frame: &mut Frame, variables: &[Variable]) -> Result<()> {
        self.steps.iter().try_for_each(|step| {
            let nodes = step.nodes();
            let name =
                || nodes.iter().map(|n| self.nodes[*n as usize].op.name).collect::<Vec<_>>().join(", ");
            let at = nodes.first().map(|n| self.nodes[*n as usize].at);
            let _span = at.and_then(|at| profiler::open(What::Step, name, Some(at)));
            self.step(step, frame, variables)
        })
    }
    fn result(&self, i: usize, frame: &Frame, inputs: &[Tensor], fresh: &[Tensor]) -> Result<Tensor> {
        let slot = &self.results[i];
        let storage = match slot.place {
            // Another result in the same memory is a tensor of its own.
            Place::Output(k) if self.owners[k] == i && *fresh[k].meta() == slot.meta => {
                return Ok(fresh[k].clone());
            }
            Place::Output(k) => fresh[k].host().cloned(),
            Place::Input(k) => inputs[k].host().cloned(),
            Place::Constant(k) => Some(self.constants[k].clone()),
            Place::Read(k) => frame.reads[k].clone(),
            Place::Made(k) => frame.made[k].clone(),
            Place::Arena(_) => None,
        };
        let storage = storage.ok_or_else(|| Error::internal("plan", "a result without memory of its own"))?;
        Ok(Tensor::from_storage(slot.meta.clone(), storage))
    }
    fn step(&self, step: &Step, frame: &mut Frame, variables: &[Variable]) -> Result<()> {
        match step {
            Step::Fused { program, product, inputs: operands, outputs, stores } => {
                let (mut sources, mut targets) =
                    (std::mem::take(&mut frame.sources), std::mem::take(&mut frame.targets));
                sources.clear();
                targets.clear();
                for slot in operands {
                    sources.push(target(slot, frame)?);
                }
                for slot in outputs {
                    targets.push(target(slot, frame)?);
                }
                let ran =
                    self.fused(program, product.as_deref(), stores, frame, variables, &sources, &mut targets);
                (frame.sources, frame.targets) = (sources, targets);
                ran
            }
            Step::Copy { copies, inputs: operands, outputs, .. } => {
                // SAFETY: as for a fused step.
                let views = unsafe { views(operands, frame)? };
                // SAFETY: as above.
                let mut results = unsafe { results(outputs, frame)? };
                copy::run(copies, &views, &mut results);
                Ok(())
            }
            Step::Kernel { node: number, inputs: operands, outputs } => {
                let node = &self.nodes[*number as usize];
                // SAFETY: as for a fused step.
                let views = unsafe { views(operands, frame)? };
                // SAFETY: as above.
                let mut results = unsafe { results(outputs, frame)? };
                if let Some(packed) = self.packed(*number) {
                    // SAFETY: no step writes what is packed.
                    let panels = unsafe { bytes(&packed.panels, frame)? };
                    packed.run(views[0].bytes, panels, results[0].bytes, None);
                    return Ok(());
                }
                run_kernel(node.op, &metas(operands), &views, &node.attrs, &node.outputs, &mut results)
                    .map_err(|fault| explain(node, fault, operands))
            }
            Step::Read { variable, read, at, bytes } => {
                let kept = variables[*variable].elements_into(&mut frame.reads[*read])?.bytes();
                if kept.len() != *bytes {
                    return Err(Error::internal("plan", "a variable has another size than its graph"));
                }
                frame.table[*at] = kept.as_ptr().cast_mut();
                Ok(())
            }
            Step::Assign { variable, value, release } => {
                release.iter().for_each(|r| frame.reads[*r] = None);
                // SAFETY: the variable's own memory is written only if nobody else holds it.
                let bytes = unsafe { bytes(value, frame)? };
                variables[*variable].overwrite(bytes)
            }
            Step::Engine { node, inputs: operands, made } => {
                let node = &self.nodes[*node as usize];
                let mut tensors: SmallVec<[Tensor; 4]> = SmallVec::new();
                for slot in operands {
                    // SAFETY: nothing runs beside this copy.
                    tensors.push(Tensor::from_raw(slot.meta.clone(), unsafe { bytes(slot, frame)? })?);
                }
                let outputs = engine(node, &tensors, &node.attrs, variables)?;
                for ((k, at), y) in made.iter().zip(outputs) {
                    let kept = frame.made[*k].insert(y.storage()?).bytes();
                    frame.table[*at] = kept.as_ptr().cast_mut();
                }
                Ok(())
            }
            Step::If { condition, inputs: operands, outputs, sides, .. } => {
                // SAFETY: as for a fused step.
                let taken = unsafe { bytes(condition, frame)? };
                let side = if taken.first().is_some_and(|b| *b != 0) { &sides[0] } else { &sides[1] };
                let (args, targets) = inside(operands, outputs, frame)?;
                let mut own = side.frame()?;
                // SAFETY: the memory plan keeps the results of this step apart from its operands and each other.
                let ran = unsafe { side.run_into(&mut own, &args, variables, &targets) };
                side.keep(own);
                ran
            }
            Step::While { inputs: operands, outputs, repeat, .. } => {
                let (args, targets) = inside(operands, outputs, frame)?;
                // SAFETY: as for the sides of an `if`.
                unsafe { repeat.run(&args, variables, &targets) }
            }
        }
    }
}

/// A product of at most so many bytes stays in the second-level cache until all of it is finished, and its runs are short
/// (of 64 elements where there are 32 rows of 512): going on with each of them costs more than it saves.
const NEAR: usize = 256 << 10;

impl Plan {
    /// Runs a fused group; the variables that it writes become the last of its targets.
    #[allow(clippy::too_many_arguments, reason = "what a step is made of, taken apart")]
    fn fused(
        &self,
        program: &Program,
        product: Option<&Product>,
        stores: &[Store],
        frame: &mut Frame,
        variables: &[Variable],
        sources: &[Target],
        targets: &mut Vec<Target>,
    ) -> Result<()> {
        if product.is_none() && stores.is_empty() {
            // SAFETY: the memory plan keeps the results of this step apart from its operands and each other.
            unsafe { program.run(sources, targets) };
            return Ok(());
        }
        let joined = match product {
            None => None,
            // SAFETY: as above; the product reads no variable that the group writes.
            Some(product) => Some(unsafe {
                let packed = self.packed(product.node);
                let panels = packed.map(|packed| bytes(&packed.panels, frame)).transpose()?;
                (
                    product,
                    packed.zip(panels),
                    views(&product.inputs, frame)?,
                    results(std::slice::from_ref(&product.output), frame)?,
                )
            }),
        };
        write(stores, frame, variables, targets, |targets| match joined {
            Some((product, packed, views, mut made)) => {
                self.produce(product, packed, program, &views, &mut made, sources, targets)
            }
            None => {
                // SAFETY: as above; what is written of variables is memory that only this step has, or an operand's own of
                // the same shape.
                unsafe { program.run(sources, targets) };
                Ok(())
            }
        })
    }
    /// Runs a product, and the group behind it on each run of elements that is finished.
    #[allow(clippy::too_many_arguments, reason = "what a step is made of, taken apart")]
    fn produce<'b>(
        &self,
        product: &Product,
        packed: Option<(&Packed, &[u8])>,
        program: &Program,
        views: &[View<'b>],
        made: &mut [ViewMut<'b>],
        sources: &[Target],
        targets: &[Target],
    ) -> Result<()> {
        let node = &self.nodes[product.node as usize];
        let size = product.output.meta.dtype.size();
        let finish = |place: usize, run: &mut [u8]| {
            let mut sources: SmallVec<[Target; 32]> = SmallVec::from_slice(sources);
            // The group takes the elements from the run itself, which it alone has now.
            sources[product.operand].ptr = run.as_mut_ptr().wrapping_sub(place * size);
            // SAFETY: each element is in one run, so threads write different elements of the targets; of the product
            // only those of the run are read. The rest is as for a fused step.
            unsafe { program.part(&sources, targets, place, place + run.len() / size) };
        };
        let Cpu::Product(kernel) = node.op.cpu else {
            return Err(Error::internal("plan", format!("{} is not a product", node.op.name)));
        };
        let joined = product.output.bytes > NEAR;
        let finish: Option<&Finish<'_>> = if joined { Some(&finish) } else { None };
        match packed {
            Some((packed, panels)) => packed.run(views[0].bytes, panels, made[0].bytes, finish),
            None => kernel(&mut Call { inputs: views, outputs: made, attrs: &node.attrs, finish })
                .map_err(|fault| explain(node, fault, &product.inputs))?,
        }
        if !joined {
            // SAFETY: the product is finished; the rest is as for a fused step.
            unsafe { program.run(sources, targets) };
        }
        Ok(())
    }
}

/// Runs `compute` on `targets` and memory for the new values of variables: their own, where nobody else holds it, else fresh
/// memory that is then theirs. Other threads see a variable's old value or its new one.
fn write(
    stores: &[Store],
    frame: &mut Frame,
    variables: &[Variable],
    targets: &mut Vec<Target>,
    compute: impl FnOnce(&[Target]) -> Result<()>,
) -> Result<()> {
    let mut locks: SmallVec<[_; 4]> = SmallVec::new();
    let mut fresh: SmallVec<[(usize, Storage); 1]> = SmallVec::new();
    let first = targets.len();
    for (k, store) in stores.iter().enumerate() {
        // Only tried: with several locks held, two functions might wait for each other.
        let mut lock = variables[store.variable].try_lock();
        let mut free = lock.as_deref_mut().filter(|value| value.meta() == &store.meta);
        if let Some(value) = &free {
            // What was read here of this very memory is no longer held; its elements stay, because the lock is.
            for read in &store.release {
                let read = &mut frame.reads[*read];
                if let (Some(held), Some(now)) = (&read, value.host())
                    && held.shares(now)
                {
                    *read = None;
                }
            }
        }
        let own = free.as_mut().and_then(|value| value.bytes_mut()).map(<[u8]>::as_mut_ptr);
        if own.is_none() {
            fresh.push((k, Storage::room(store.bytes)?));
        }
        targets.push(Target { ptr: own.unwrap_or(std::ptr::null_mut()), bytes: store.bytes });
        locks.push(lock);
    }
    for (k, storage) in &mut fresh {
        let room = storage.bytes_mut().ok_or_else(|| Error::internal("plan", "no memory for a variable"))?;
        targets[first + *k].ptr = room.as_mut_ptr();
    }
    compute(targets)?;
    // Who waits for a lock holds none, or two functions might wait for each other.
    let mut late: SmallVec<[(usize, Tensor); 1]> = SmallVec::new();
    for (k, storage) in fresh {
        let value = Tensor::from_storage(stores[k].meta.clone(), storage);
        match &mut locks[k] {
            Some(lock) => **lock = value,
            None => late.push((k, value)),
        }
    }
    drop(locks);
    for (k, value) in late {
        variables[stores[k].variable].poke(value);
    }
    Ok(())
}

fn metas(operands: &[Slot]) -> SmallVec<[&Meta; 4]> {
    operands.iter().map(|slot| &slot.meta).collect()
}

/// A kernel's fault as the user's error.
#[cold]
fn explain(node: &Node, fault: Fault, operands: &[Slot]) -> Error {
    crate::door::explain(node.op, fault, &metas(operands), node.at, node.backward)
}

/// Where an operand or a result of a step is.
#[inline]
fn target(slot: &Slot, frame: &Frame) -> Result<Target> {
    let ptr = frame.table[slot.at];
    if ptr.is_null() {
        return Err(Error::internal("plan", format!("no memory for an operand {}", slot.meta)));
    }
    Ok(Target { ptr, bytes: slot.bytes })
}

/// The bytes of an operand.
///
/// # Safety
///
/// Nothing writes them while the slice is used, which ends before the call does: the step's results lie elsewhere.
#[inline]
unsafe fn bytes<'a>(slot: &Slot, frame: &Frame) -> Result<&'a [u8]> {
    let Target { ptr, bytes } = target(slot, frame)?;
    // SAFETY: `bytes` bytes are there: entries have the meta's size, and what comes from outside was checked when it was
    // bound. The memory lives as long as the frame and the call, and the caller vouches for writers.
    Ok(unsafe { std::slice::from_raw_parts(ptr.cast_const(), bytes) })
}

/// Operands and results of a step for the plans inside it.
#[allow(clippy::type_complexity, reason = "two lists")]
fn inside(
    operands: &[Slot],
    outputs: &[Slot],
    frame: &Frame,
) -> Result<(SmallVec<[Arg; 32]>, SmallVec<[Target; 32]>)> {
    let arg = |s: &Slot| target(s, frame).map(|t| Arg { ptr: t.ptr.cast_const(), bytes: t.bytes });
    let args = operands.iter().map(arg).collect::<Result<_>>()?;
    Ok((args, outputs.iter().map(|s| target(s, frame)).collect::<Result<_>>()?))
}

/// # Safety
///
/// As for `bytes`.
#[inline]
unsafe fn views<'a>(slots: &'a [Slot], frame: &Frame) -> Result<SmallVec<[View<'a>; 4]>> {
    let mut views = SmallVec::new();
    for s in slots {
        // SAFETY: the caller's promise.
        let bytes = unsafe { bytes(s, frame)? };
        views.push(View { dtype: s.meta.dtype, shape: &s.sizes, bytes });
    }
    Ok(views)
}

/// # Safety
///
/// The results overlap no operand in use and not each other, and are used once at a time.
#[inline]
unsafe fn results<'a>(slots: &'a [Slot], frame: &Frame) -> Result<SmallVec<[ViewMut<'a>; 2]>> {
    let mut views = SmallVec::new();
    for s in slots {
        let target = target(s, frame)?;
        // SAFETY: the target has `bytes` bytes of this call's frame; the caller vouches for the rest.
        let bytes = unsafe { std::slice::from_raw_parts_mut(target.ptr, target.bytes) };
        views.push(ViewMut { dtype: s.meta.dtype, shape: &s.sizes, bytes });
    }
    Ok(views)
}
