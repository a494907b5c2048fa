use crate::error::{Error, Place, Result};
use crate::tensor::{Tensor, free_faces};
use std::borrow::Borrow;

free_faces! {
    /// The element-wise sum of tensors of one shape, added from the first to the last.
    ///
    /// Source: `tf.math.add_n`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let x = tf::constant([1, 2]);
    /// assert_eq!(tf::add_n(&[&x, &x, &x]).to_vec::<i32>().unwrap(), [3, 6]);
    /// ```
    pub fn add_n / try_add_n(values: &[impl Borrow<Tensor>]) = sum("add_n", values);
    /// The same as [`add_n`].
    ///
    /// Source: `tf.math.accumulate_n`.
    pub fn accumulate_n / try_accumulate_n(values: &[impl Borrow<Tensor>]) = sum("accumulate_n", values);
}

#[track_caller]
fn sum(name: &'static str, values: &[impl Borrow<Tensor>]) -> Result<Tensor> {
    let Some((first, rest)) = values.split_first() else {
        return Err(Error::invalid(name, "needs at least one tensor").at(Place::caller()));
    };
    let first = first.borrow();
    let fits = |x: &Tensor| {
        x.rank() == first.rank() && x.shape().iter().zip(first.shape().iter()).all(|(a, b)| a.may_equal(*b))
    };
    if let Some((i, x)) = rest.iter().enumerate().find(|(_, x)| !fits((*x).borrow())) {
        let (x, i) = (x.borrow(), i + 1);
        let text = format!("the shapes differ: values[0] is {}, values[{i}] is {}", first.meta(), x.meta());
        return Err(Error::invalid(name, text).at(Place::caller()));
    }
    let _line = crate::door::pin();
    rest.iter().try_fold(first.clone(), |sum, x| sum.try_add(x.borrow()))
}
