//! Activations, losses and the layers' functions of `tf.nn`.

use super::Row;

/// Rows of this family.
pub(super) const ROWS: &[Row] = &[unary!("tf.nn.relu", relu)];
