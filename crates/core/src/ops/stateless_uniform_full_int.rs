use super::stateless_key_counter::{STREAM_WORDS, stream_of};
use crate::cpu::philox::fill_uniform_full;
use crate::door::apply1;
use crate::dtype::DType;
use crate::op::{
    Attrs, Call, Cpu, Effect, Exact, Fault, Gpu, GpuKernel, Grad, OpDef, Tf, err, ints, ok, sig,
};
use crate::shape::Shape;
use crate::tensor::free_faces;

/// Integers over their whole range, of a stream.
pub static STATELESS_UNIFORM_FULL_INT: OpDef = OpDef {
    name: "stateless_uniform_full_int",
    tf: &[Tf::differs(
        "StatelessRandomUniformFullIntV2",
        "key, counter and algorithm are inputs there; the stream is one input of six u32 words here",
    )],
    sig: sig!(stream: _ int; shape: Shape, dtype: DType),
    effect: Effect::Pure,
    infer: |x| {
        let dtype = x.attrs.dtype("dtype");
        if x.dtype(0) != DType::U32 || x.shape(0) != &Shape::from([STREAM_WORDS]) {
            return Err(Fault::new("stream must be six u32 words"));
        }
        match dtype.makes_full() {
            true => x.one(dtype, x.attrs.shape("shape").clone()),
            false => Err(Fault::new(format!("does not make {dtype}"))),
        }
    },
    cpu: Cpu::Kernel(kernel),
    gpu: Gpu::Kernel(GpuKernel::StatelessUniformFullInt),
    grad: Grad::None("random bits depend on no float"),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        let stream = || ints([6], &[1, 2, 3, 4, 5, 6]).of(DType::U32);
        let sample = |s: crate::op::Sample, d: DType| s.attr("shape", Shape::from([3, 7])).attr("dtype", d);
        let mut all: Vec<_> =
            DType::ALL.into_iter().filter(|d| d.makes_full()).map(|d| sample(ok([stream()]), d)).collect();
        all.push(sample(err([ints([2], &[1, 2])], "six u32 words"), DType::F32));
        all.push(sample(err([stream()], "does not make bool"), DType::Bool));
        all
    },
};

trait Makes {
    fn makes_full(&self) -> bool;
}

impl Makes for DType {
    /// TensorFlow's op makes 32 and 64 bits.
    fn makes_full(&self) -> bool {
        self.is_int() && self.size() >= 4
    }
}

fn kernel(call: &mut Call<'_, '_>) -> Result<(), Fault> {
    let stream = stream_of(call.inputs[0].cast());
    let out = &mut call.outputs[0];
    match out.dtype {
        DType::I32 => fill_uniform_full::<i32>(&stream, 0, out.cast()),
        DType::U32 => fill_uniform_full::<u32>(&stream, 0, out.cast()),
        DType::I64 => fill_uniform_full::<i64>(&stream, 0, out.cast()),
        _ => fill_uniform_full::<u64>(&stream, 0, out.cast()),
    }
    Ok(())
}

free_faces! {
    /// Integers (i32, i64, u32, u64) uniform over their whole range, from a stream of
    /// [`stateless_key_counter`](super::stateless_key_counter()).
    ///
    /// Source: `StatelessRandomUniformFullIntV2`; TensorFlow's own bits.
    pub fn uniform_full_int_of / try_uniform_full_int_of(stream: &crate::Tensor, shape: impl Into<Shape>, dtype: DType) =
        apply1(&STATELESS_UNIFORM_FULL_INT, &[stream], Attrs::new().with("shape", shape.into()).with("dtype", dtype));
}
