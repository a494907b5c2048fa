use crate::dtype::DType;
use crate::tensor::faces;

faces! {
    /// The quotient as a float, with broadcasting: integers of up to 16 bits are cast to f32 first, wider
    /// ones to f64.
    ///
    /// Source: `tf.math.truediv`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([1, 3]).truediv(2).to_vec::<f64>().unwrap(), [0.5, 1.5]);
    /// ```
    pub fn truediv / try_truediv(operand x, operand y) =
        {
        let dtype = match x.dtype() {
            d if !d.is_int() => d,
            d if d.size() <= 2 => DType::F32,
            _ => DType::F64,
        };
        match x.dtype() == y.dtype() {
            true => super::try_divide(&x.try_cast(dtype)?, &y.try_cast(dtype)?),
            false => super::try_divide(x, y),
        }
    };
}
