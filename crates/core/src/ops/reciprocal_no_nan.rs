use crate::tensor::faces;

faces! {
    /// `1/x` of each element, 0 where `x` is 0.
    ///
    /// Source: `tf.math.reciprocal_no_nan`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([2.0, 0.0]).reciprocal_no_nan().to_vec::<f32>().unwrap(), [0.5, 0.0]);
    /// ```
    pub fn reciprocal_no_nan / try_reciprocal_no_nan(x: &Tensor) = super::try_divide_no_nan(1.0, x);
}
