//! Losses under Keras's names; each gives one value for each example.

use crate::ops;
use crate::tensor::{Tensor, free_faces};

free_faces! {
    /// Cross entropy between labels (class numbers, any integer dtype that indices take) and logits over the last axis.
    ///
    /// Source: `keras.losses.sparse_categorical_crossentropy` with `from_logits=True`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// use tf::losses::sparse_categorical_crossentropy_from_logits as loss;
    /// let l = loss(&tf::constant([0]), &tf::constant([[0.0, 0.0]])).to_vec::<f32>().unwrap();
    /// assert!((l[0] - 2.0f32.ln()).abs() < 1e-6);
    /// ```
    pub fn sparse_categorical_crossentropy_from_logits / try_sparse_categorical_crossentropy_from_logits(
        labels: &Tensor, logits: &Tensor
    ) = ops::try_sparse_softmax_cross_entropy_with_logits(labels, logits);
    /// Cross entropy between truth values (0 to 1) and logits, element by element, averaged over the last axis.
    ///
    /// Source: `keras.losses.binary_crossentropy` with `from_logits=True`.
    pub fn binary_crossentropy_from_logits / try_binary_crossentropy_from_logits(labels: &Tensor, logits: &Tensor) =
        ops::try_sigmoid_cross_entropy_with_logits(labels, logits)?.try_reduce_mean(-1, false);
    /// The mean over the last axis of the squared differences.
    ///
    /// Source: `keras.losses.mean_squared_error`.
    pub fn mean_squared_error / try_mean_squared_error(labels: &Tensor, predictions: &Tensor) =
        ops::try_squared_difference(labels, predictions)?.try_reduce_mean(-1, false);
}
