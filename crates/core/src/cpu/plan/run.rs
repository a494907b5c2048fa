//! Running a plan.
//!
//! One of the few files with `unsafe`: operands and results of a step lie in one arena, where the memory plan keeps
//! those that live at the same time apart.

use super::program::Target;
use super::{Arg, Frame, Place, Plan, Slot, Step, engine};
use crate::buffer::{Buffer, Storage};
use crate::cpu::copy;
use crate::cpu::device::run_kernel;
use crate::error::{Error, Result};
use crate::op::{View, ViewMut};
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
    ) -> Result<Vec<Tensor>> {
        let args: SmallVec<[Arg<'_>; 8]> = inputs.iter().map(argument).collect::<Result<_>>()?;
        let fresh = self.fresh.iter().map(|meta| Buffer::zeroed(meta.bytes().unwrap_or(usize::MAX)));
        let fresh: SmallVec<[Buffer; 4]> = fresh.collect::<Result<_>>()?;
        frame.outputs.extend(fresh.iter().map(|b| Target { ptr: b.as_ptr(), bytes: b.bytes().len() }));
        for step in &self.steps {
            self.step(step, frame, &args, variables)?;
        }
        let made: SmallVec<[Storage; 4]> = fresh.into_iter().map(Storage::new).collect();
        self.results.iter().map(|slot| self.result(slot, frame, &args, &made)).collect()
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
        args: &[Arg<'_>],
        variables: &[Variable],
        targets: &[Target],
    ) -> Result<()> {
        frame.clear();
        frame.outputs.extend(self.owners.iter().map(|i| targets[*i]));
        for step in &self.steps {
            self.step(step, frame, args, variables)?;
        }
        for (i, (slot, target)) in self.results.iter().zip(targets).enumerate() {
            if matches!(slot.place, Place::Output(k) if self.owners[k] == i) {
                continue;
            }
            // SAFETY: nothing writes the source any more, and the caller vouches for the target.
            unsafe {
                let from = self.bytes(slot, frame, args)?;
                std::ptr::copy_nonoverlapping(from.as_ptr(), target.ptr, from.len());
            }
        }
        Ok(())
    }
    fn result(&self, slot: &Slot, frame: &Frame, args: &[Arg<'_>], made: &[Storage]) -> Result<Tensor> {
        let storage = match slot.place {
            Place::Output(k) => Some(made[k].clone()),
            Place::Input(k) => args[k].storage.cloned(),
            Place::Constant(k) => Some(self.constants[k].clone()),
            Place::Read(k) => frame.reads[k].clone(),
            Place::Made(k) => frame.made[k].clone(),
            Place::Arena(_) => None,
        };
        let storage = storage.ok_or_else(|| Error::internal("plan", "a result without memory of its own"))?;
        Ok(Tensor::from_storage(slot.meta.clone(), storage))
    }
    /// The bytes of an operand.
    ///
    /// # Safety
    ///
    /// Nothing writes them while the slice is used: the step's results lie elsewhere.
    unsafe fn bytes<'a>(&'a self, slot: &Slot, frame: &Frame, inputs: &'a [Arg<'_>]) -> Result<&'a [u8]> {
        let found: Option<*const u8> = match slot.place {
            // SAFETY: the plan's offsets are inside the arena.
            Place::Arena(offset) => Some(unsafe { frame.arena.as_ptr().add(offset) }.cast_const()),
            Place::Input(k) => Some(inputs[k].ptr).filter(|_| inputs[k].bytes == slot.bytes),
            Place::Constant(k) => Some(self.constants[k].bytes().as_ptr()),
            Place::Read(k) => frame.reads[k].as_ref().map(|s| s.bytes().as_ptr()),
            Place::Made(k) => frame.made[k].as_ref().map(|s| s.bytes().as_ptr()),
            Place::Output(k) => Some(frame.outputs[k].ptr.cast_const()),
        };
        let ptr = found
            .ok_or_else(|| Error::internal("plan", format!("no memory for an operand {}", slot.meta)))?;
        // SAFETY: `slot.bytes` bytes are there: places have the meta's size, and inputs were checked when they were
        // bound. The memory lives as long as the frame and the inputs, and the caller vouches for writers.
        Ok(unsafe { std::slice::from_raw_parts(ptr, slot.bytes) })
    }
    /// Where a step's result goes.
    fn target(&self, slot: &Slot, frame: &Frame) -> Result<Target> {
        let ptr = match slot.place {
            // SAFETY: the plan's offsets are inside the arena.
            Place::Arena(offset) => unsafe { frame.arena.as_ptr().add(offset) },
            Place::Output(k) => frame.outputs[k].ptr,
            _ => return Err(Error::internal("plan", "a step cannot write there")),
        };
        Ok(Target { ptr, bytes: slot.bytes })
    }
    fn step(&self, step: &Step, frame: &mut Frame, inputs: &[Arg<'_>], variables: &[Variable]) -> Result<()> {
        match step {
            Step::Fused { program, inputs: operands, outputs } => {
                // SAFETY: the memory plan keeps the results of this step apart from its operands and each other.
                let slices = unsafe { self.all(operands, frame, inputs)? };
                let targets: SmallVec<[Target; 4]> =
                    outputs.iter().map(|s| self.target(s, frame)).collect::<Result<_>>()?;
                // SAFETY: as above; the frame is this call's own.
                unsafe { program.run(&slices, &targets) };
                Ok(())
            }
            Step::Copy { copies, inputs: operands, outputs, .. } => {
                // SAFETY: as for a fused step.
                let views = unsafe { self.views(operands, frame, inputs)? };
                // SAFETY: as above.
                let mut results = unsafe { self.results(outputs, frame)? };
                copy::run(copies, &views, &mut results);
                Ok(())
            }
            Step::Kernel { node, inputs: operands, outputs } => {
                let node = &self.nodes[*node];
                // SAFETY: as for a fused step.
                let views = unsafe { self.views(operands, frame, inputs)? };
                // SAFETY: as above.
                let mut results = unsafe { self.results(outputs, frame)? };
                let metas: SmallVec<[&Meta; 4]> = operands.iter().map(|s| &s.meta).collect();
                run_kernel(node.op, &metas, &views, &node.attrs, &node.outputs, &mut results)
                    .map_err(|fault| crate::door::explain(node.op, fault, &metas, node.at, node.backward))
            }
            Step::Read { variable, read } => {
                frame.reads[*read] = Some(variables[*variable].peek().storage()?);
                Ok(())
            }
            Step::Assign { variable, value, release } => {
                release.iter().for_each(|r| frame.reads[*r] = None);
                // SAFETY: the variable's own memory is written only if nobody else holds it.
                let bytes = unsafe { self.bytes(value, frame, inputs)? };
                variables[*variable].overwrite(bytes)
            }
            Step::Engine { node, inputs: operands, made } => {
                let node = &self.nodes[*node];
                let mut tensors: SmallVec<[Tensor; 4]> = SmallVec::new();
                for slot in operands {
                    // SAFETY: nothing runs beside this copy.
                    tensors.push(Tensor::from_raw(slot.meta.clone(), unsafe {
                        self.bytes(slot, frame, inputs)?
                    })?);
                }
                let outputs = engine(node, &tensors, &node.attrs, variables)?;
                for (k, y) in made.iter().zip(outputs) {
                    frame.made[*k] = Some(y.storage()?);
                }
                Ok(())
            }
            Step::If { condition, inputs: operands, outputs, sides, .. } => {
                // SAFETY: as for a fused step.
                let taken = unsafe { self.bytes(condition, frame, inputs)? };
                let side = if taken.first().is_some_and(|b| *b != 0) { &sides[0] } else { &sides[1] };
                let (args, targets) = self.inside(operands, outputs, frame, inputs)?;
                let mut own = side.frame()?;
                // SAFETY: the memory plan keeps the results of this step apart from its operands and each other.
                let ran = unsafe { side.run_into(&mut own, &args, variables, &targets) };
                side.keep(own);
                ran
            }
            Step::While { inputs: operands, outputs, repeat, .. } => {
                let (args, targets) = self.inside(operands, outputs, frame, inputs)?;
                // SAFETY: as for the sides of an `if`.
                unsafe { repeat.run(&args, variables, &targets) }
            }
        }
    }
    /// Operands and results of a step for the plans inside it.
    #[allow(clippy::type_complexity, reason = "two lists")]
    fn inside(
        &self,
        operands: &[Slot],
        outputs: &[Slot],
        frame: &Frame,
        inputs: &[Arg<'_>],
    ) -> Result<(SmallVec<[Arg<'static>; 8]>, SmallVec<[Target; 8]>)> {
        let arg = |s: &Slot| {
            // SAFETY: only the address is kept here.
            let ptr = unsafe { self.bytes(s, frame, inputs)? }.as_ptr();
            Ok(Arg { ptr, bytes: s.bytes, storage: None })
        };
        let args = operands.iter().map(arg).collect::<Result<_>>()?;
        Ok((args, outputs.iter().map(|s| self.target(s, frame)).collect::<Result<_>>()?))
    }
    /// # Safety
    ///
    /// As for `bytes`.
    unsafe fn all<'a>(
        &'a self,
        slots: &[Slot],
        frame: &Frame,
        inputs: &'a [Arg<'_>],
    ) -> Result<SmallVec<[&'a [u8]; 4]>> {
        // SAFETY: the caller's promise.
        slots.iter().map(|s| unsafe { self.bytes(s, frame, inputs) }).collect()
    }
    /// # Safety
    ///
    /// As for `bytes`.
    unsafe fn views<'a>(
        &'a self,
        slots: &[Slot],
        frame: &Frame,
        inputs: &'a [Arg<'_>],
    ) -> Result<SmallVec<[View<'a>; 4]>> {
        let view = |s: &Slot| {
            // SAFETY: the caller's promise.
            let bytes = unsafe { self.bytes(s, frame, inputs)? };
            Ok(View { dtype: s.meta.dtype, shape: s.sizes.clone(), bytes })
        };
        slots.iter().map(view).collect()
    }
    /// # Safety
    ///
    /// The results overlap no operand in use and not each other, and are used once at a time.
    unsafe fn results<'a>(&'a self, slots: &[Slot], frame: &Frame) -> Result<SmallVec<[ViewMut<'a>; 2]>> {
        let view = |s: &Slot| {
            let target = self.target(s, frame)?;
            // SAFETY: the target has `bytes` bytes of this call's frame; the caller vouches for the rest.
            let bytes = unsafe { std::slice::from_raw_parts_mut(target.ptr, target.bytes) };
            Ok(ViewMut { dtype: s.meta.dtype, shape: s.sizes.clone(), bytes })
        };
        slots.iter().map(view).collect()
    }
}

fn argument(x: &Tensor) -> Result<Arg<'_>> {
    let storage = x.host().ok_or_else(|| Error::internal("plan", "an argument is not in host memory"))?;
    Ok(Arg { ptr: storage.bytes().as_ptr(), bytes: storage.bytes().len(), storage: Some(storage) })
}
