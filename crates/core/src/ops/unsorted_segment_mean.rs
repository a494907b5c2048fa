use crate::dtype::DType;
use crate::error::Result;
use crate::tensor::{Tensor, faces};

/// How many slices each segment has, at least 1, shaped to divide its sums.
#[track_caller]
fn counts(data: &Tensor, ids: &Tensor, n: usize, dtype: DType) -> Result<Tensor> {
    let ones = super::try_cast(&ids.try_ones_like()?, dtype)?;
    let counts = super::try_maximum(&ones.try_unsorted_segment_sum(ids, n)?, 1)?;
    let shape: Vec<usize> = [n].into_iter().chain(std::iter::repeat_n(1, data.rank() - ids.rank())).collect();
    counts.try_reshape(shape)
}

faces! {
    /// The means of the slices of `data` that have the same id; an empty segment gives zero.
    ///
    /// Source: `tf.math.unsorted_segment_mean`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let y = tf::constant([1.0, 2.0, 4.0]).unsorted_segment_mean(&tf::constant([1, 0, 1]), 3);
    /// assert_eq!(y.to_vec::<f32>().unwrap(), [2.0, 2.5, 0.0]);
    /// ```
    pub fn unsorted_segment_mean / try_unsorted_segment_mean(data: &Tensor, segment_ids: &Tensor, num_segments: usize) = {
        let sums = data.try_unsorted_segment_sum(segment_ids, num_segments)?;
        super::try_divide(&sums, &counts(data, segment_ids, num_segments, data.dtype())?)
    };
    /// The sums of the slices of `data` that have the same id over the square root of how many; an empty segment gives
    /// zero.
    ///
    /// Source: `tf.math.unsorted_segment_sqrt_n`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let y = tf::constant([1.0, 1.0, 1.0, 1.0]).unsorted_segment_sqrt_n(&tf::constant([0, 0, 0, 0]), 1);
    /// assert_eq!(y.to_vec::<f32>().unwrap(), [2.0]);
    /// ```
    pub fn unsorted_segment_sqrt_n / try_unsorted_segment_sqrt_n(data: &Tensor, segment_ids: &Tensor, num_segments: usize) = {
        let sums = data.try_unsorted_segment_sum(segment_ids, num_segments)?;
        super::try_divide(&sums, &counts(data, segment_ids, num_segments, data.dtype())?.try_sqrt()?)
    };
}
