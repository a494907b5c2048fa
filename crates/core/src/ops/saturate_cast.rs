use crate::dtype::DType;
use crate::tensor::{Scalar, faces};

faces! {
    /// `x` converted to `dtype`, with values outside its range brought to the nearest end first; floats stay
    /// finite.
    ///
    /// Source: `tf.saturate_cast`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let y = tf::constant([300, -300]).saturate_cast(tf::DType::I8);
    /// assert_eq!(y.to_vec::<i8>().unwrap(), [127, -128]);
    /// ```
    pub fn saturate_cast / try_saturate_cast(x: &Tensor, dtype: DType) = {
        let Some((low, high)) = range(x.dtype(), dtype) else { return x.try_cast(dtype) };
        let bounded = super::try_minimum(x, high)?;
        super::try_maximum(bounded, low)?.try_cast(dtype)
    };
}

/// The ends of `to` within `from`, if `from` reaches beyond and the cast alone does not saturate: it does
/// from floats to integers.
fn range(from: DType, to: DType) -> Option<(Scalar, Scalar)> {
    match (from.int_range(), to.int_range()) {
        (Some((a, b)), Some((low, high))) if a < low || b > high => {
            Some((Scalar::Int(low.max(a)), Scalar::Int(high.min(b))))
        }
        (Some((a, b)), None) if to == DType::F16 && b > 65504 => {
            Some((Scalar::Int(a.max(-65504)), Scalar::Int(65504)))
        }
        (None, None) if from.is_float() && to.is_float() && finite(to) < finite(from) => {
            Some((Scalar::Float(-finite(to)), Scalar::Float(finite(to))))
        }
        _ => None,
    }
}

/// The largest finite value of a float dtype.
fn finite(dtype: DType) -> f64 {
    match dtype {
        DType::F16 => 65504.0,
        DType::BF16 => half::bf16::MAX.to_f64(),
        DType::F32 => f32::MAX as f64,
        _ => f64::MAX,
    }
}
