use super::sliding::{again, conv_shape, seen, slid, windows_of, with_float};
use crate::cpu::conv::conv;
use crate::door::apply1;
use crate::error::OrRaise;
use crate::op::{
    Attrs, Backward, Call, Cpu, Effect, Exact, Fault, Gpu, GpuKernel, Grad, Grads, OpDef, Tf, epilogue, err,
    floats, ok, sig,
};
use crate::shape::Shape;
use crate::tensor::Tensor;
use smallvec::smallvec;

const LISTS: &str =
    "strides and dilations have batch and channels too there, and padding is a word or explicit_paddings";
const NONE: [&[i64]; 2] = [&[0, 0], &[0, 0]];

/// The input convolved with a bank of filters, over one to three spatial axes, channels last.
pub static CONV: OpDef = OpDef {
    name: "conv",
    tf: &[Tf::differs("Conv2D", LISTS), Tf::differs("Conv3D", LISTS)],
    sig: sig!(x: T float, filter: T float; strides: Ints, padding_low: Ints, padding_high: Ints, dilations: Ints),
    effect: Effect::Pure,
    infer: |i| {
        let s = conv_shape(i.shape(0), i.shape(1), i.attrs)?;
        i.one(i.dtype(0), windows_of(i.shape(0), &s.window, s.out_channels))
    },
    cpu: Cpu::Product(kernel),
    gpu: Gpu::Kernel(GpuKernel::Conv),
    grad: Grad::Rule(grad),
    exact: Exact::Relative(1e-5),
    composed: None,
    samples: || {
        let x = || {
            floats(
                [1, 3, 3, 2],
                &[
                    1.0, -2.0, 0.5, 3.0, -1.0, 0.25, 2.0, 1.5, -0.5, 0.75, 1.0, -1.5, 0.0, 2.5, -3.0, 1.0,
                    0.5, -0.25,
                ],
            )
        };
        let filter = || {
            floats(
                [2, 2, 2, 2],
                &[0.5, -1.0, 1.5, 0.25, -0.5, 1.0, 2.0, -0.75, 0.125, 1.0, -1.0, 0.5, 1.0, 0.75, -0.25, -1.5],
            )
        };
        let line = || {
            [floats([2, 4, 1], &[1.0, 2.0, -1.0, 0.5, 3.0, -2.0, 0.25, 1.5]), floats([2, 1, 1], &[0.5, -2.0])]
        };
        vec![
            slid(ok([x(), filter()]), &[1, 1], NONE, &[1, 1]),
            slid(ok([x(), filter()]), &[2, 1], [&[1, 0], &[0, 1]], &[1, 2]),
            slid(ok(line()), &[1], [&[1], &[0]], &[2]),
            slid(
                ok([floats([0, 2, 1, 1, 1], &[]), floats([1, 1, 1, 1, 1], &[2.0])]),
                &[1; 3],
                [&[0; 3]; 2],
                &[1; 3],
            ),
            slid(
                err([x(), floats([1, 1, 3, 1], &[1.0, 2.0, 3.0])], "must divide the input's"),
                &[1, 1],
                NONE,
                &[1, 1],
            ),
            slid(
                err([floats([1, 2, 0], &[]), floats([1, 1, 2], &[1.0, 2.0])], "must have a channel"),
                &[1],
                [&[0], &[0]],
                &[1],
            ),
            slid(err(line(), "strides must be at least 1"), &[0], [&[0], &[0]], &[1]),
            slid(err([floats([2], &[1.0, 2.0]), filter()], "spatial axes"), &[1], [&[0], &[0]], &[1]),
        ]
    },
};

fn grad(g: &Backward<'_>) -> Grads {
    let (x, filter, dy) = (g.input(0), g.input(1), g.dy());
    smallvec![
        g.needs(0).then(|| input_grad(x.shape(), filter, &dy, g.attrs())),
        g.needs(1).then(|| filter_grad(x, filter.shape(), &dy, g.attrs())),
    ]
}

/// What `dy` is for the input, of this shape.
pub(super) fn input_grad(input: &Shape, filter: &Tensor, dy: &Tensor, attrs: &Attrs) -> Tensor {
    let attrs = again(Attrs::new().with("input_shape", input), attrs);
    apply1(&super::CONV_INPUT_GRAD, &[filter, dy], attrs).or_raise()
}

/// What `dy` is for the filter, of this shape.
pub(super) fn filter_grad(x: &Tensor, filter: &Shape, dy: &Tensor, attrs: &Attrs) -> Tensor {
    let attrs = again(Attrs::new().with("filter_shape", filter), attrs);
    apply1(&super::CONV_FILTER_GRAD, &[x, dy], attrs).or_raise()
}

fn kernel(call: &mut Call<'_, '_>) -> Result<(), Fault> {
    let (x, filter, y) = (&call.inputs[0], &call.inputs[1], &mut call.outputs[0]);
    let shape = conv_shape(&seen(x.shape), &seen(filter.shape), call.attrs)?;
    let finish = call.finish;
    with_float!(x.dtype, T => epilogue(finish, 0, |e| conv::<T>(&shape, x.cast(), filter.cast(), y.cast(), e)))
}
