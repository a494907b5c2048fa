//! Tracing: while a function's body runs with symbolic tensors, ops become nodes here.

mod by_rows;
mod cache;
mod concrete;
mod context;
mod differentiate;
pub(crate) mod explore;
mod flow;
mod flow_grad;
#[cfg(test)]
mod flow_grad_tests;
mod flow_keeps;
mod flow_reads;
#[cfg(test)]
mod flow_tests;
mod function;
#[cfg(test)]
mod function_tests;
mod misses;
mod needs;
mod program;
mod relax;
mod replay;
mod signature;
mod structure;
#[cfg(test)]
mod tests;
mod visitor;

pub use concrete::Concrete;
pub use explore::{Rows, State, TensorRange, rows};

pub(crate) use context::{
    Custom, Traced, apart, assign_variable, custom, device_of, is_tracing, node_count, read_variable, record,
    rng_read_and_skip, trace, trace_at,
};
pub use context::{init_scope, name_scope};
pub(crate) use flow::{Loop, Sub, make_if, make_loop, make_while};
pub use function::{
    Function, Options, Pending, Route, Run, call, functions_run_eagerly, run_functions_eagerly,
};
pub use misses::{Change, Miss, Rule};
pub use needs::MemoryNeeds;
pub use signature::Signatures;
pub(crate) use structure::Lend;
pub use structure::Structure;
pub use visitor::{DimSpec, Leaf, LeafKind, Rebuild, TensorSpec, Visitor};
