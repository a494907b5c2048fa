use crate::tensor::faces;

faces! {
    /// `ln |B(x)|`, the logarithm of the multivariate beta function along the last axis: `Σ lgamma(xᵢ) - lgamma(Σ xᵢ)`. An empty
    /// last axis gives -∞.
    ///
    /// Source: `tf.math.lbeta`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let y = tf::constant([1.0, 1.0]).lbeta().item::<f32>().unwrap();
    /// assert!(y.abs() < 1e-6);
    /// ```
    pub fn lbeta / try_lbeta(x: &Tensor) = {
        let parts = super::try_lgamma(x)?.try_reduce_sum(-1, false)?;
        parts.try_subtract(super::try_reduce_sum(x, -1, false)?.try_lgamma()?)
    };
}
