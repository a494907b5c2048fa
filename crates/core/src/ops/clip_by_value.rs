use crate::tensor::{AsOperand, faces};

faces! {
    /// Each element brought to the nearest value in `low ..= high`; NaN stays. The gradient is `dy` within,
    /// the ends included, and 0 outside.
    ///
    /// Source: `tf.clip_by_value`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([-5, 2, 9]).clip_by_value(0, 4).to_vec::<i32>().unwrap(), [0, 2, 4]);
    /// ```
    pub fn clip_by_value / try_clip_by_value(x: &Tensor, low: impl AsOperand, high: impl AsOperand) =
        super::try_maximum(super::try_minimum(x, high)?, low);
}
