//! Grids, masks and matrices made of positions.

use super::concat::refs;
use crate::dim::Dim;
use crate::dtype::DType;
use crate::error::{Error, Place};
use crate::shape::Shape;
use crate::tensor::{Tensor, faces, free_faces};
use std::borrow::Borrow;

/// Which axis of a grid its first vector runs along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Indexing {
    /// The second, as in pictures.
    Xy,
    /// The first, as in matrices.
    Ij,
}

free_faces! {
    /// The coordinates of a grid spanned by vectors: one tensor for each, of the shape of the grid.
    ///
    /// Source: `tf.meshgrid`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let grid = tf::meshgrid(&[tf::constant([1, 2, 3]), tf::constant([4, 5])], tf::Indexing::Xy);
    /// assert_eq!(grid[1].to_vec::<i32>().unwrap(), [4, 4, 4, 5, 5, 5]);
    /// ```
    pub fn meshgrid / try_meshgrid(vectors: &[impl Borrow<Tensor>], indexing: Indexing) -> Vec<Tensor> = {
        let vectors = refs(vectors);
        let n = vectors.len();
        let axis = |i: usize| match (indexing, i) {
            (Indexing::Xy, 0) if n > 1 => 1,
            (Indexing::Xy, 1) => 0,
            _ => i,
        };
        let mut shape: Shape = vec![1usize; n].into();
        for (i, v) in vectors.iter().enumerate() {
            if v.rank() != 1 {
                return Err(Error::invalid("meshgrid", format!("takes vectors: one is {}", v.meta())).at(Place::caller()));
            }
            shape.dims_mut()[axis(i)] = v.shape()[0];
        }
        let mut grid = vec![];
        for (i, v) in vectors.iter().enumerate() {
            let mut line: Shape = vec![1usize; n].into();
            line.dims_mut()[axis(i)] = v.shape()[0];
            grid.push(v.try_reshape(line)?.try_broadcast_to(&shape)?);
        }
        Ok(grid)
    };
    /// How often each label (row) was predicted as each class (column), as i32. A class outside is an error.
    ///
    /// Source: `tf.math.confusion_matrix`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let y = tf::confusion_matrix(&tf::constant([0, 1, 1]), &tf::constant([0, 0, 1]), 2);
    /// assert_eq!(y.to_vec::<i32>().unwrap(), [1, 0, 1, 1]);
    /// ```
    pub fn confusion_matrix / try_confusion_matrix(labels: &Tensor, predictions: &Tensor, num_classes: usize) = {
        let at = super::try_stack(&[labels, predictions], -1)?;
        let ones = labels.try_ones_like()?.try_cast(DType::I32)?;
        super::try_scatter_nd(&at, &ones, [num_classes, num_classes])
    };
}

faces! {
    /// For each length a row of `maxlen` truth values (as many as the greatest length, if not given), true below the
    /// length.
    ///
    /// Source: `tf.sequence_mask`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let y = tf::constant([1, 2]).sequence_mask(None);
    /// assert_eq!(y.to_vec::<bool>().unwrap(), [true, false, true, true]);
    /// ```
    pub fn sequence_mask / try_sequence_mask(lengths: &Tensor, maxlen: Option<usize>) = {
        let maxlen = match maxlen {
            Some(n) => Dim::from(n),
            // There is one bin more than the greatest length, and at least one is asked for.
            None => lengths.try_reshape([-1])?.try_bincount(None, 1)?.shape()[0] - Dim::from(1),
        };
        let at = super::reduction::beside(lengths, super::try_positions(maxlen, lengths.dtype())?);
        super::try_less(&at, &lengths.try_expand_dims(-1)?)
    };
    /// `x` with the first `seq_lengths[i]` elements of slice `i` of `batch_axis` in reverse order along `seq_axis`.
    ///
    /// Source: `tf.reverse_sequence`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let y = tf::constant([[1, 2, 3], [4, 5, 6]]).reverse_sequence(&tf::constant([2, 3]), 1, 0);
    /// assert_eq!(y.to_vec::<i32>().unwrap(), [2, 1, 3, 6, 5, 4]);
    /// ```
    pub fn reverse_sequence / try_reverse_sequence(x: &Tensor, seq_lengths: &Tensor, seq_axis: i64, batch_axis: i64) = {
        let (s, b) = (x.shape().axis(seq_axis), x.shape().axis(batch_axis));
        let (Some(s), Some(b)) = (s, b.filter(|b| Some(*b) != s && seq_lengths.rank() == 1)) else {
            let text = format!(
                "takes two different axes and a vector of lengths: x is {}, seq_lengths is {}, axes {seq_axis} and {batch_axis}",
                x.meta(),
                seq_lengths.meta()
            );
            return Err(Error::invalid("reverse_sequence", text).at(Place::caller()));
        };
        let rest = (0..x.rank()).filter(|a| *a != s && *a != b);
        let perm: Vec<i64> = [b, s].into_iter().chain(rest).map(|a| a as i64).collect();
        let mut inverse = vec![0i64; perm.len()];
        for (i, axis) in perm.iter().enumerate() {
            inverse[*axis as usize] = i as i64;
        }
        let lengths = seq_lengths.try_expand_dims(1)?;
        let at = super::reduction::beside(seq_lengths, super::try_positions(x.shape()[s], seq_lengths.dtype())?);
        let turned = super::try_subtract(&super::try_subtract(&lengths, 1)?, &at)?;
        let at = super::try_select(&super::try_less(&at, &lengths)?, &turned, &at)?;
        x.try_transpose(perm)?.try_gather_batched(&at, 1, 1)?.try_transpose(inverse)
    };
}
