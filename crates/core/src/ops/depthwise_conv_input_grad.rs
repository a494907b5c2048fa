use super::depthwise_conv::filter_grad;
use super::sliding::{again, back_to, depthwise_shape, seen, slid, windows_of, with_float};
use crate::cpu::conv::depthwise_conv_input_grad as run;
use crate::door::apply1;
use crate::error::OrRaise;
use crate::op::{
    Attrs, Call, Cpu, Effect, Exact, Fault, Gpu, GpuKernel, Grad, OpDef, Sample, Tf, err, floats, ok, sig,
};
use crate::shape::Shape;
use smallvec::smallvec;

/// The gradient of a depthwise convolution for its input, linear in both operands.
pub static DEPTHWISE_CONV_INPUT_GRAD: OpDef = OpDef {
    name: "depthwise_conv_input_grad",
    tf: &[Tf::differs(
        "DepthwiseConv2dNativeBackpropInput",
        "input_sizes is the first input there, and windows are told as for the node itself",
    )],
    sig: sig!(filter: T float, dy: T float; input_shape: Shape, strides: Ints, padding_low: Ints, padding_high: Ints,
        dilations: Ints),
    effect: Effect::Pure,
    infer: |i| {
        let shape = i.attrs.shape("input_shape");
        let s = depthwise_shape(shape, i.shape(0), i.attrs)?;
        back_to(i, shape, windows_of(shape, &s.window, s.channels * s.multiplier))
    },
    cpu: Cpu::Kernel(kernel),
    gpu: Gpu::Kernel(GpuKernel::DepthwiseConvInputGrad),
    grad: Grad::Rule(|g| {
        let dy = g.dy();
        smallvec![
            g.needs(0).then(|| filter_grad(&dy, g.input(0).shape(), g.input(1), g.attrs())),
            g.needs(1).then(|| {
                apply1(&super::DEPTHWISE_CONV, &[&dy, g.input(0)], again(Attrs::new(), g.attrs())).or_raise()
            }),
        ]
    }),
    exact: Exact::Relative(1e-5),
    composed: None,
    samples: || {
        let filter = || {
            floats(
                [2, 2, 2, 2],
                &[0.5, -1.0, 1.5, 0.25, -0.5, 1.0, 2.0, -0.75, 0.125, 1.0, -1.0, 0.5, 1.0, 0.75, -0.25, -1.5],
            )
        };
        let dy = || {
            floats(
                [1, 2, 2, 4],
                &[1.0, -0.5, 2.0, 0.25, -1.0, 0.5, 1.5, -2.0, 0.75, 1.0, -0.25, 3.0, 0.5, -1.5, 1.0, -1.0],
            )
        };
        let of = |s: Sample, shape: &[usize]| s.attr("input_shape", Shape::from(shape));
        let line = || [floats([2, 1, 1], &[0.5, -2.0]), floats([1, 2, 1], &[1.5, -1.0])];
        vec![
            slid(of(ok([filter(), dy()]), &[1, 3, 3, 2]), &[1, 1], [&[0, 0], &[0, 0]], &[1, 1]),
            slid(of(ok(line()), &[1, 3, 1]), &[2], [&[0], &[1]], &[1]),
            slid(of(err(line(), "the shape of the windows"), &[1, 3, 1]), &[1], [&[1], &[1]], &[1]),
        ]
    },
};

fn kernel(call: &mut Call<'_, '_>) -> Result<(), Fault> {
    let (first, dy, dx) = (&call.inputs[0], &call.inputs[1], &mut call.outputs[0]);
    let shape = depthwise_shape(&seen(dx.shape), &seen(first.shape), call.attrs)?;
    with_float!(dy.dtype, T => run::<T>(&shape, first.cast(), dy.cast(), dx.cast()))
}
