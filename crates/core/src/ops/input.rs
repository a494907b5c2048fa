use crate::op::{Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, rule, sig};

/// An argument or a captured tensor of a graph.
pub static INPUT: OpDef = OpDef {
    name: "input",
    tf: &[Tf::differs("Placeholder", "the position among the arguments is not an attribute there")],
    sig: sig!(; index: Int, dtype: DType, shape: Shape),
    effect: Effect::Pure,
    infer: rule::from_attrs,
    cpu: Cpu::Engine("the caller of the graph gives it"),
    gpu: Gpu::Engine,
    grad: Grad::None("an argument depends on nothing inside the graph"),
    exact: Exact::Bits,
    composed: None,
    samples: Vec::new,
};
