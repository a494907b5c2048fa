//! Strided copies: what `Cpu::Reindex` describes.

use crate::dtype::Element;
use crate::op::{AffineCopy, Copies, View, ViewMut};

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

fn one<S: bytemuck::Pod>(copy: &AffineCopy, x: &View<'_>, out: &mut ViewMut<'_>) {
    if copy.shape.contains(&0) {
        return;
    }
    let (x, out) = (x.cast::<S>(), out.cast::<S>());
    let rank = copy.shape.len();
    let Some(last) = rank.checked_sub(1) else {
        out[copy.out_offset as usize] = x[copy.in_offset as usize];
        return;
    };
    let (n, step_in, step_out) = (copy.shape[last], copy.in_strides[last], copy.out_strides[last]);
    let mut index = vec![0usize; last];
    let (mut from, mut to) = (copy.in_offset, copy.out_offset);
    loop {
        if step_in == 1 && step_out == 1 {
            out[to as usize..to as usize + n].copy_from_slice(&x[from as usize..from as usize + n]);
        } else {
            for i in 0..n as isize {
                out[(to + i * step_out) as usize] = x[(from + i * step_in) as usize];
            }
        }
        let mut axis = last;
        loop {
            if axis == 0 {
                return;
            }
            axis -= 1;
            index[axis] += 1;
            from += copy.in_strides[axis];
            to += copy.out_strides[axis];
            if index[axis] < copy.shape[axis] {
                break;
            }
            from -= copy.in_strides[axis] * index[axis] as isize;
            to -= copy.out_strides[axis] * index[axis] as isize;
            index[axis] = 0;
        }
    }
}
