//! The GPU device of Tenfold: WGSL kernels through wgpu.
//!
//! [`register`] makes the GPUs known as `GPU:0`, `GPU:1`, …; from then on the core's own words work on them:
//! `x.to("GPU:0")?`, `with_device("GPU:0", ..)`, traced functions whose operands are there.
//!
//! | variable of the environment | what it does |
//! |---|---|
//! | `TENFOLD_SOFTWARE_GPU=1` | also offers adapters that are programs on the CPU; never without it |
//! | `TENFOLD_REQUIRE_GPU=1` | the tests fail where there is no adapter, instead of skipping |
//! | `TENFOLD_GPU_CHECKED=1` | compiles kernels with wgpu's bounds checks, to look for faults of our own |
//! | `TENFOLD_GPU_MEMORY_LIMIT=n` | no more than n bytes in tensors of one device |
//!
//! **Bits.** Eager calls and graphs run the same kernels. In a fused kernel every operand passes an identity that the
//! driver cannot see through, and every result is rounded to its dtype, so that nothing can be contracted or cancelled
//! from one op to the next. Orders of sums depend on shapes alone. Between two devices (and the CPU) results agree within
//! each op's tolerance; integers and random bits agree exactly.
//!
//! **Dtypes.** f32, i32, u32 as they are. bool, i8, u8, i16, u16 and bf16 take four bytes an element and are wrapped or
//! rounded at each store. f16, i64 and u64 need a feature of the adapter. f64 can be stored and moved, not computed.
//!
//! **Errors.** A device that is lost answers every later call with the reason. Kernels that refuse a value (an index out
//! of range, an integer division by zero) note it, and the next read of a result or `synchronize` reports it: the GPU
//! runs behind the program, so variables may have been written in between.
//!
//! **Limits.** A tensor may be larger than one binding where an elementwise kernel can walk it in windows; elsewhere it is
//! refused with both numbers. Nothing is clamped.
//!
//! Bottom up: `adapter` (which GPUs there are), `memory` (a pool of buffers), `pipeline` (texts to compiled kernels),
//! `queue` (recording and submission), `gpu` (the handle of one device), `wgsl` (texts that the kernels share), `form`
//! (dtypes in device memory), `plan` (launches before there are buffers), `kernels` (the families), `lower` (an op's
//! definition to launches), `backend` and `executable` (the core's device and its graphs).

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
mod ranked;
#[cfg(test)]
mod testing;
pub mod wgsl;
mod windows;

pub use adapter::{Caps, Options, gpu_required};
pub use backend::{register, register_software};
pub use error::{GpuError, GpuResult};
pub use gpu::Gpu;
pub use memory::{Buffer, MemoryStats, size_class};
pub use pipeline::{Kernel, Pipeline, Slot, word};
pub use queue::Window;
