use crate::dtype::DType;
use crate::op::{Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, sig};
use crate::shape::Shape;

/// The stream at a generator's state, which moves past a draw of `elements[0]` elements.
pub static RNG_READ_AND_SKIP: OpDef = OpDef {
    name: "rng_read_and_skip",
    tf: &[Tf::differs(
        "RngReadAndSkip",
        "the state is a variable of six u32 words here, and the draw is counted in elements",
    )],
    sig: sig!(; slot: Int, elements: Shape),
    effect: Effect::Random,
    infer: |x| x.one(DType::U32, Shape::from([super::stateless_key_counter::STREAM_WORDS])),
    cpu: Cpu::Engine("a generator's state belongs to the caller"),
    gpu: Gpu::Engine,
    grad: Grad::None("random bits depend on no float"),
    exact: Exact::Bits,
    composed: None,
    samples: Vec::new,
};
