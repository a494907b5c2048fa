//! The CPU engine: kernels that know slices and strides, and nothing of tensors.

#[allow(dead_code, unused_imports, reason = "the op table calls these kernels as its ops land")]
pub(crate) mod gemm;
pub(crate) mod isa;
#[allow(dead_code, unused_imports, reason = "the op table calls these kernels as its ops land")]
pub(crate) mod philox;
#[allow(dead_code, unused_imports, reason = "the op table calls these kernels as its ops land")]
pub(crate) mod reduce;
pub(crate) mod scratch;
