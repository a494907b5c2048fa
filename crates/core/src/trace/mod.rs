//! Tracing: while a function's body runs with symbolic tensors, ops become nodes here.

mod context;
#[cfg(test)]
mod tests;

pub use context::init_scope;
pub(crate) use context::{
    Traced, assign_variable, device_of, is_tracing, read_variable, record, rng_read_and_skip, trace,
    with_scope,
};
