use crate::tensor::{AsOperand, faces};

faces! {
    /// `x·sigmoid(x)` of each element.
    ///
    /// Source: `tf.nn.silu`, also called `swish`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([0.0]).silu().to_vec::<f32>().unwrap(), [0.0]);
    /// ```
    pub fn silu / try_silu(x: &Tensor) = super::try_multiply(x, super::try_sigmoid(x)?);
    /// `x·sigmoid(beta·x)` of each element.
    ///
    /// Source: `tf.nn.silu` with `beta`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([0.0]).silu_with(1.5).to_vec::<f32>().unwrap(), [0.0]);
    /// ```
    pub fn silu_with / try_silu_with(x: &Tensor, beta: impl AsOperand) =
        super::try_multiply(x, super::try_multiply(x, beta)?.try_sigmoid()?);
    /// The same as [`silu`].
    ///
    /// Source: `tf.nn.swish`.
    pub fn swish / try_swish(x: &Tensor) = try_silu(x);
}
