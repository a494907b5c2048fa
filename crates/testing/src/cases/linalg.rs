//! Products and decompositions.

use super::{Args, Row};
use tenfold_core as tf;
use tenfold_core::Tensor;

/// Rows of this family.
pub(super) const ROWS: &[Row] = &[("tf.linalg.matmul", matmul)];

/// For real numbers the adjoint is the transpose.
fn matmul(a: &Args<'_>) -> Vec<Tensor> {
    let transposed = |side: &str| a.flag(&format!("transpose_{side}")) || a.flag(&format!("adjoint_{side}"));
    vec![tf::matmul_with(a.first(), a.second(), transposed("a"), transposed("b"))]
}
