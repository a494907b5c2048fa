//! The CPU: kernels that know slices and strides and nothing of tensors, and the device that runs them.

#[allow(unused_macros, unused_imports, reason = "the op table's kernels use it as they land")]
pub(crate) mod clones;
#[allow(dead_code, unused_imports, reason = "the op table calls these kernels as its ops land")]
pub(crate) mod conv;
pub(crate) mod copy;
pub(crate) mod device;
pub(crate) mod elementwise;
pub(crate) mod engine;
#[allow(dead_code, unused_imports, reason = "the op table calls these kernels as its ops land")]
pub(crate) mod gemm;
pub(crate) mod int;
#[allow(dead_code, reason = "the op table calls these functions as its ops land")]
pub(crate) mod math;
pub(crate) mod parallel;
#[allow(dead_code, unused_imports, reason = "the op table calls these kernels as its ops land")]
pub(crate) mod philox;
pub(crate) mod plan;
#[allow(dead_code, unused_imports, reason = "the op table calls these kernels as its ops land")]
pub(crate) mod reduce;
#[allow(dead_code, unused_imports, reason = "the op table calls these kernels as its ops land")]
pub(crate) mod scan;
pub(crate) mod scratch;
#[allow(dead_code, unused_imports, reason = "the op table calls these kernels as its ops land")]
pub(crate) mod segment;
mod share;
#[allow(dead_code, unused_imports, reason = "the op table calls these kernels as its ops land")]
pub(crate) mod sort;
#[allow(dead_code, reason = "the op table calls these functions as its ops land")]
pub(crate) mod window;
