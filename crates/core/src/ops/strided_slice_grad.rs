use super::strided_slice::Window;
use crate::door::apply1;
use crate::error::OrRaise;
use crate::op::{
    AffineCopy, Attrs, Copies, Cpu, Effect, Exact, Fault, Gpu, Grad, OpDef, Sample, Tf, err, floats, ok, sig,
};
use crate::shape::{Meta, Shape};
use crate::tensor::{Slices, Tensor};

/// Writes a tensor into a slice of zeros: the gradient of `strided_slice`.
pub static STRIDED_SLICE_GRAD: OpDef = OpDef {
    name: "strided_slice_grad",
    tf: &[Tf::differs("StridedSliceGrad", "shape, begin, end and strides are inputs there")],
    sig: sig!(dy: _ any; shape: Shape, begin: Ints, end: Ints, strides: Ints, begin_mask: Int, end_mask: Int,
        ellipsis_mask: Int, new_axis_mask: Int, shrink_axis_mask: Int),
    effect: Effect::Pure,
    infer: |x| {
        let shape = x.attrs.shape("shape");
        let part = Window::of(shape, x.attrs)?.shape;
        let same = part.rank() == x.shape(0).rank()
            && part.iter().zip(x.shape(0).iter()).all(|(a, b)| a.may_equal(*b));
        match same {
            true => x.one(x.dtype(0), shape.clone()),
            false => Err(Fault::new(format!("dy must have the shape of the slice, {part}"))),
        }
    },
    cpu: Cpu::Reindex(copies),
    gpu: Gpu::Reindex,
    grad: Grad::Rule(|g| {
        let attrs = g.attrs().iter().filter(|(name, _)| *name != "shape");
        let attrs = attrs.fold(Attrs::new(), |all, (name, value)| all.with(name, value.clone()));
        g.one(apply1(&super::STRIDED_SLICE, &[&g.dy()], attrs).or_raise())
    }),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        vec![
            with(ok([floats([2], &[1.0, 2.0])]), [2, 3], crate::s![.., 1]),
            with(ok([floats([2, 1], &[1.0, 2.0])]), [4], crate::s![..;-2, NewAxis]),
            with(
                err([floats([3], &[1.0, 2.0, 3.0])], "must have the shape of the slice"),
                [4],
                crate::s![1..3],
            ),
        ]
    },
};

fn with<const N: usize>(sample: Sample, shape: [usize; N], spec: Slices) -> Sample {
    Sample { attrs: into(&Shape::from(shape), &spec.attrs()), ..sample }
}

fn into(shape: &Shape, slice: &Attrs) -> Attrs {
    slice.iter().fold(Attrs::new().with("shape", shape), |all, (name, value)| all.with(name, value.clone()))
}

fn copies(_inputs: &[&Meta], attrs: &Attrs, outputs: &[Meta]) -> Copies {
    let shape = &outputs[0].shape;
    match Window::of(shape, attrs) {
        Ok(window) => {
            let (sizes, to, from) = window.plan(shape);
            Copies::into_filled(0.0, AffineCopy::new(sizes, from, to))
        }
        // The shape rule has accepted the same attributes.
        Err(_) => Copies { fill: Some(0.0), copies: vec![] },
    }
}

/// Zeros of `shape` with `dy` in the slice that these attributes of `strided_slice` describe.
#[track_caller]
pub(crate) fn scatter(dy: &Tensor, shape: &Shape, slice: &Attrs) -> Tensor {
    apply1(&STRIDED_SLICE_GRAD, &[dy], into(shape, slice)).or_raise()
}
