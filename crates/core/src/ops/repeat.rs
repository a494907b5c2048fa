use crate::dim::Dim;
use crate::tensor::{Axes, faces};

faces! {
    /// `x` with each element (along `axis`) repeated `repeats` times in place; `..` repeats the elements of the flat `x`.
    ///
    /// Source: `tf.repeat` with one number.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([1, 2]).repeat(2, 0).to_vec::<i32>().unwrap(), [1, 1, 2, 2]);
    /// ```
    pub fn repeat / try_repeat(x: &Tensor, repeats: usize, axis: impl Into<Axes>) = {
        let axis: Axes = axis.into();
        let (x, axis) = match axis.is_all() {
            true => (x.try_reshape([-1])?, 0),
            false => (x.clone(), axis.of_rank(x.rank())[0]),
        };
        let Some(at) = x.shape().axis(axis) else {
            let text = format!("axis {axis} is out of range: x is {}", x.meta());
            return Err(crate::Error::invalid("repeat", text).at(crate::Place::caller()));
        };
        let mut wide = x.shape().clone();
        wide.insert(at + 1, repeats);
        let mut long = x.shape().clone();
        long.dims_mut()[at] = long[at] * Dim::from(repeats);
        x.try_expand_dims(at as i64 + 1)?.try_broadcast_to(wide)?.try_reshape(long)
    };
}
