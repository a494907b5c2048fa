//! Strided copies: what `Cpu::Reindex` describes.

use crate::dtype::Element;
use crate::op::{AffineCopy, Copies, View, ViewMut};
use tenfold_kernels::strided::{self, Loop};

/// Fills the outputs as described. The indices were derived from the shapes; slices check them again.
pub(crate) fn run(plan: &Copies, inputs: &[View<'_>], outputs: &mut [ViewMut<'_>]) {
    if let Some(fill) = plan.fill {
        for out in outputs.iter_mut() {
            crate::with_element!(out.dtype, T => out.slice::<T>().fill(T::from_f64(fill).store()));
        }
    }
    for copy in &plan.copies {
        let (x, out) = (&inputs[copy.input], &mut outputs[copy.output]);
        match out.dtype.size() {
            1 => one::<u8>(copy, x, out),
            2 => one::<u16>(copy, x, out),
            4 => one::<u32>(copy, x, out),
            _ => one::<u64>(copy, x, out),
        }
    }
}

fn one<S: bytemuck::Pod + Send + Sync>(copy: &AffineCopy, x: &View<'_>, out: &mut ViewMut<'_>) {
    let strides = copy.in_strides.iter().zip(&copy.out_strides);
    let loops = copy.shape.iter().zip(strides).map(|(&count, (&from, &to))| Loop { count, from, to });
    strided::copy(loops, copy.in_offset, x.cast::<S>(), copy.out_offset, out.cast::<S>());
}
