use super::num_elements::elements;
use crate::dtype::{DType, Element};
use crate::error::Result;
use crate::op::{Class, Cpu, Effect, Exact, Fault, Gpu, Grad, OpDef, Tf, err, floats, ok, sig};
use crate::tensor::{Scalar, Tensor, faces};

/// The sizes of a tensor as a tensor.
pub static SHAPE: OpDef = OpDef {
    name: "shape",
    tf: &[Tf::same("Shape")],
    sig: sig!(x: _ any; out_type: DType),
    effect: Effect::Pure,
    infer: |x| match x.attrs.dtype("out_type") {
        dtype if Class::Index.has(dtype) => x.one(dtype, [x.shape(0).rank()].into()),
        dtype => Err(Fault::new(format!("sizes are i32 or i64, not {dtype}"))),
    },
    cpu: Cpu::Kernel(|call| {
        let (x, y) = (&call.inputs[0], &mut call.outputs[0]);
        crate::with_element!(y.dtype, T => {
            for (out, n) in y.slice::<T>().iter_mut().zip(x.shape) {
                *out = T::from_f64(*n as f64).store();
            }
        });
        Ok(())
    }),
    gpu: Gpu::CpuOnly("the host knows the sizes; they are a few numbers"),
    grad: Grad::None("sizes do not depend on the elements"),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        vec![
            ok([floats([2, 3], &[0.0; 6])]).attr("out_type", DType::I32),
            ok([floats([], &[0.0])]).attr("out_type", DType::I64),
            ok([floats([0, 2], &[])]).attr("out_type", DType::I32),
            err([floats([1], &[0.0])], "sizes are i32 or i64").attr("out_type", DType::F32),
        ]
    },
};

/// The sizes: a constant if they are known, else one node for each, which binding turns into constants.
#[track_caller]
fn sizes(x: &Tensor) -> Result<Tensor> {
    match x.shape().sizes() {
        Some(sizes) => {
            let values: Vec<i32> = sizes.iter().map(|n| *n as i32).collect();
            crate::device::place_new(Tensor::from_vec(values, [sizes.len()])?)
        }
        None => {
            let sizes = x.shape().iter().map(|d| elements([*d].into())).collect::<Result<Vec<_>>>()?;
            super::try_stack(&sizes, 0)
        }
    }
}

faces! {
    /// The sizes of `x` as an i32 vector. In a trace with named dimensions its values are known when the graph is bound;
    /// `x.shape()` gives the dimensions themselves.
    ///
    /// Source: `tf.shape`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::shape(&tf::zeros([2, 3])).to_vec::<i32>().unwrap(), [2, 3]);
    /// ```
    pub fn shape_value / try_shape_value(x: &Tensor) = sizes(x);
    /// The number of elements of `x` as an i32 scalar.
    ///
    /// Source: `tf.size`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::size(&tf::zeros([2, 3])).item::<i32>().unwrap(), 6);
    /// ```
    pub fn size / try_size(x: &Tensor) = elements(x.shape().clone());
    /// The rank of `x` as an i32 scalar; `x.rank()` gives the number.
    ///
    /// Source: `tf.rank`.
    pub fn rank_value / try_rank_value(x: &Tensor) =
        crate::device::place_new(Scalar::Int(x.rank() as i128).tensor(DType::I32));
}

/// The sizes of `x` as an i32 vector: [`shape_value`] under TensorFlow's name.
#[track_caller]
pub fn shape(x: &crate::Tensor) -> crate::Tensor {
    shape_value(x)
}

/// The rank of `x` as an i32 scalar: [`rank_value`] under TensorFlow's name.
#[track_caller]
pub fn rank(x: &crate::Tensor) -> crate::Tensor {
    rank_value(x)
}
