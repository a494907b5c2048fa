use crate::tensor::faces;

faces! {
    /// `ln(1/(1 + e^-x))` of each element, as `-softplus(-x)`, without overflow.
    ///
    /// Source: `tf.math.log_sigmoid`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([200.0]).log_sigmoid().to_vec::<f32>().unwrap(), [-0.0]);
    /// ```
    pub fn log_sigmoid / try_log_sigmoid(x: &Tensor) =
        super::try_softplus(&super::try_negative(x)?)?.try_negative();
}
