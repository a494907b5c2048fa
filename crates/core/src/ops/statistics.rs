//! Reductions made of smaller ones.

use crate::dtype::DType;
use crate::tensor::{Axes, Tensor, faces, free_faces};

faces! {
    /// `ln Σ exp(x)` over `axes` (`..` for all), kept in range by the greatest element; of nothing it is -∞.
    ///
    /// Source: `tf.reduce_logsumexp`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let y = tf::constant([1000.0, 1000.0]).reduce_logsumexp(.., false);
    /// assert_eq!(y.item::<f32>().unwrap(), 1000.0 + 2f32.ln());
    /// ```
    pub fn reduce_logsumexp / try_reduce_logsumexp(x: &Tensor, axes: impl Into<Axes>, keepdims: bool) = {
        let axes: Axes = axes.into();
        let greatest = x.try_reduce_max(&axes, true)?;
        let finite = greatest.try_abs()?.try_less(f32::INFINITY)?;
        let greatest = super::try_select(&finite, &greatest, &greatest.try_zeros_like()?)?.try_stop_gradient()?;
        let sum = super::try_subtract(x, &greatest)?.try_exp()?.try_reduce_sum(&axes, true)?;
        let y = super::try_add(&sum.try_log()?, &greatest)?;
        if keepdims { Ok(y) } else { y.try_squeeze(axes.of_rank(x.rank()).to_vec()) }
    };
    /// The square root of the sum of squares over `axes` (`..` for all).
    ///
    /// Source: `tf.math.reduce_euclidean_norm`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([3.0, 4.0]).reduce_euclidean_norm(.., false).item::<f32>().unwrap(), 5.0);
    /// ```
    pub fn reduce_euclidean_norm / try_reduce_euclidean_norm(x: &Tensor, axes: impl Into<Axes>, keepdims: bool) =
        x.try_square()?.try_reduce_sum(axes, keepdims)?.try_sqrt();
    /// The mean of the squared distance to the mean over `axes` (`..` for all).
    ///
    /// Source: `tf.math.reduce_variance`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([1.0, 3.0]).reduce_variance(.., false).item::<f32>().unwrap(), 1.0);
    /// ```
    pub fn reduce_variance / try_reduce_variance(x: &Tensor, axes: impl Into<Axes>, keepdims: bool) = {
        let axes: Axes = axes.into();
        let mean = x.try_reduce_mean(&axes, true)?;
        super::try_subtract(x, &mean)?.try_square()?.try_reduce_mean(axes, keepdims)
    };
    /// The square root of [`reduce_variance`](crate::reduce_variance).
    ///
    /// Source: `tf.math.reduce_std`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([1.0, 5.0]).reduce_std(.., false).item::<f32>().unwrap(), 2.0);
    /// ```
    pub fn reduce_std / try_reduce_std(x: &Tensor, axes: impl Into<Axes>, keepdims: bool) =
        x.try_reduce_variance(axes, keepdims)?.try_sqrt();
    /// Mean and variance over `axes`. Half floats are computed in f32.
    ///
    /// Source: `tf.nn.moments`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let (mean, variance) = tf::constant([1.0, 3.0]).moments(0, false);
    /// assert_eq!((mean.item::<f32>().unwrap(), variance.item::<f32>().unwrap()), (2.0, 1.0));
    /// ```
    pub fn moments / try_moments(x: &Tensor, axes: impl Into<Axes>, keepdims: bool) -> (Tensor, Tensor) = {
        let axes: Axes = axes.into();
        let wide = if matches!(x.dtype(), DType::F16 | DType::BF16) { x.try_cast(DType::F32)? } else { x.clone() };
        let mean = wide.try_reduce_mean(&axes, true)?;
        let distance = super::try_subtract(&wide, &mean.try_stop_gradient()?)?;
        let variance = distance.try_square()?.try_reduce_mean(&axes, keepdims)?;
        let mean = if keepdims { mean } else { mean.try_squeeze(axes.of_rank(x.rank()).to_vec())? };
        Ok((mean.try_cast(x.dtype())?, variance.try_cast(x.dtype())?))
    };
    /// Mean and variance over `axes`, where each element counts as often as its weight says; weights are broadcast.
    ///
    /// Source: `tf.nn.weighted_moments`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let x = tf::constant([1.0, 4.0]);
    /// let (mean, variance) = x.weighted_moments(0, &tf::constant([2.0, 1.0]), false);
    /// assert_eq!((mean.item::<f32>().unwrap(), variance.item::<f32>().unwrap()), (2.0, 2.0));
    /// ```
    pub fn weighted_moments / try_weighted_moments(x: &Tensor, axes: impl Into<Axes>, weights: &Tensor, keepdims: bool) -> (Tensor, Tensor) = {
        let axes: Axes = axes.into();
        let sum = super::try_multiply(weights, x)?.try_reduce_sum(&axes, true)?;
        let total = super::try_add(weights, &x.try_zeros_like()?)?.try_reduce_sum(&axes, true)?;
        let mean = super::try_divide(&sum, &total)?;
        let squares = super::try_subtract(x, &mean)?.try_square()?;
        let variance = super::try_multiply(weights, &squares)?.try_reduce_sum(&axes, true)?;
        let variance = super::try_divide(&variance, &total)?;
        if keepdims {
            return Ok((mean, variance));
        }
        let gone = axes.of_rank(x.rank()).to_vec();
        Ok((mean.try_squeeze(gone.clone())?, variance.try_squeeze(gone)?))
    };
    /// How many elements are not zero over `axes` (`..` for all), as i64.
    ///
    /// Source: `tf.math.count_nonzero`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([0, 2, 3]).count_nonzero(.., false).item::<i64>().unwrap(), 2);
    /// ```
    pub fn count_nonzero / try_count_nonzero(x: &Tensor, axes: impl Into<Axes>, keepdims: bool) = {
        let some = match x.dtype() {
            DType::Bool => x.clone(),
            _ => x.try_not_equal(0)?,
        };
        some.try_cast(DType::I64)?.try_reduce_sum(axes, keepdims)
    };
    /// The share of zeros among all elements, as f32.
    ///
    /// Source: `tf.math.zero_fraction`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([0, 2, 3, 0]).zero_fraction().item::<f32>().unwrap(), 0.5);
    /// ```
    pub fn zero_fraction / try_zero_fraction(x: &Tensor) = {
        let zeros = x.try_equal(0)?.try_cast(DType::F32)?;
        zeros.try_reduce_mean(.., false)
    };
    /// Half the sum of squares.
    ///
    /// Source: `tf.nn.l2_loss`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([1.0, 3.0]).l2_loss().item::<f32>().unwrap(), 5.0);
    /// ```
    pub fn l2_loss / try_l2_loss(x: &Tensor) = super::try_multiply(&x.try_square()?.try_reduce_sum(.., false)?, 0.5);
}

free_faces! {
    /// `(x - mean) / sqrt(variance + epsilon) · scale + offset`, with broadcasting.
    ///
    /// Source: `tf.nn.batch_normalization`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let [x, mean, variance] = [[1.0, 5.0], [3.0, 3.0], [4.0, 4.0]].map(|v| tf::constant(v));
    /// let y = tf::batch_normalization(&x, &mean, &variance, None, None, 0.0);
    /// assert_eq!(y.to_vec::<f32>().unwrap(), [-1.0, 1.0]);
    /// ```
    pub fn batch_normalization / try_batch_normalization(x: &Tensor, mean: &Tensor, variance: &Tensor, offset: Option<&Tensor>, scale: Option<&Tensor>, epsilon: f64) = {
        let mut inverse = super::try_add(variance, epsilon)?.try_rsqrt()?;
        if let Some(scale) = scale {
            inverse = super::try_multiply(&inverse, scale)?;
        }
        let shift = super::try_multiply(mean, &inverse)?;
        let shift = match offset {
            Some(offset) => super::try_subtract(offset, &shift)?,
            None => shift.try_negative()?,
        };
        super::try_add(&super::try_multiply(x, &inverse)?, &shift)
    };
}
