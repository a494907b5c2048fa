use crate::tensor::{AsOperand, Tensor, free_faces, operands};

free_faces! {
    /// [`sigmoid_cross_entropy_with_logits`](super::sigmoid_cross_entropy_with_logits) with the positive
    /// labels weighted by `pos_weight`: `(1 - z)·x + (1 + (w - 1)·z)·softplus(-x)`.
    ///
    /// Source: `tf.nn.weighted_cross_entropy_with_logits`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let (labels, logits) = (tf::constant([1.0]), tf::constant([0.0]));
    /// let loss = tf::weighted_cross_entropy_with_logits(&labels, &logits, 2.0).to_vec::<f32>().unwrap();
    /// assert!((loss[0] - 2.0 * 2f32.ln()).abs() < 1e-6);
    /// ```
    pub fn weighted_cross_entropy_with_logits / try_weighted_cross_entropy_with_logits(
        labels: &Tensor, logits: &Tensor, pos_weight: impl AsOperand,
    ) = {
        let (pos_weight, labels) = operands("weighted_cross_entropy_with_logits", &pos_weight, labels)?;
        let weight = super::try_multiply(super::try_subtract(&*pos_weight, 1.0)?, &*labels)?.try_add(1.0)?;
        let negative = super::try_multiply(super::try_subtract(1.0, &*labels)?, logits)?;
        negative.try_add(weight.try_multiply(super::try_negative(logits)?.try_softplus()?)?)
    };
}
