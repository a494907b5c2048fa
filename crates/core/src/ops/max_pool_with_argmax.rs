use super::max_pool::back;
use super::sliding::{pool_shape, pooled, seen, windows_of};
use crate::cpu::pool::max_pool_with_argmax as run;
use crate::dtype::DType;
use crate::dtype::with_store_of_numbers;
use crate::op::{
    Call, Cpu, Effect, Exact, Fault, Gpu, GpuKernel, Grad, OpDef, Sample, Tf, err, floats, ok, sig,
};
use crate::shape::Meta;
use smallvec::smallvec;

const LISTS: &str =
    "ksize and strides have batch and channels too there, and padding is a word or explicit_paddings";

/// The maximum of each window and its place in the flattened input.
pub static MAX_POOL_WITH_ARGMAX: OpDef = OpDef {
    name: "max_pool_with_argmax",
    tf: &[Tf::differs("MaxPoolWithArgmax", LISTS)],
    sig: sig!(x: T number; ksize: Ints, strides: Ints, padding_low: Ints, padding_high: Ints, include_batch_in_index: Bool),
    effect: Effect::Pure,
    infer: |i| {
        let s = pool_shape(i.shape(0), i.attrs)?;
        let shape = windows_of(i.shape(0), &s.window, s.channels);
        Ok(smallvec![Meta { dtype: i.dtype(0), shape: shape.clone() }, Meta { dtype: DType::I64, shape }])
    },
    cpu: Cpu::Kernel(kernel),
    gpu: Gpu::Kernel(GpuKernel::MaxPoolWithArgmax),
    grad: Grad::Rule(|g| g.one(back(g.x(), &g.dy(), g.attrs()))),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        let x = || {
            floats(
                [1, 3, 3, 2],
                &[
                    1.0, -2.0, 0.5, 3.0, -1.0, 0.25, 2.0, 1.5, -0.5, 0.75, 1.25, -1.5, 0.0, 2.5, -3.0, 1.0,
                    0.625, -0.25,
                ],
            )
        };
        let line = || floats([2, 3, 1], &[1.0, 4.0, 2.0, -1.0, 3.0, 0.5]);
        let of = |s: Sample, ksize: &[i64]| s.attr("ksize", ksize);
        vec![
            pooled(of(ok([x()]), &[2, 2]), &[1, 1], [&[0, 0], &[0, 0]]).attr("include_batch_in_index", true),
            pooled(of(ok([x()]), &[2, 3]), &[2, 1], [&[0, 1], &[1, 1]]).attr("include_batch_in_index", true),
            pooled(of(ok([line()]), &[2]), &[2], [&[0], &[1]]).attr("include_batch_in_index", true),
            pooled(of(ok([floats([0, 2, 1], &[])]), &[2]), &[1], [&[0], &[0]])
                .attr("include_batch_in_index", true),
            pooled(of(err([line()], "ksize must have a positive number"), &[0]), &[1], [&[0], &[0]])
                .attr("include_batch_in_index", true),
            pooled(of(err([line()], "strides must be at least 1"), &[2]), &[0], [&[0], &[0]])
                .attr("include_batch_in_index", true),
        ]
    },
};

fn kernel(call: &mut Call<'_, '_>) -> Result<(), Fault> {
    let x = &call.inputs[0];
    let shape = pool_shape(&seen(x.shape), call.attrs)?;
    let batch = call.attrs.bool("include_batch_in_index");
    let [y, places] = call.outputs else { return Err(Fault::new("gives two results")) };
    with_store_of_numbers!(x.dtype, T => {
        run::<T>(&shape, batch, x.cast(), y.cast(), places.cast());
        Ok(())
    })
}
