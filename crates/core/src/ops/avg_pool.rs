use super::sliding::{again, pool_shape, pooled, seen, windows_of, with_float};
use crate::cpu::pool::avg_pool;
use crate::door::apply1;
use crate::error::OrRaise;
use crate::op::{
    Attrs, Call, Cpu, Effect, Exact, Fault, Gpu, GpuKernel, Grad, OpDef, Sample, Tf, err, floats, ok, sig,
};

const LISTS: &str =
    "ksize and strides have batch and channels too there, and padding is a word or explicit_paddings";

/// The average of each window, channels last; padding does not count.
pub static AVG_POOL: OpDef = OpDef {
    name: "avg_pool",
    tf: &[Tf::differs("AvgPool", LISTS), Tf::differs("AvgPool3D", LISTS)],
    sig: sig!(x: T float; ksize: Ints, strides: Ints, padding_low: Ints, padding_high: Ints),
    effect: Effect::Pure,
    infer: |i| {
        let s = pool_shape(i.shape(0), i.attrs)?;
        i.one(i.dtype(0), windows_of(i.shape(0), &s.window, s.channels))
    },
    cpu: Cpu::Kernel(kernel),
    gpu: Gpu::Kernel(GpuKernel::AvgPool),
    grad: Grad::Rule(|g| {
        let attrs = again(Attrs::new().with("input_shape", g.x().shape()), g.attrs());
        g.one(apply1(&super::AVG_POOL_GRAD, &[&g.dy()], attrs).or_raise())
    }),
    exact: Exact::Relative(1e-5),
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

fn kernel(call: &mut Call<'_, '_>) -> Result<(), Fault> {
    let (x, y) = (&call.inputs[0], &mut call.outputs[0]);
    let shape = pool_shape(&seen(x.shape), call.attrs)?;
    with_float!(x.dtype, T => avg_pool::<T>(&shape, x.cast(), y.cast()))
}
