//! The numeric kernels of the CPU engine: functions of slices, strides and sizes that know nothing of tensors.
//!
//! Their bits are fixed by shapes alone: not by threads, blocks, instruction sets, or the path taken.
//! They are a crate of their own because they are half of the machine code and change rarely: the core's build is short
//! without them.

pub mod ahead;
pub mod chain;
pub mod clones;
pub mod conv;
pub mod gemm;
pub mod half_float;
pub mod math;
pub mod parallel;
pub mod philox;
pub mod pool;
#[cfg(test)]
mod recorded;
pub mod reduce;
pub mod scan;
pub mod scratch;
pub mod segment;
pub mod sort;
pub mod strided;
mod team;
pub mod threads;
pub mod window;
