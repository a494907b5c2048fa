use crate::error::{Error, Place};
use crate::tensor::{AsOperand, free_faces};

free_faces! {
    /// `num` numbers from `start` to `stop`, both included, evenly spaced along a new first axis. Either may be a tensor;
    /// both are broadcast, and gradients flow to them.
    ///
    /// Source: `tf.linspace`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::linspace(0.0, 1.0, 3).to_vec::<f32>().unwrap(), [0.0, 0.5, 1.0]);
    /// ```
    pub fn linspace / try_linspace(start: impl AsOperand, stop: impl AsOperand, num: usize) = {
        if num == 0 {
            return Err(Error::invalid("linspace", "num must be at least 1").at(Place::caller()));
        }
        let (start, stop) = crate::tensor::operands("linspace", &start, &stop)?;
        let (start, stop) = (&*start, &*stop);
        let width = super::try_subtract(stop, start)?;
        let start = start.try_broadcast_to(width.shape())?.try_expand_dims(0)?;
        if num == 1 {
            return Ok(start);
        }
        let stop = stop.try_broadcast_to(width.shape())?.try_expand_dims(0)?;
        let mut column = vec![1usize; width.rank()];
        column.insert(0, num - 2);
        let delta = super::try_divide(&width, (num - 1) as f64)?;
        let inner = super::try_range_of(width.dtype(), 1, num - 1, 1)?.try_reshape(column)?;
        let inner = super::reduction::beside(&width, inner);
        let inner = super::try_add(&start, super::try_multiply(&inner, &delta)?)?;
        super::try_concat(&[start, inner, stop], 0)
    };
}
