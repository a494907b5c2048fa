use super::stateless_key_counter::{STREAM_WORDS, stream_of};
use crate::cpu::philox::fill_normal;
use crate::door::apply1;
use crate::dtype::DType;
use crate::op::{
    Attrs, Call, Cpu, Effect, Exact, Fault, Gpu, GpuKernel, Grad, OpDef, Tf, err, ints, ok, sig,
};
use crate::shape::Shape;
use crate::tensor::free_faces;

/// Standard normal numbers of a stream.
pub static STATELESS_NORMAL: OpDef = OpDef {
    name: "stateless_normal",
    tf: &[Tf::differs(
        "StatelessRandomNormalV2",
        "key, counter and algorithm are inputs there; the stream is one input of six u32 words here",
    )],
    sig: sig!(stream: _ int; shape: Shape, dtype: DType),
    effect: Effect::Pure,
    infer: |x| {
        let dtype = x.attrs.dtype("dtype");
        if x.dtype(0) != DType::U32 || x.shape(0) != &Shape::from([STREAM_WORDS]) {
            return Err(Fault::new("stream must be six u32 words"));
        }
        match dtype.is_float() {
            true => x.one(dtype, x.attrs.shape("shape").clone()),
            false => Err(Fault::new(format!("does not make {dtype}"))),
        }
    },
    cpu: Cpu::Kernel(kernel),
    gpu: Gpu::Kernel(GpuKernel::StatelessNormal),
    grad: Grad::None("random bits depend on no float"),
    exact: Exact::Relative(1e-5),
    composed: None,
    samples: || {
        let stream = || ints([6], &[1, 2, 3, 4, 5, 6]).of(DType::U32);
        let sample = |s: crate::op::Sample, d: DType| s.attr("shape", Shape::from([3, 7])).attr("dtype", d);
        let mut all: Vec<_> =
            DType::ALL.into_iter().filter(|d| d.is_float()).map(|d| sample(ok([stream()]), d)).collect();
        all.push(sample(err([ints([2], &[1, 2])], "six u32 words"), DType::F32));
        all.push(sample(err([stream()], "does not make bool"), DType::Bool));
        all
    },
};

fn kernel(call: &mut Call<'_, '_>) -> Result<(), Fault> {
    let stream = stream_of(call.inputs[0].cast());
    let out = &mut call.outputs[0];
    match out.dtype {
        DType::F16 => fill_normal::<half::f16>(&stream, 0, out.cast()),
        DType::BF16 => fill_normal::<half::bf16>(&stream, 0, out.cast()),
        DType::F64 => fill_normal::<f64>(&stream, 0, out.cast()),
        _ => fill_normal::<f32>(&stream, 0, out.cast()),
    }
    Ok(())
}

free_faces! {
    /// Standard normal floats from a stream of [`stateless_key_counter`](super::stateless_key_counter()), by the method
    /// of Box and Muller.
    ///
    /// Source: `StatelessRandomNormalV2`; the same stream as TensorFlow, the same numbers within a few units in the last
    /// place.
    pub fn normal_of / try_normal_of(stream: &crate::Tensor, shape: impl Into<Shape>, dtype: DType) =
        apply1(&STATELESS_NORMAL, &[stream], Attrs::new().with("shape", shape.into()).with("dtype", dtype));
}
