use super::stateless_key_counter::{STREAM_WORDS, stream_of};
use crate::cpu::philox::fill_uniform_int;
use crate::door::apply1;
use crate::dtype::DType;
use crate::op::{
    Attrs, Call, Cpu, Effect, Exact, Fault, Gpu, GpuKernel, Grad, OpDef, Tf, err, ints, ok, sig,
};
use crate::shape::Shape;
use crate::tensor::{Tensor, free_faces};

/// Integers in [low, high) of a stream.
pub static STATELESS_UNIFORM_INT: OpDef = OpDef {
    name: "stateless_uniform_int",
    tf: &[Tf::differs(
        "StatelessRandomUniformIntV2",
        "key, counter and algorithm are inputs there; the stream is one input of six u32 words here",
    )],
    sig: sig!(stream: _ int, low: T int, high: T int; shape: Shape),
    effect: Effect::MayFail,
    infer: |x| {
        if x.dtype(0) != DType::U32 || x.shape(0) != &Shape::from([STREAM_WORDS]) {
            return Err(Fault::new("stream must be six u32 words"));
        }
        match x.dtype(1).size() >= 4 && x.shape(1).rank() == 0 && x.shape(2).rank() == 0 {
            true => x.one(x.dtype(1), x.attrs.shape("shape").clone()),
            false => Err(Fault::new("low and high must be scalars of 32 or 64 bits")),
        }
    },
    cpu: Cpu::Kernel(kernel),
    gpu: Gpu::Kernel(GpuKernel::StatelessUniformInt),
    grad: Grad::None("the result is an integer"),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        let stream = || ints([6], &[1, 2, 3, 4, 5, 6]).of(DType::U32);
        let bound = |v: i64, d: DType| ints([], &[v]).of(d);
        let shape = |s: crate::op::Sample| s.attr("shape", Shape::from([4, 5]));
        let mut all: Vec<_> = [DType::I32, DType::I64, DType::U32, DType::U64]
            .into_iter()
            .map(|d| shape(ok([stream(), bound(3, d), bound(20, d)])))
            .collect();
        all.push(shape(err([stream(), bound(1, DType::I8), bound(2, DType::I8)], "32 or 64 bits")));
        all.push(shape(err(
            [stream(), bound(5, DType::I32), bound(5, DType::I32)],
            "low must be less than high",
        )));
        all
    },
};

fn kernel(call: &mut Call<'_, '_>) -> Result<(), Fault> {
    let stream = stream_of(call.inputs[0].cast());
    let (low, high, out) = (&call.inputs[1], &call.inputs[2], &mut call.outputs[0]);
    macro_rules! fill {
        ($t:ty) => {{
            let (low, high) = (low.cast::<$t>()[0], high.cast::<$t>()[0]);
            if low >= high {
                return Err(Fault::new("low must be less than high").numbers(format!("{low} ≥ {high}")));
            }
            fill_uniform_int::<$t>(&stream, 0, low, high, out.cast());
        }};
    }
    match out.dtype {
        DType::I32 => fill!(i32),
        DType::U32 => fill!(u32),
        DType::I64 => fill!(i64),
        _ => fill!(u64),
    }
    Ok(())
}

free_faces! {
    /// Integers uniform in `low .. high` (scalars of i32, i64, u32 or u64), from a stream of
    /// [`stateless_key_counter`](super::stateless_key_counter()).
    ///
    /// Source: `StatelessRandomUniformIntV2`; TensorFlow's own bits.
    pub fn uniform_int_of / try_uniform_int_of(stream: &Tensor, low: &Tensor, high: &Tensor, shape: impl Into<Shape>) =
        apply1(&STATELESS_UNIFORM_INT, &[stream, low, high], Attrs::new().with("shape", shape.into()));
}
