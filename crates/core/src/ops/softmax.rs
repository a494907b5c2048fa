//! Softmax and the cross entropies over it: made of smaller ops, kept in range by the greatest logit.

use crate::error::{Error, Place, Result};
use crate::tensor::{Tensor, faces, free_faces};

/// `x` without its greatest element along `axis`, which carries no gradient: the results do not depend on it.
#[track_caller]
fn shifted(x: &Tensor, axis: i64) -> Result<Tensor> {
    let greatest = x.try_reduce_max(axis, true)?.try_stop_gradient()?;
    super::try_subtract(x, &greatest)
}

/// `x` in the shape of `like`.
#[track_caller]
fn spread(x: &Tensor, like: &Tensor) -> Result<Tensor> {
    if x.shape() == like.shape() { Ok(x.clone()) } else { x.try_broadcast_to(like.shape()) }
}

faces! {
    /// `exp(x) / Σ exp(x)` along `axis`, as a product with the reciprocal of the sum.
    ///
    /// Source: `tf.nn.softmax`, whose kernel (`softmax_op_functor.h`) multiplies by the inverse, too.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([1.0, 1.0]).softmax(-1).to_vec::<f32>().unwrap(), [0.5, 0.5]);
    /// ```
    pub fn softmax / try_softmax(x: &Tensor, axis: i64) = {
        let exp = shifted(x, axis)?.try_exp()?;
        let sum = exp.try_reduce_sum(axis, true)?;
        super::try_multiply(&exp, &sum.try_reciprocal()?)
    };
    /// `x - ln Σ exp(x)` along `axis`: the logarithm of [`softmax`](crate::softmax) without its rounding to zero.
    ///
    /// Source: `tf.nn.log_softmax`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let y = tf::constant([0.0, 1000.0]).log_softmax(-1);
    /// assert_eq!(y.to_vec::<f32>().unwrap(), [-1000.0, 0.0]);
    /// ```
    pub fn log_softmax / try_log_softmax(x: &Tensor, axis: i64) = {
        let x = shifted(x, axis)?;
        let sum = x.try_exp()?.try_reduce_sum(axis, true)?;
        super::try_subtract(&x, &sum.try_log()?)
    };
}

free_faces! {
    /// The cross entropy `-Σ labels · log_softmax(logits)` along the last axis, for labels that are distributions.
    /// Gradients flow to both. As in TensorFlow, that of `logits` takes the labels to sum to one: it is
    /// `softmax(logits) - labels`.
    ///
    /// Source: `tf.nn.softmax_cross_entropy_with_logits`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let (labels, logits) = (tf::constant([[0.0, 1.0]]), tf::constant([[0.0, 0.0]]));
    /// let loss = tf::softmax_cross_entropy_with_logits(&labels, &logits);
    /// assert!((loss.item::<f32>().unwrap() - 2f32.ln()).abs() < 1e-6);
    /// ```
    pub fn softmax_cross_entropy_with_logits / try_softmax_cross_entropy_with_logits(labels: &Tensor, logits: &Tensor) =
        try_softmax_cross_entropy_along(labels, logits, -1);
    /// [`softmax_cross_entropy_with_logits`](crate::softmax_cross_entropy_with_logits) along any axis.
    ///
    /// Source: `tf.nn.softmax_cross_entropy_with_logits` with `axis`.
    pub fn softmax_cross_entropy_along / try_softmax_cross_entropy_along(labels: &Tensor, logits: &Tensor, axis: i64) = {
        let logs = logits.try_log_softmax(axis)?;
        let terms = super::try_multiply(labels, &logs)?;
        let loss = terms.try_reduce_sum(axis, false)?.try_negative()?;
        let (labels, logits) = (spread(labels, &terms)?, spread(logits, &terms)?);
        Ok(crate::custom_gradient(&[&labels, &logits], |x| {
            let (labels, logs) = (x[0].clone(), logs.clone());
            let back = move |dy: &Tensor| {
                let dy = dy.expand_dims(axis);
                vec![-(&dy * &logs), dy * (logs.exp() - &labels)]
            };
            (loss, back)
        }))
    };
    /// The cross entropy `-log_softmax(logits)[label]` along the last axis, for labels that are positions (i32 or i64,
    /// the shape of `logits` without its last axis). A label outside is an error.
    ///
    /// Source: `tf.nn.sparse_softmax_cross_entropy_with_logits`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let (labels, logits) = (tf::constant([1]), tf::constant([[0.0, 0.0]]));
    /// let loss = tf::sparse_softmax_cross_entropy_with_logits(&labels, &logits);
    /// assert!((loss.item::<f32>().unwrap() - 2f32.ln()).abs() < 1e-6);
    /// ```
    pub fn sparse_softmax_cross_entropy_with_logits / try_sparse_softmax_cross_entropy_with_logits(labels: &Tensor, logits: &Tensor) = {
        if labels.rank() + 1 != logits.rank() {
            let text = format!("logits must have one axis more than labels: labels is {}, logits is {}", labels.meta(), logits.meta());
            return Err(Error::invalid("sparse_softmax_cross_entropy_with_logits", text).at(Place::caller()));
        }
        let at = labels.try_expand_dims(-1)?;
        let chosen = logits.try_log_softmax(-1)?.try_gather_batched(&at, -1, labels.rank())?;
        chosen.try_squeeze(-1)?.try_negative()
    };
}
