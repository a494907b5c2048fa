use super::sliding::{again, pool_shape, pooled, seen, windows_of};
use crate::cpu::pool::max_pool;
use crate::door::apply1;
use crate::dtype::with_store_of_numbers;
use crate::error::OrRaise;
use crate::op::{
    Attrs, Call, Cpu, Effect, Exact, Fault, Gpu, GpuKernel, Grad, OpDef, Sample, Tf, err, floats, ok, sig,
};
use crate::tensor::Tensor;

const LISTS: &str =
    "ksize and strides have batch and channels too there, and padding is a word or explicit_paddings";

/// The maximum of each window, channels last; padding is no candidate.
pub static MAX_POOL: OpDef = OpDef {
    name: "max_pool",
    tf: &[Tf::differs("MaxPool", LISTS), Tf::differs("MaxPool3D", LISTS)],
    sig: sig!(x: T number; ksize: Ints, strides: Ints, padding_low: Ints, padding_high: Ints),
    effect: Effect::Pure,
    infer: |i| {
        let s = pool_shape(i.shape(0), i.attrs)?;
        i.one(i.dtype(0), windows_of(i.shape(0), &s.window, s.channels))
    },
    cpu: Cpu::Kernel(kernel),
    gpu: Gpu::Kernel(GpuKernel::MaxPool),
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
            pooled(of(ok([x()]), &[2, 2]), &[1, 1], [&[0, 0], &[0, 0]]),
            pooled(of(ok([x()]), &[2, 3]), &[2, 1], [&[0, 1], &[1, 1]]),
            pooled(of(ok([line()]), &[2]), &[2], [&[0], &[1]]),
            pooled(of(ok([floats([0, 2, 1], &[])]), &[2]), &[1], [&[0], &[0]]),
            pooled(of(err([line()], "ksize must have a positive number"), &[0]), &[1], [&[0], &[0]]),
            pooled(of(err([line()], "strides must be at least 1"), &[2]), &[0], [&[0], &[0]]),
        ]
    },
};

/// What `dy` is for the input: it goes to the first maximum of each window.
pub(super) fn back(x: &Tensor, dy: &Tensor, attrs: &Attrs) -> Tensor {
    apply1(&super::MAX_POOL_GRAD, &[x, dy], again(Attrs::new(), attrs)).or_raise()
}

fn kernel(call: &mut Call<'_, '_>) -> Result<(), Fault> {
    let (x, y) = (&call.inputs[0], &mut call.outputs[0]);
    let shape = pool_shape(&seen(x.shape), call.attrs)?;
    with_store_of_numbers!(x.dtype, T => {
        max_pool::<T>(&shape, x.cast(), y.cast());
        Ok(())
    })
}
