//! To and from ndarray.

use super::Tensor;
use crate::dtype::Element;
use crate::error::{Error, Place, Result};
use ndarray::{Array, ArrayD, ArrayViewD, Dimension, IxDyn};

impl<T: Element, D: Dimension> From<Array<T, D>> for Tensor {
    /// Takes over the array's memory if it is in row-major order, else copies it into that order.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let x = tf::Tensor::from(ndarray::arr2(&[[1.0f32, 2.0], [3.0, 4.0]]));
    /// assert_eq!(x.shape().to_vec(), [2, 2]);
    /// ```
    fn from(array: Array<T, D>) -> Tensor {
        let shape = array.shape().to_vec();
        let values = match array.is_standard_layout() {
            true => {
                let (values, offset) = array.into_raw_vec_and_offset();
                match offset.unwrap_or(0) == 0 && values.len() == shape.iter().product::<usize>() {
                    true => values,
                    // A slice of a larger array: keep its part.
                    false => {
                        let start = offset.unwrap_or(0);
                        values[start..start + shape.iter().product::<usize>()].to_vec()
                    }
                }
            }
            false => array.iter().copied().collect(),
        };
        match Tensor::from_vec(values, shape) {
            Ok(tensor) => tensor,
            Err(error) => crate::error::raise(error),
        }
    }
}

impl Tensor {
    /// The elements as an owned array.
    ///
    /// # Errors
    ///
    /// If `T` is not the dtype, the tensor is symbolic, or its device fails.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// # fn main() -> tf::Result<()> {
    /// let a: ndarray::ArrayD<i32> = tf::constant([[1, 2]]).to_ndarray()?;
    /// assert_eq!(a.shape(), [1, 2]);
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn to_ndarray<T: Element>(&self) -> Result<ArrayD<T>> {
        let shape = IxDyn(&self.shape().to_vec());
        ArrayD::from_shape_vec(shape, self.to_vec::<T>()?)
            .map_err(|e| Error::internal("to_ndarray", e.to_string()).at(Place::caller()))
    }
    /// The elements of a host tensor as a view, without copying. `bool` has no view: its elements are bytes.
    ///
    /// # Errors
    ///
    /// If `T` is not the dtype, or the elements are not in host memory.
    #[track_caller]
    pub fn view<T: Element<Store = T> + bytemuck::Pod>(&self) -> Result<ArrayViewD<'_, T>> {
        let Some(storage) = self.host().filter(|_| T::DTYPE == self.dtype()) else {
            let text = format!("{} on {} cannot be viewed as {}", self.meta(), self.device(), T::DTYPE);
            return Err(Error::invalid("view", text)
                .with_hint("copy it with to_ndarray")
                .at(Place::caller()));
        };
        let shape = IxDyn(&self.shape().to_vec());
        ArrayViewD::from_shape(shape, bytemuck::cast_slice(storage.bytes()))
            .map_err(|e| Error::internal("view", e.to_string()).at(Place::caller()))
    }
}

#[cfg(test)]
mod tests {
    use crate as tf;
    use ndarray::{Array2, s};

    #[test]
    fn row_major_memory_moves_without_a_copy() {
        let a = Array2::from_shape_fn((3, 4), |(i, j)| (i * 4 + j) as f32);
        let ptr = a.as_ptr();
        let x = tf::Tensor::from(a.clone());
        assert_eq!(x.view::<f32>().unwrap(), a.view().into_dyn());
        let owned = tf::Tensor::from(a);
        assert_eq!(owned.view::<f32>().unwrap().as_ptr(), ptr);
    }

    #[test]
    fn other_layouts_are_copied_into_order() {
        let a = Array2::from_shape_fn((3, 4), |(i, j)| (i * 4 + j) as i64);
        let t = tf::Tensor::from(a.t().to_owned());
        assert_eq!(t.to_ndarray::<i64>().unwrap(), a.t().to_owned().into_dyn());
        let flipped = a.clone().slice_move(s![1..;-1, ..;2]);
        assert_eq!(tf::Tensor::from(flipped.clone()).to_ndarray::<i64>().unwrap(), flipped.into_dyn());
        let part = a.slice_move(s![1.., ..]);
        assert_eq!(tf::Tensor::from(part.clone()).to_ndarray::<i64>().unwrap(), part.into_dyn());
        let b = ndarray::arr1(&[true, false]);
        assert_eq!(tf::Tensor::from(b.clone()).to_ndarray::<bool>().unwrap(), b.into_dyn());
        assert!(tf::constant([1.0]).view::<i32>().is_err());
    }
}
