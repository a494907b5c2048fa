use crate::tensor::faces;

faces! {
    /// The rectified elements of `x` followed by those of `-x`, joined along `axis`.
    ///
    /// Source: `tf.nn.crelu`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([-1.0, 2.0]).crelu(-1).to_vec::<f32>().unwrap(), [0.0, 2.0, 1.0, 0.0]);
    /// ```
    pub fn crelu / try_crelu(x: &Tensor, axis: i64) =
        super::try_concat(&[x, &super::try_negative(x)?], axis)?.try_relu();
}
