use crate::cpu::philox::Philox;
use crate::door::apply1;
use crate::dtype::DType;
use crate::op::{Attrs, Call, Cpu, Effect, Exact, Fault, Gpu, Grad, OpDef, Tf, err, floats, ints, ok, sig};
use crate::shape::Shape;
use crate::tensor::free_faces;

/// The words of a random stream: key (low, high), then counter (four words, low first).
pub(crate) const STREAM_WORDS: usize = 6;

/// Scrambles a seed into the start of a stream.
pub static STATELESS_KEY_COUNTER: OpDef = OpDef {
    name: "stateless_key_counter",
    tf: &[Tf::differs(
        "StatelessRandomGetKeyCounter",
        "key and counter are two u64 tensors there, six u32 words here",
    )],
    sig: sig!(seed: _ index),
    effect: Effect::Pure,
    infer: |x| match x.shape(0).rank() == 1 && x.shape(0)[0].may_equal(2usize.into()) {
        true => x.one(DType::U32, Shape::from([STREAM_WORDS])),
        false => Err(Fault::new("seed must have shape [2]")),
    },
    cpu: Cpu::Kernel(kernel),
    gpu: Gpu::CpuOnly(
        "a seed is two host integers; pass them as numbers and only the stream is computed on the GPU",
    ),
    grad: Grad::None("a seed is an integer"),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        vec![
            ok([ints([2], &[7, -3])]),
            err([ints([3], &[1, 2, 3])], "shape [2]"),
            err([floats([2], &[1.0, 2.0]).of(DType::F32)], "seed must be"),
        ]
    },
};

fn kernel(call: &mut Call<'_, '_>) -> Result<(), Fault> {
    let seed = &call.inputs[0];
    let words = match seed.dtype {
        DType::I32 => seed.cast::<i32>().iter().map(|v| i64::from(*v)).collect::<Vec<_>>(),
        _ => seed.cast::<i64>().to_vec(),
    };
    let stream = Philox::from_stateless_seed([words[0], words[1]]);
    call.outputs[0].cast::<u32>().copy_from_slice(&words_of(&stream));
    Ok(())
}

/// A stream as words.
pub(crate) fn words_of(stream: &Philox) -> [u32; STREAM_WORDS] {
    let (key, [low, high]) = (stream.key(), stream.counter());
    [key as u32, (key >> 32) as u32, low as u32, (low >> 32) as u32, high as u32, (high >> 32) as u32]
}

/// The stream of these words.
pub(crate) fn stream_of(words: &[u32]) -> Philox {
    let wide = |i: usize| u64::from(words[i]) | u64::from(words[i + 1]) << 32;
    Philox::new(wide(0), [wide(2), wide(4)])
}

free_faces! {
    /// The random stream of a stateless op's `seed` (two integers): six u32 words, key then counter.
    ///
    /// Source: `StatelessRandomGetKeyCounter`.
    pub fn stateless_key_counter / try_stateless_key_counter(seed: &crate::Tensor) =
        apply1(&STATELESS_KEY_COUNTER, &[seed], Attrs::new());
}
