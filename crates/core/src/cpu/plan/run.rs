//! Running a plan.
//!
//! One of the few files with `unsafe`: operands and results of a step lie in one arena, where the memory plan keeps
//! those that live at the same time apart.

use super::program::Target;
use super::{Frame, Place, Plan, Slot, Step, engine};
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
        for (output, meta) in frame.outputs.iter_mut().zip(&self.fresh) {
            *output = Some(Buffer::zeroed(meta.bytes().unwrap_or(usize::MAX))?);
        }
        for step in &self.steps {
            self.step(step, frame, inputs, variables)?;
        }
        let made: Vec<Option<Storage>> =
            frame.outputs.iter_mut().map(|o| o.take().map(Storage::new)).collect();
        self.results.iter().map(|slot| self.result(slot, frame, inputs, &made)).collect()
    }
    fn result(
        &self,
        slot: &Slot,
        frame: &Frame,
        inputs: &[Tensor],
        made: &[Option<Storage>],
    ) -> Result<Tensor> {
        let storage = match slot.place {
            Place::Output(k) => made[k].clone(),
            Place::Input(k) => inputs[k].host().cloned(),
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
    unsafe fn bytes<'a>(&'a self, slot: &Slot, frame: &Frame, inputs: &'a [Tensor]) -> Result<&'a [u8]> {
        let found: Option<*const u8> = match slot.place {
            // SAFETY: the plan's offsets are inside the arena.
            Place::Arena(offset) => Some(unsafe { frame.arena.as_ptr().add(offset) }.cast_const()),
            Place::Input(k) => inputs[k].host().map(|s| s.bytes().as_ptr()),
            Place::Constant(k) => Some(self.constants[k].bytes().as_ptr()),
            Place::Read(k) => frame.reads[k].as_ref().map(|s| s.bytes().as_ptr()),
            Place::Made(k) => frame.made[k].as_ref().map(|s| s.bytes().as_ptr()),
            Place::Output(k) => frame.outputs[k].as_ref().map(|b| b.as_ptr().cast_const()),
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
            Place::Output(k) => match &frame.outputs[k] {
                Some(buffer) => buffer.as_ptr(),
                None => return Err(Error::internal("plan", "a result without memory")),
            },
            _ => return Err(Error::internal("plan", "a step cannot write there")),
        };
        Ok(Target { ptr, bytes: slot.bytes })
    }
    fn step(&self, step: &Step, frame: &mut Frame, inputs: &[Tensor], variables: &[Variable]) -> Result<()> {
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
        }
    }
    /// # Safety
    ///
    /// As for `bytes`.
    unsafe fn all<'a>(
        &'a self,
        slots: &[Slot],
        frame: &Frame,
        inputs: &'a [Tensor],
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
        inputs: &'a [Tensor],
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
