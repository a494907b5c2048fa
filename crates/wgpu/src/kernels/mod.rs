//! The kernels, by family. Each makes launches from dtypes, shapes and attributes; none sees a buffer.

pub(crate) mod copies;
pub(crate) mod elementwise;
pub(crate) mod gemm;
pub(crate) mod reduce;
pub(crate) mod scan;

#[cfg(test)]
mod tests;
