//! The CPU as a device: the kernels crate's functions, and what runs them over tensors.

pub(crate) mod copy;
pub(crate) mod device;
pub(crate) mod elementwise;
pub(crate) mod engine;
pub(crate) mod flow;
pub(crate) mod int;
pub(crate) mod plan;
mod spares;

#[allow(unused_imports, reason = "the op table's files name the kernels by this path")]
pub(crate) use tenfold_kernels::{
    clones, conv, gemm, math, philox, pool, reduce, scan, scratch, segment, sort, window,
};
