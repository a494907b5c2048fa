use crate::tensor::faces;

faces! {
    /// The `y` with `erfc y` equal to each element, as `-ndtri(x/2)/√2`.
    ///
    /// Source: `tf.math.erfcinv`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let y = tf::constant([1.0]).erfcinv().to_vec::<f32>().unwrap();
    /// assert!((y[0] - 0.0).abs() < 1e-6);
    /// ```
    pub fn erfcinv / try_erfcinv(x: &Tensor) =
        super::try_multiply(super::try_multiply(x, 0.5)?.try_ndtri()?, -std::f64::consts::FRAC_1_SQRT_2);
}
