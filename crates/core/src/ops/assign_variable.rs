use crate::op::{Cpu, Effect, Exact, Gpu, Grad, Metas, OpDef, Tf, sig};

/// Writes a variable at this point of the program.
pub static ASSIGN_VARIABLE: OpDef = OpDef {
    name: "assign_variable",
    tf: &[Tf::differs("AssignVariableOp", "the variable is an input there, a slot of the graph here")],
    sig: sig!(value: _ any; slot: Int),
    effect: Effect::Writes,
    infer: |_| Ok(Metas::new()),
    cpu: Cpu::Engine("variables belong to the caller"),
    gpu: Gpu::Engine,
    grad: Grad::None("a variable's value does not depend on what was written before the tape"),
    exact: Exact::Bits,
    composed: None,
    samples: Vec::new,
};
