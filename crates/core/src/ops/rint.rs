use crate::tensor::faces;

faces! {
    /// The integer nearest to each element, ties to the even one: the same as [`round`](super::round), for
    /// floats.
    ///
    /// Source: `tf.math.rint`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([2.5]).rint().to_vec::<f32>().unwrap(), [2.0]);
    /// ```
    pub fn rint / try_rint(x: &Tensor) = super::try_round(x);
}
