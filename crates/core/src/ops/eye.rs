use crate::buffer::{Buffer, Storage};
use crate::dtype::{DType, Element};
use crate::error::{Error, Kind, Place};
use crate::shape::{Meta, Shape};
use crate::tensor::{Tensor, free_faces};

free_faces! {
    /// The f32 identity matrix of `n` rows.
    ///
    /// Source: `tf.eye`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::eye(2).to_vec::<f32>().unwrap(), [1.0, 0.0, 0.0, 1.0]);
    /// ```
    pub fn eye / try_eye(n: usize) = try_eye_of(DType::F32, n, n, ());
    /// Matrices with ones on the diagonal and zeros elsewhere, repeated to a batch shape.
    ///
    /// Source: `tf.eye`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::eye_of(tf::DType::I32, 2, 3, [4]).shape().to_vec(), [4, 2, 3]);
    /// ```
    pub fn eye_of / try_eye_of(dtype: DType, rows: usize, columns: usize, batch_shape: impl Into<Shape>) = {
        let meta = Meta::new(dtype, [rows, columns]);
        let Some(bytes) = meta.bytes() else {
            let text = format!("the result {meta} is too large");
            return Err(Error::new(Kind::ResourceExhausted, "eye", text).at(Place::caller()));
        };
        let mut buffer = Buffer::zeroed(bytes).map_err(|e| e.at(Place::caller()))?;
        crate::with_element!(dtype, T => {
            let one = T::from_f64(1.0).store();
            let one = bytemuck::bytes_of(&one);
            for i in 0..rows.min(columns) {
                buffer.bytes_mut()[i * (columns + 1) * one.len()..][..one.len()].copy_from_slice(one);
            }
        });
        let matrix = Tensor::from_storage(meta, Storage::new(buffer));
        let mut shape: Shape = batch_shape.into();
        shape.push(rows);
        shape.push(columns);
        let matrix = crate::device::place_new(matrix)?;
        if shape.rank() == 2 { Ok(matrix) } else { matrix.try_broadcast_to(shape) }
    };
}
