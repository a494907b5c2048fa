//! The CPU as a device: eager calls.

use super::{copy, elementwise};
use crate::buffer::{Buffer, Storage};
use crate::device::{Backend, Executable, Outputs, RemoteBuffer};
use crate::error::{Error, Result};
use crate::graph::Graph;
use crate::op::{Attrs, Call, Cpu, Fault, Made, Metas, OpDef, Sizes, View, ViewMut};
use crate::shape::{Meta, Shape};
use crate::tensor::Tensor;
use smallvec::SmallVec;
use std::sync::Arc;

/// The backend of `CPU:0`.
pub(crate) struct CpuBackend;

/// The sizes of a known shape.
pub(crate) fn sizes(meta: &Meta) -> Sizes {
    meta.shape.iter().map(|d| d.size().unwrap_or(0)).collect()
}

fn view<'a>(meta: &Meta, storage: &'a Storage) -> View<'a> {
    View { dtype: meta.dtype, shape: sizes(meta), bytes: storage.bytes() }
}

/// A result that a kernel made: the dtype was decided before, the sizes by the kernel.
fn take(decided: &Meta, made: Made) -> Result<Tensor> {
    let mut buffer = Buffer::zeroed(made.bytes.len())?;
    buffer.bytes_mut().copy_from_slice(&made.bytes);
    let meta = Meta::new(decided.dtype, made.shape.iter().copied().collect::<Shape>());
    Ok(Tensor::from_storage(meta, Storage::new(buffer)))
}

/// Runs one op on views. All metas are concrete; the outputs are allocated.
pub(crate) fn run_kernel<'b>(
    op: &'static OpDef,
    metas: &[&Meta],
    inputs: &[View<'b>],
    attrs: &Attrs,
    out_metas: &[Meta],
    outputs: &mut [ViewMut<'b>],
) -> Result<(), Fault> {
    match op.cpu {
        Cpu::Elementwise(lookup) => elementwise::run_call(&mut Call { inputs, outputs, attrs }, lookup),
        Cpu::Reindex(plan) => {
            copy::run(&plan(metas, attrs, out_metas), inputs, outputs);
            Ok(())
        }
        Cpu::View => {
            outputs[0].bytes.copy_from_slice(inputs[0].bytes);
            Ok(())
        }
        Cpu::Kernel(kernel) => kernel(&mut Call { inputs, outputs, attrs }),
        Cpu::Dynamic(_) => Err(Fault::new("its sizes are only known when it has run")),
        Cpu::Engine(why) => Err(Fault::new(format!("handled by the engine: {why}"))),
    }
}

impl Backend for CpuBackend {
    fn describe(&self) -> String {
        format!(
            "the processor, {:?} kernels, {} threads",
            super::clones::level(),
            tenfold_kernels::threads::get()
        )
    }
    fn run(&self, op: &'static OpDef, inputs: &[&Tensor], attrs: &Attrs, outs: &Metas) -> Result<Outputs> {
        let metas: SmallVec<[&Meta; 4]> = inputs.iter().map(|t| t.meta()).collect();
        let fail = |fault| crate::door::describe(op, fault, &metas, false);
        let storages: SmallVec<[Storage; 4]> = inputs.iter().map(|t| t.storage()).collect::<Result<_>>()?;
        match op.cpu {
            Cpu::View => {
                return Ok(SmallVec::from_elem(
                    Tensor::from_storage(outs[0].clone(), storages[0].clone()),
                    1,
                ));
            }
            Cpu::Engine(_) => return super::engine::run(op, inputs, attrs, outs, &[]),
            _ => {}
        }
        let views: SmallVec<[View<'_>; 4]> = metas.iter().zip(&storages).map(|(m, s)| view(m, s)).collect();
        if let Cpu::Dynamic(kernel) = op.cpu {
            let made = kernel(&views, attrs).map_err(fail)?;
            return outs.iter().zip(made).map(|(m, made)| take(m, made)).collect();
        }
        let mut buffers: SmallVec<[Buffer; 1]> =
            outs.iter().map(|m| Buffer::zeroed(m.bytes().unwrap_or(usize::MAX))).collect::<Result<_>>()?;
        {
            let mut out_views: SmallVec<[ViewMut<'_>; 1]> = outs
                .iter()
                .zip(&mut buffers)
                .map(|(m, b)| ViewMut { dtype: m.dtype, shape: sizes(m), bytes: b.bytes_mut() })
                .collect();
            run_kernel(op, &metas, &views, attrs, outs, &mut out_views).map_err(fail)?;
        }
        let tensors = outs.iter().zip(buffers).map(|(m, b)| Tensor::from_storage(m.clone(), Storage::new(b)));
        Ok(tensors.collect())
    }
    fn compile(&self, graph: &Graph) -> Result<Arc<dyn Executable>> {
        super::engine::compile(graph)
    }
    fn upload(&self, _meta: &Meta, _elements: &Storage) -> Result<Arc<dyn RemoteBuffer>> {
        Err(Error::internal("to", "the CPU has no memory of its own"))
    }
    fn download(&self, _meta: &Meta, _buffer: &Arc<dyn RemoteBuffer>) -> Result<Storage> {
        Err(Error::internal("to", "the CPU has no memory of its own"))
    }
    fn synchronize(&self) -> Result<()> {
        Ok(())
    }
}
