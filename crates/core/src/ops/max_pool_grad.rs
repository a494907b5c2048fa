use super::sliding::{again, back_to, pool_shape, pooled, seen, windows_of, with_float};
use crate::cpu::pool::max_pool_grad as run;
use crate::door::apply1;
use crate::error::OrRaise;
use crate::op::{
    Attrs, Call, Cpu, Effect, Exact, Fault, Gpu, GpuKernel, Grad, OpDef, Sample, Tf, epilogue, err, floats,
    ok, sig,
};
use smallvec::smallvec;

/// What flows back through a max pooling: each element of `dy` to the first maximum of its window.
pub static MAX_POOL_GRAD: OpDef = OpDef {
    name: "max_pool_grad",
    tf: &[
        Tf::differs(
            "MaxPoolGrad",
            "the pooling's result is an input too there, and windows are told as in MaxPool",
        ),
        Tf::differs(
            "MaxPool3DGrad",
            "the pooling's result is an input too there, and windows are told as in MaxPool3D",
        ),
    ],
    sig: sig!(x: T float, dy: T float; ksize: Ints, strides: Ints, padding_low: Ints, padding_high: Ints),
    effect: Effect::Pure,
    infer: |i| {
        let x = i.shape(0);
        let s = pool_shape(x, i.attrs)?;
        back_to(i, x, windows_of(x, &s.window, s.channels))
    },
    cpu: Cpu::Product(kernel),
    gpu: Gpu::Kernel(GpuKernel::MaxPoolGrad),
    grad: Grad::Rule(|g| {
        // The places of the maxima are constant but where two are equal.
        smallvec![
            g.needs(0).then(|| super::zeros_like(g.x())),
            g.needs(1).then(|| {
                apply1(&super::MAX_POOL_GRAD_GRAD, &[g.x(), &g.dy()], again(Attrs::new(), g.attrs()))
                    .or_raise()
            }),
        ]
    }),
    exact: Exact::Relative(1e-5),
    composed: None,
    samples: || {
        let x = || floats([1, 3, 1], &[1.0, 4.0, 2.0]);
        let dy = || floats([1, 2, 1], &[1.5, -1.0]);
        let of = |s: Sample, ksize: &[i64]| s.attr("ksize", ksize);
        vec![
            pooled(of(ok([x(), dy()]), &[2]), &[1], [&[0], &[0]]),
            pooled(of(ok([x(), dy()]), &[2]), &[2], [&[0], &[1]]),
            pooled(
                of(err([x(), floats([1, 1, 1], &[1.0])], "the shape of the windows"), &[2]),
                &[1],
                [&[0], &[0]],
            ),
        ]
    },
};

fn kernel(call: &mut Call<'_, '_>) -> Result<(), Fault> {
    let (x, dy, out) = (&call.inputs[0], &call.inputs[1], &mut call.outputs[0]);
    let shape = pool_shape(&seen(x.shape), call.attrs)?;
    let finish = call.finish;
    with_float!(x.dtype, T => epilogue(finish, 0, |e| run::<T>(&shape, x.cast(), dy.cast(), out.cast(), e.finish)))
}
