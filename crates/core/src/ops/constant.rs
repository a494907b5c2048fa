use crate::op::{Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, sig};
use smallvec::SmallVec;

/// Values known while tracing.
pub static CONSTANT: OpDef = OpDef {
    name: "constant",
    tf: &[Tf::same("Const")],
    sig: sig!(; value: Tensor),
    effect: Effect::Pure,
    infer: |x| Ok(SmallVec::from_elem(x.attrs.tensor("value").meta().clone(), 1)),
    cpu: Cpu::Engine("a constant is the tensor that it holds"),
    gpu: Gpu::Engine,
    grad: Grad::None("a constant depends on nothing"),
    exact: Exact::Bits,
    composed: None,
    samples: Vec::new,
};
