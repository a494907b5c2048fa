use super::max_pool::back;
use super::sliding::{back_to, pool_shape, pooled, seen, windows_of, with_float};
use crate::cpu::pool::max_pool_grad_grad as run;
use crate::op::{
    Call, Cpu, Effect, Exact, Fault, Gpu, GpuKernel, Grad, OpDef, Sample, Tf, err, floats, ok, sig,
};
use smallvec::smallvec;

/// What a tensor of the input's shape has at the first maximum of each window: the gradient of `max_pool_grad` for `dy`.
pub static MAX_POOL_GRAD_GRAD: OpDef = OpDef {
    name: "max_pool_grad_grad",
    tf: &[
        Tf::differs(
            "MaxPoolGradGrad",
            "the pooling's result is an input too there, and windows are told as in MaxPool",
        ),
        Tf::differs(
            "MaxPool3DGradGrad",
            "the pooling's result is an input too there, and windows are told as in MaxPool3D",
        ),
    ],
    sig: sig!(x: T float, ddx: T float; ksize: Ints, strides: Ints, padding_low: Ints, padding_high: Ints),
    effect: Effect::Pure,
    infer: |i| {
        let x = i.shape(0);
        let s = pool_shape(x, i.attrs)?;
        back_to(i, &windows_of(x, &s.window, s.channels), x.clone())
    },
    cpu: Cpu::Kernel(kernel),
    gpu: Gpu::Kernel(GpuKernel::MaxPoolGradGrad),
    grad: Grad::Rule(|g| {
        // The places of the maxima are constant but where two are equal.
        smallvec![
            g.needs(0).then(|| super::zeros_like(g.x())),
            g.needs(1).then(|| back(g.x(), &g.dy(), g.attrs())),
        ]
    }),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        let x = || floats([1, 3, 1], &[1.0, 4.0, 2.0]);
        let ddx = || floats([1, 3, 1], &[1.5, -1.0, 0.25]);
        let of = |s: Sample, ksize: &[i64]| s.attr("ksize", ksize);
        vec![
            pooled(of(ok([x(), ddx()]), &[2]), &[1], [&[0], &[0]]),
            pooled(of(ok([x(), ddx()]), &[2]), &[2], [&[0], &[1]]),
            pooled(of(err([x(), floats([1, 1, 1], &[1.0])], "the shape"), &[2]), &[1], [&[0], &[0]]),
        ]
    },
};

fn kernel(call: &mut Call<'_, '_>) -> Result<(), Fault> {
    let (x, ddx, out) = (&call.inputs[0], &call.inputs[1], &mut call.outputs[0]);
    let shape = pool_shape(&seen(x.shape), call.attrs)?;
    with_float!(x.dtype, T => run::<T>(&shape, x.cast(), ddx.cast(), out.cast()))
}
