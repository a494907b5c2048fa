//! The GPU device of Tenfold: WGSL kernels through wgpu.
//!
//! Bottom up: `adapter` (which GPUs there are), `memory` (a pool of buffers), `pipeline` (texts to compiled
//! kernels), `queue` (recording and submission), `gpu` (the handle of one device), `wgsl` (texts that the
//! kernels share).

mod adapter;
mod error;
mod gpu;
mod memory;
mod pipeline;
mod queue;
#[cfg(test)]
mod testing;
pub mod wgsl;

pub use adapter::{Caps, Options, gpu_required};
pub use error::{GpuError, GpuResult};
pub use gpu::Gpu;
pub use memory::{Buffer, MemoryStats, size_class};
pub use pipeline::{Kernel, Pipeline, Slot, word};
pub use queue::Window;
