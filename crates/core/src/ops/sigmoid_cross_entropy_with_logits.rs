use crate::tensor::{Tensor, free_faces};

free_faces! {
    /// The cross-entropy of each label with the probability `sigmoid(logits)`: `max(x, 0) - x·z + ln(1 +
    /// e^-|x|)`.
    ///
    /// The gradients are `sigmoid(x) - z` for the logits and `-x` for the labels.
    ///
    /// Source: `tf.nn.sigmoid_cross_entropy_with_logits`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let loss = tf::sigmoid_cross_entropy_with_logits(&tf::constant([1.0]), &tf::constant([200.0]));
    /// assert_eq!(loss.to_vec::<f32>().unwrap(), [0.0]);
    /// ```
    pub fn sigmoid_cross_entropy_with_logits / try_sigmoid_cross_entropy_with_logits(
        labels: &Tensor, logits: &Tensor,
    ) = {
        // Chosen by hand rather than by maximum and abs, so that the gradients at 0 add up.
        let positive = super::try_greater_equal(logits, 0.0)?;
        let rectified = super::try_select(&positive, logits, 0.0)?;
        let negative = super::try_select(&positive, super::try_negative(logits)?, logits)?;
        let linear = super::try_subtract(rectified, super::try_multiply(logits, labels)?)?;
        linear.try_add(negative.try_exp()?.try_log1p()?)
    };
}
