//! The kernels, by family. Each makes launches from dtypes, shapes and attributes; none sees a buffer.

pub(crate) mod conv;
pub(crate) mod copies;
pub(crate) mod elementwise;
pub(crate) mod gemm;
pub(crate) mod generate;
pub(crate) mod pool;
pub(crate) mod random;
pub(crate) mod rank;
pub(crate) mod reduce;
pub(crate) mod scan;
pub(crate) mod select;

#[cfg(test)]
mod index_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod texts;
#[cfg(test)]
mod window_tests;
