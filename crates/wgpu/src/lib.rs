//! The GPU device of Tenfold: WGSL kernels through wgpu.
//!
//! Bottom up: `adapter` (which GPUs there are), `memory` (a pool of buffers), `pipeline` (texts to compiled
//! kernels), `queue` (recording and submission), `gpu` (the handle of one device), `wgsl` (texts that the
//! kernels share), `form` (dtypes in device memory), `plan` (launches before there are buffers), `kernels`
//! (the families), `lower` (an op's definition to launches), `backend` and `executable` (the core's device and its
//! graphs).

mod adapter;
mod backend;
mod error;
mod executable;
mod form;
mod gpu;
mod index;
mod kernels;
mod lower;
mod memory;
mod pipeline;
mod plan;
mod queue;
#[cfg(test)]
mod testing;
pub mod wgsl;

pub use adapter::{Caps, Options, gpu_required};
pub use backend::{register, register_software};
pub use error::{GpuError, GpuResult};
pub use gpu::Gpu;
pub use memory::{Buffer, MemoryStats, size_class};
pub use pipeline::{Kernel, Pipeline, Slot, word};
pub use queue::Window;
