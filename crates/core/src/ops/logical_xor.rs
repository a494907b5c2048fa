use crate::tensor::faces;

faces! {
    /// Whether exactly one of them holds, with broadcasting.
    ///
    /// Source: `tf.math.logical_xor`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([true, false]).logical_xor(true).to_vec::<bool>().unwrap(), [false, true]);
    /// ```
    pub fn logical_xor / try_logical_xor(operand x, operand y) =
        {
        let (any, both) = (super::try_logical_or(x, y)?, super::try_logical_and(x, y)?);
        super::try_logical_and(&any, &both.try_logical_not()?)
    };
}
