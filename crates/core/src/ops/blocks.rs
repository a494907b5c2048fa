//! Blocks of space moved to the depth or to the batch, and back.

use crate::dim::Dim;
use crate::error::{Error, Place, Result};
use crate::tensor::{SliceItem, Tensor, faces};

#[track_caller]
fn bad<T>(op: &'static str, what: &str, x: &Tensor) -> Result<T> {
    Err(Error::invalid(op, format!("{what}: x is {}", x.meta())).at(Place::caller()))
}

#[track_caller]
fn divided(op: &'static str, x: &Tensor, dim: Dim, by: usize) -> Result<Dim> {
    match dim.size() {
        Some(n) if by == 0 || n % by != 0 => {
            bad(op, &format!("a size of {n} does not divide by the block, {by}"), x)
        }
        _ => Ok(dim.floor_div(Dim::from(by))),
    }
}

faces! {
    /// Blocks of `block_size` × `block_size` of an image batch [n, h, w, c] moved into the channels.
    ///
    /// Source: `tf.nn.space_to_depth`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::zeros([1, 4, 6, 2]).space_to_depth(2).shape().to_vec(), [1, 2, 3, 8]);
    /// ```
    pub fn space_to_depth / try_space_to_depth(x: &Tensor, block_size: usize) = {
        let [n, h, w, c] = x.shape()[..] else { return bad("space_to_depth", "x must have rank 4", x) };
        let (h, w) = (divided("space_to_depth", x, h, block_size)?, divided("space_to_depth", x, w, block_size)?);
        let b = Dim::from(block_size);
        x.try_reshape([n, h, b, w, b, c])?.try_transpose([0, 1, 3, 2, 4, 5])?.try_reshape([n, h, w, b * b * c])
    };
    /// The channels of an image batch [n, h, w, c] moved into blocks of `block_size` × `block_size`.
    ///
    /// Source: `tf.nn.depth_to_space`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::zeros([1, 2, 3, 8]).depth_to_space(2).shape().to_vec(), [1, 4, 6, 2]);
    /// ```
    pub fn depth_to_space / try_depth_to_space(x: &Tensor, block_size: usize) = {
        let [n, h, w, c] = x.shape()[..] else { return bad("depth_to_space", "x must have rank 4", x) };
        let c = divided("depth_to_space", x, c, block_size * block_size)?;
        let b = Dim::from(block_size);
        x.try_reshape([n, h, w, b, b, c])?.try_transpose([0, 1, 3, 2, 4, 5])?.try_reshape([n, h * b, w * b, c])
    };
    /// Blocks of the axes after the first moved into the batch, the first axis, after zero padding.
    ///
    /// Source: `tf.space_to_batch`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let y = tf::zeros([1, 4, 4, 2]).space_to_batch(&[2, 2], &[[0, 0], [2, 0]]);
    /// assert_eq!(y.shape().to_vec(), [4, 2, 3, 2]);
    /// ```
    pub fn space_to_batch / try_space_to_batch(x: &Tensor, block_shape: &[usize], paddings: &[[usize; 2]]) = {
        let m = block_shape.len();
        if paddings.len() != m || x.rank() < m + 1 {
            return bad("space_to_batch", "takes a block and a padding for each of the axes after the first", x);
        }
        let mut all = vec![[0, 0]; x.rank()];
        all[1..=m].copy_from_slice(paddings);
        let x = &x.try_pad(&all)?;
        let (mut split, mut out) = (vec![x.shape()[0]], vec![x.shape()[0]]);
        for (i, block) in block_shape.iter().enumerate() {
            let size = divided("space_to_batch", x, x.shape()[i + 1], *block)?;
            split.extend([size, Dim::from(*block)]);
            out.push(size);
            out[0] = out[0] * Dim::from(*block);
        }
        split.extend(&x.shape()[m + 1..]);
        out.extend(&x.shape()[m + 1..]);
        let m = m as i64;
        let perm: Vec<i64> = (0..m).map(|i| 2 * i + 2).chain([0]).chain((0..m).map(|i| 2 * i + 1)).chain(2 * m + 1..split.len() as i64).collect();
        x.try_reshape(split)?.try_transpose(perm)?.try_reshape(out)
    };
    /// The batch, the first axis, moved back into blocks of the axes after it, which are then cropped.
    ///
    /// Source: `tf.batch_to_space`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let y = tf::zeros([4, 2, 3, 1]).batch_to_space(&[2, 2], &[[0, 1], [0, 0]]);
    /// assert_eq!(y.shape().to_vec(), [1, 3, 6, 1]);
    /// ```
    pub fn batch_to_space / try_batch_to_space(x: &Tensor, block_shape: &[usize], crops: &[[usize; 2]]) = {
        let m = block_shape.len();
        if crops.len() != m || x.rank() < m + 1 {
            return bad("batch_to_space", "takes a block and crops for each of the axes after the first", x);
        }
        let batch = divided("batch_to_space", x, x.shape()[0], block_shape.iter().product())?;
        let mut split: Vec<Dim> = block_shape.iter().map(|b| Dim::from(*b)).collect();
        split.push(batch);
        split.extend(&x.shape()[1..]);
        let mut out = vec![batch];
        out.extend(block_shape.iter().zip(&x.shape()[1..]).map(|(b, d)| *d * Dim::from(*b)));
        out.extend(&x.shape()[m + 1..]);
        let n = m as i64;
        let pairs = (0..n).flat_map(|i| [n + 1 + i, i]);
        let perm: Vec<i64> = [n].into_iter().chain(pairs).chain(2 * n + 1..split.len() as i64).collect();
        let whole = x.try_reshape(split)?.try_transpose(perm)?.try_reshape(out)?;
        let crop = |c: &[usize; 2]| SliceItem::Range { begin: Some(c[0] as i64), end: (c[1] > 0).then_some(-(c[1] as i64)), step: 1 };
        let items: Vec<SliceItem> = [SliceItem::from(..)].into_iter().chain(crops.iter().map(crop)).collect();
        whole.try_slice(items)
    };
}
