use crate::op::{Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, rule, sig};

/// The value of a variable at this point of the program.
pub static READ_VARIABLE: OpDef = OpDef {
    name: "read_variable",
    tf: &[Tf::differs("ReadVariableOp", "the variable is an input there, a slot of the graph here")],
    sig: sig!(; slot: Int, dtype: DType, shape: Shape),
    effect: Effect::Reads,
    infer: rule::from_attrs,
    cpu: Cpu::Engine("variables belong to the caller"),
    gpu: Gpu::Engine,
    grad: Grad::None("the tape follows a variable by its reads"),
    exact: Exact::Bits,
    composed: None,
    samples: Vec::new,
};
