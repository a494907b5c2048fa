use super::sliding::{again, back_to, pool_shape, pooled, seen, windows_of, with_float};
use crate::cpu::pool::avg_pool_grad as run;
use crate::door::apply1;
use crate::error::OrRaise;
use crate::op::{
    Attrs, Call, Cpu, Effect, Exact, Fault, Gpu, GpuKernel, Grad, OpDef, Sample, Tf, err, floats, ok, sig,
};
use crate::shape::Shape;

/// The gradient of an average pooling for its input, of the shape `input_shape`.
pub static AVG_POOL_GRAD: OpDef = OpDef {
    name: "avg_pool_grad",
    tf: &[
        Tf::differs(
            "AvgPoolGrad",
            "the input's shape is the first input there, and windows are told as in AvgPool",
        ),
        Tf::differs(
            "AvgPool3DGrad",
            "the input's shape is the first input there, and windows are told as in AvgPool3D",
        ),
    ],
    sig: sig!(dy: T float; input_shape: Shape, ksize: Ints, strides: Ints, padding_low: Ints, padding_high: Ints),
    effect: Effect::Pure,
    infer: |i| {
        let shape = i.attrs.shape("input_shape");
        let s = pool_shape(shape, i.attrs)?;
        back_to(i, shape, windows_of(shape, &s.window, s.channels))
    },
    cpu: Cpu::Kernel(kernel),
    gpu: Gpu::Kernel(GpuKernel::AvgPoolGrad),
    grad: Grad::Rule(|g| {
        let attrs = again(Attrs::new(), g.attrs());
        g.one(apply1(&super::AVG_POOL, &[&g.dy()], attrs).or_raise())
    }),
    exact: Exact::Relative(1e-5),
    composed: None,
    samples: || {
        let dy = || floats([1, 2, 1], &[1.5, -1.0]);
        let of =
            |s: Sample, ksize: &[i64]| s.attr("input_shape", Shape::from([1, 3, 1])).attr("ksize", ksize);
        vec![
            pooled(of(ok([dy()]), &[2]), &[1], [&[0], &[0]]),
            pooled(of(ok([dy()]), &[2]), &[2], [&[0], &[1]]),
            pooled(of(err([dy()], "the shape of the windows"), &[3]), &[1], [&[0], &[0]]),
        ]
    },
};

fn kernel(call: &mut Call<'_, '_>) -> Result<(), Fault> {
    let (dy, dx) = (&call.inputs[0], &mut call.outputs[0]);
    let shape = pool_shape(&seen(dx.shape), call.attrs)?;
    with_float!(dy.dtype, T => run::<T>(&shape, dy.cast(), dx.cast()))
}
