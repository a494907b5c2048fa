//! Parts of matrices, which lie in the last two axes.

use crate::dim::Dim;
use crate::dtype::DType;
use crate::error::{Error, Place, Result};
use crate::shape::Shape;
use crate::tensor::{Tensor, faces, free_faces};

/// Row minus column for matrices of this shape, as i32, beside `x`.
#[track_caller]
fn offsets(x: &Tensor, rows: Dim, columns: Dim) -> Result<Tensor> {
    let i = super::try_positions(rows, DType::I32)?.try_expand_dims(1)?;
    let j = super::try_positions(columns, DType::I32)?;
    Ok(super::reduction::beside(x, super::try_subtract(&i, &j)?))
}

#[track_caller]
fn sides(x: &Tensor, op: &'static str) -> Result<(Dim, Dim)> {
    match &x.shape()[..] {
        [.., rows, columns] => Ok((*rows, *columns)),
        _ => {
            Err(Error::invalid(op, format!("x must have at least rank 2: x is {}", x.meta()))
                .at(Place::caller()))
        }
    }
}

/// The length of a main diagonal, whose sides must be known unless they are the same.
#[track_caller]
fn diagonal(rows: Dim, columns: Dim, op: &'static str) -> Result<Dim> {
    match (rows.size(), columns.size()) {
        _ if rows == columns => Ok(rows),
        (Some(a), Some(b)) => Ok(Dim::from(a.min(b))),
        _ => {
            let text = format!("the shorter side of [{rows}, {columns}] is not known while tracing");
            Err(Error::invalid(op, text).at(Place::caller()))
        }
    }
}

faces! {
    /// `x` with its last two axes exchanged.
    ///
    /// Source: `tf.linalg.matrix_transpose`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::zeros([5, 2, 3]).matrix_transpose().shape().to_vec(), [5, 3, 2]);
    /// ```
    pub fn matrix_transpose / try_matrix_transpose(x: &Tensor) = {
        sides(x, "matrix_transpose")?;
        let n = x.rank() as i64;
        let perm: Vec<i64> = (0..n - 2).chain([n - 1, n - 2]).collect();
        x.try_transpose(perm)
    };
    /// `x` with zeros outside a band: `num_lower` diagonals below the main one and `num_upper` above are kept; a negative
    /// number keeps all.
    ///
    /// Source: `tf.linalg.band_part`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let y = tf::constant([[1, 2], [3, 4]]).band_part(0, -1);
    /// assert_eq!(y.to_vec::<i32>().unwrap(), [1, 2, 0, 4]);
    /// ```
    pub fn band_part / try_band_part(x: &Tensor, num_lower: i64, num_upper: i64) = {
        let (rows, columns) = sides(x, "band_part")?;
        let below = offsets(x, rows, columns)?;
        let mut y = x.clone();
        let zeros = x.try_zeros_like()?;
        if num_lower >= 0 {
            y = super::try_select(&below.try_less_equal(num_lower.min(i32::MAX as i64))?, &y, &zeros)?;
        }
        if num_upper >= 0 {
            y = super::try_select(&below.try_greater_equal(-num_upper.min(i32::MAX as i64))?, &y, &zeros)?;
        }
        Ok(y)
    };
    /// Matrices with `x` (its last axis) on the diagonal `k` above the main one (below, if negative) and zeros elsewhere.
    ///
    /// Source: `tf.linalg.diag`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([1, 2]).diag(0).to_vec::<i32>().unwrap(), [1, 0, 0, 2]);
    /// assert_eq!(tf::constant([5]).diag(1).to_vec::<i32>().unwrap(), [0, 5, 0, 0]);
    /// ```
    pub fn diag / try_diag(x: &Tensor, k: i64) = {
        let Some(n) = x.shape().last().copied() else {
            let text = format!("x must have at least rank 1: x is {}", x.meta());
            return Err(Error::invalid("diag", text).at(Place::caller()));
        };
        let shift = k.unsigned_abs() as usize;
        let side = n + Dim::from(shift);
        // Each row holds its element everywhere; the mask keeps one place of it.
        let mut paddings = vec![[0, 0]; x.rank()];
        paddings[x.rank() - 1] = if k >= 0 { [0, shift] } else { [shift, 0] };
        let column = x.try_pad(&paddings)?.try_expand_dims(-1)?;
        let mut shape: Shape = x.shape().clone();
        shape.dims_mut()[x.rank() - 1] = side;
        shape.push(side);
        let wide = column.try_broadcast_to(&shape)?;
        let on = offsets(x, side, side)?.try_equal(-k)?;
        super::try_select(&on, &wide, &wide.try_zeros_like()?)
    };
    /// The main diagonals of matrices.
    ///
    /// Source: `tf.linalg.diag_part`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([[1, 2, 3], [4, 5, 6]]).diag_part().to_vec::<i32>().unwrap(), [1, 5]);
    /// ```
    pub fn diag_part / try_diag_part(x: &Tensor) = {
        let (rows, columns) = sides(x, "diag_part")?;
        let n = diagonal(rows, columns, "diag_part")?;
        let at = super::reduction::beside(x, super::try_positions(n, DType::I32)?).try_expand_dims(-1)?;
        let at = super::try_concat(&[at.clone(), at], -1)?;
        let first: i64 = x.rank() as i64 - 2;
        // The matrix axes to the front, where index vectors point.
        let front: Vec<i64> = [first, first + 1].into_iter().chain(0..first).collect();
        let back: Vec<i64> = (1..=first).chain([0]).collect();
        x.try_transpose(front)?.try_gather_nd(&at)?.try_transpose(back)
    };
    /// `x` with its main diagonals replaced by `diagonal`.
    ///
    /// Source: `tf.linalg.set_diag`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let y = tf::constant([[1, 2], [3, 4]]).set_diag(&tf::constant([7, 8]));
    /// assert_eq!(y.to_vec::<i32>().unwrap(), [7, 2, 3, 8]);
    /// ```
    pub fn set_diag / try_set_diag(x: &Tensor, diagonal: &Tensor) = {
        let (rows, columns) = sides(x, "set_diag")?;
        let n = self::diagonal(rows, columns, "set_diag")?;
        let fits = diagonal.rank() + 1 == x.rank() && diagonal.shape().last().is_some_and(|d| d.may_equal(n));
        if !fits {
            let text = format!("the diagonal must have {n} elements for each matrix: x is {}, diagonal is {}", x.meta(), diagonal.meta());
            return Err(Error::invalid("set_diag", text).at(Place::caller()));
        }
        let mut paddings = vec![[0, 0]; diagonal.rank()];
        // Rows below a wide matrix's diagonal have no element on it.
        paddings[diagonal.rank() - 1][1] = match (rows.size(), n.size()) {
            (Some(r), Some(n)) => r - n,
            _ => 0,
        };
        let column = diagonal.try_pad(&paddings)?.try_expand_dims(-1)?;
        let on = offsets(x, rows, columns)?.try_equal(0)?;
        super::try_select(&on, &column.try_broadcast_to(x.shape())?, x)
    };
    /// The sums of the main diagonals of matrices.
    ///
    /// Source: `tf.linalg.trace`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([[1, 2], [3, 4]]).trace().item::<i32>().unwrap(), 5);
    /// ```
    pub fn trace / try_trace(x: &Tensor) = x.try_diag_part()?.try_reduce_sum(-1, false);
    /// A tensor with the axes of `x` twice and `x` on its diagonal.
    ///
    /// Source: `tf.linalg.tensor_diag`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::zeros([2, 3]).tensor_diag().shape().to_vec(), [2, 3, 2, 3]);
    /// ```
    pub fn tensor_diag / try_tensor_diag(x: &Tensor) = {
        let shape: Shape = x.shape().iter().chain(x.shape().iter()).copied().collect();
        x.try_reshape([-1])?.try_diag(0)?.try_reshape(shape)
    };
}

free_faces! {
    /// The cross products of vectors of three elements in the last axis; both have the same shape.
    ///
    /// Source: `tf.linalg.cross`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let y = tf::cross(&tf::constant([1, 0, 0]), &tf::constant([0, 1, 0]));
    /// assert_eq!(y.to_vec::<i32>().unwrap(), [0, 0, 1]);
    /// ```
    pub fn cross / try_cross(a: &Tensor, b: &Tensor) = {
        let three = a.shape().last().is_some_and(|d| d.may_equal(Dim::from(3)));
        let same = a.rank() == b.rank() && a.shape().iter().zip(b.shape().iter()).all(|(x, y)| x.may_equal(*y));
        if !(three && same) {
            let text = format!("takes vectors of three elements, both of one shape: a is {}, b is {}", a.meta(), b.meta());
            return Err(Error::invalid("cross", text).at(Place::caller()));
        }
        let _line = crate::door::pin();
        let turned = |x: &Tensor, by: i64| x.try_roll(&[by], -1);
        let (left, right) = (super::try_multiply(&turned(a, -1)?, &turned(b, -2)?)?, super::try_multiply(&turned(a, -2)?, &turned(b, -1)?)?);
        super::try_subtract(&left, &right)
    };
}
