//! The CPU as a device: eager calls.

use super::copy;
use super::elementwise::{self, CHUNK, repeat};
use crate::buffer::Storage;
use crate::device::{Backend, Executable, Outputs, RemoteBuffer};
use crate::error::{Error, Result};
use crate::graph::Graph;
use crate::op::{Attrs, Call, Cpu, Fault, Infer, Input, Made, Metas, OpDef, Sizes, View, ViewMut, rule};
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

/// A result that a kernel made: the dtype was decided before, the sizes by the kernel.
fn take(decided: &Meta, made: Made) -> Result<Tensor> {
    let meta = Meta::new(decided.dtype, made.shape.iter().copied().collect::<Shape>());
    Ok(Tensor::from_storage(meta, Storage::copied(&made.bytes)?))
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
        Cpu::Elementwise(lookup) => {
            elementwise::run_call(&mut Call { inputs, outputs, attrs, finish: None }, lookup)
        }
        Cpu::Reindex(plan) => {
            copy::run(&plan(metas, attrs, out_metas), inputs, outputs);
            Ok(())
        }
        Cpu::View => {
            outputs[0].bytes.copy_from_slice(inputs[0].bytes);
            Ok(())
        }
        Cpu::Kernel(kernel) | Cpu::Product(kernel) => {
            kernel(&mut Call { inputs, outputs, attrs, finish: None })
        }
        Cpu::Dynamic(_) => Err(Fault::new("its sizes are only known when it has run")),
        Cpu::Engine(why) => Err(Fault::new(format!("handled by the engine: {why}"))),
    }
}

/// The sizes of several known shapes, in one list.
struct AllSizes {
    sizes: SmallVec<[usize; 24]>,
    ends: SmallVec<[usize; 6]>,
}

impl AllSizes {
    fn of<'a>(metas: impl Iterator<Item = &'a Meta>) -> AllSizes {
        let mut all = AllSizes { sizes: SmallVec::new(), ends: SmallVec::new() };
        for meta in metas {
            for d in meta.shape.iter() {
                all.sizes.push(d.size().unwrap_or(0));
            }
            all.ends.push(all.sizes.len());
        }
        all
    }
    fn get(&self, i: usize) -> &[usize] {
        let start = if i == 0 { 0 } else { self.ends[i - 1] };
        &self.sizes[start..self.ends[i]]
    }
}

#[inline]
fn one(x: Tensor) -> Outputs {
    let mut outputs = Outputs::new();
    outputs.push(x);
    outputs
}

/// So many operands go the short way.
const FEW: usize = 3;

/// A number beside so many elements of 8 bytes is repeated for the short way.
const REPEATED: usize = 32;

/// The short way of an element-wise op over host elements of one shape, or numbers beside them, that are not many: no views, no
/// blocks. `None` where a call is of another kind.
#[inline]
pub(crate) fn short(op: &'static OpDef, inputs: &[&Tensor], out: &Meta) -> Option<Result<Tensor>> {
    let Cpu::Elementwise(lookup) = op.cpu else { return None };
    if inputs.len() > FEW {
        return None;
    }
    let bytes = out.bytes()?;
    let n = bytes / out.dtype.size();
    if n > CHUNK {
        return None;
    }
    let mut dtypes = [out.dtype; FEW];
    let mut slices: [&[u8]; FEW] = [&[]; FEW];
    let mut number = None;
    for (k, x) in inputs.iter().enumerate() {
        if x.shape() != &out.shape && (x.rank() > 0 || number.replace(k).is_some()) {
            return None;
        }
        (dtypes[k], slices[k]) = (x.dtype(), x.host()?.bytes());
    }
    let f = lookup(&dtypes[..inputs.len()], out.dtype)?;
    let Some(k) = number else {
        return Some(Tensor::filled(out, bytes, |room| f(&slices[..inputs.len()], room)));
    };
    let mut words = [0u64; REPEATED];
    let (one, size) = (slices[k], dtypes[k].size());
    let room = bytemuck::cast_slice_mut::<u64, u8>(&mut words).get_mut(..n * size)?;
    repeat(one, room);
    slices[k] = room;
    Some(Tensor::filled(out, bytes, |room| f(&slices[..inputs.len()], room)))
}

/// The same where the operands are alike, or numbers of one dtype with them, and the result is like them: then the signature and
/// the shape rule have nothing to say but whether the dtype is right. `None` where they may have.
#[inline]
pub(crate) fn alike(op: &'static OpDef, inputs: &[&Tensor]) -> Option<Result<Tensor>> {
    let is = |rule: fn(&Infer<'_>) -> Result<Metas, Fault>| std::ptr::fn_addr_eq(op.infer, rule);
    let broadcasts = is(rule::broadcast);
    if !broadcasts && !is(rule::same_as_first) || inputs.len() != op.sig.inputs.len() {
        return None;
    }
    let first = inputs.first()?;
    let meta = match broadcasts && first.rank() == 0 {
        true => inputs.last()?.meta(),
        false => first.meta(),
    };
    let fits = |(x, input): (&&Tensor, &Input)| {
        let number = broadcasts && x.rank() == 0 && x.dtype() == meta.dtype;
        (std::ptr::eq(x.meta(), meta) || number || x.meta() == meta) && input.class.has(meta.dtype)
    };
    if inputs.iter().zip(op.sig.inputs).all(fits) { short(op, inputs, meta) } else { None }
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
        match op.cpu {
            Cpu::View => return Ok(one(Tensor::from_storage(outs[0].clone(), inputs[0].storage()?))),
            Cpu::Engine(_) => return super::engine::run(op, inputs, attrs, outs, &[]),
            _ => {}
        }
        let sizes = AllSizes::of(metas.iter().copied().chain(outs));
        let mut views: SmallVec<[View<'_>; 4]> = SmallVec::new();
        for (i, x) in inputs.iter().enumerate() {
            let storage =
                x.host().ok_or_else(|| Error::internal(op.name, "an operand is not in host memory"))?;
            views.push(View { dtype: x.dtype(), shape: sizes.get(i), bytes: storage.bytes() });
        }
        if let Cpu::Dynamic(kernel) = op.cpu {
            let made = kernel(&views, attrs).map_err(fail)?;
            return outs.iter().zip(made).map(|(m, made)| take(m, made)).collect();
        }
        let mut storages: SmallVec<[Storage; 1]> = SmallVec::new();
        for m in outs {
            storages.push(Storage::room(m.bytes().unwrap_or(usize::MAX))?);
        }
        {
            let mut out_views: SmallVec<[ViewMut<'_>; 1]> = SmallVec::new();
            for (i, (m, storage)) in outs.iter().zip(&mut storages).enumerate() {
                let bytes =
                    storage.bytes_mut().ok_or_else(|| Error::internal(op.name, "fresh memory is shared"))?;
                out_views.push(ViewMut { dtype: m.dtype, shape: sizes.get(inputs.len() + i), bytes });
            }
            run_kernel(op, &metas, &views, attrs, outs, &mut out_views).map_err(fail)?;
        }
        Ok(outs.iter().zip(storages).map(|(m, s)| Tensor::from_storage(m.clone(), s)).collect())
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
