use crate::tensor::{Tensor, free_faces};

free_faces! {
    /// The negative log likelihood of counts `targets` under Poisson distributions with the means
    /// `e^log_input`, without the part that depends on the targets alone: `e^c - z·c`. With
    /// `compute_full_loss` Stirling's approximation of that part, `z·ln z - z + ln(2πz)/2`, is added where `z
    /// > 1` or `z < 0`.
    ///
    /// Source: `tf.nn.log_poisson_loss`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let loss = tf::log_poisson_loss(&tf::constant([3.0]), &tf::constant([0.0]), false);
    /// assert_eq!(loss.to_vec::<f32>().unwrap(), [1.0]);
    /// ```
    pub fn log_poisson_loss / try_log_poisson_loss(
        targets: &Tensor, log_input: &Tensor, compute_full_loss: bool,
    ) = {
        let means = super::try_exp(log_input)?;
        let loss = means.try_subtract(super::try_multiply(log_input, targets)?)?;
        if !compute_full_loss {
            return Ok(loss);
        }
        let log = super::try_log(targets)?;
        let two_pi = super::try_multiply(targets, 2.0 * std::f64::consts::PI)?.try_log()?;
        let stirling = log.try_multiply(targets)?.try_subtract(targets)?.try_add(two_pi.try_multiply(0.5)?)?;
        let above = super::try_greater_equal(targets, 0.0)?;
        let small = above.try_logical_and(super::try_less_equal(targets, 1.0)?)?;
        loss.try_add(super::try_select(&small, 0.0, stirling)?)
    };
}
