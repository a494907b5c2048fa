use crate::error::Result;
use crate::tensor::{Tensor, faces};

/// 1/√2 and the factor of the cube are rounded to f32, as TensorFlow rounds them for every dtype; √(2/π) is not.
const HALF_SQRT_2: f64 = std::f32::consts::FRAC_1_SQRT_2 as f64;
const SQRT_2_BY_PI: f64 = 0.797_884_560_802_865_4;
const CUBIC: f64 = 0.044_715_f32 as f64;

faces! {
    /// `x·Φ(x)` of each element, where Φ is the normal distribution: `x/2·(1 + erf(x/√2))`.
    ///
    /// Source: `tf.nn.gelu`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([0.0]).gelu().to_vec::<f32>().unwrap(), [0.0]);
    /// ```
    pub fn gelu / try_gelu(x: &Tensor) = times_half(x, |x| super::try_erf(&super::try_multiply(x, HALF_SQRT_2)?));
    /// [`gelu`] with Φ approximated by a tangent: `x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³)))`.
    ///
    /// Source: `tf.nn.gelu` with `approximate=True`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([0.0]).gelu_approximate().to_vec::<f32>().unwrap(), [0.0]);
    /// ```
    pub fn gelu_approximate / try_gelu_approximate(x: &Tensor) =
        times_half(x, |x| {
        let cube = super::try_multiply(super::try_multiply(x, x)?, x)?;
        let inner = super::try_add(x, super::try_multiply(cube, CUBIC)?)?;
        super::try_multiply(inner, SQRT_2_BY_PI)?.try_tanh()
    });
}

/// x/2 · (1 + f(x)).
#[track_caller]
fn times_half(x: &Tensor, f: impl FnOnce(&Tensor) -> Result<Tensor>) -> Result<Tensor> {
    let _line = crate::door::pin();
    super::try_multiply(super::try_multiply(x, 0.5)?, super::try_add(f(x)?, 1.0)?)
}
