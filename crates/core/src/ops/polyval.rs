use crate::tensor::{Tensor, free_faces};
use std::borrow::Borrow;

free_faces! {
    /// The polynomial with these coefficients, the highest power first, at each element of `x`, by Horner's
    /// rule; zeros without coefficients.
    ///
    /// Source: `tf.math.polyval`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let [a, b] = [tf::constant(2.0), tf::constant(1.0)];
    /// assert_eq!(tf::polyval(&[a, b], &tf::constant([0.0, 3.0])).to_vec::<f32>().unwrap(), [1.0, 7.0]);
    /// ```
    pub fn polyval / try_polyval(coeffs: &[impl Borrow<Tensor>], x: &Tensor) = {
        let _line = crate::door::pin();
        let Some((first, rest)) = coeffs.split_first() else { return super::try_zeros_like(x) };
        rest.iter().try_fold(first.borrow().clone(), |p, c| super::try_multiply(p, x)?.try_add(c.borrow()))
    };
}
