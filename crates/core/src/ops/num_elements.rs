use crate::door::apply1;
use crate::dtype::{DType, Element};
use crate::error::{OrRaise, Result};
use crate::op::{Attrs, Cpu, Effect, Exact, Fault, Gpu, Grad, OpDef, err, ok, sig};
use crate::shape::Shape;
use crate::tensor::{Scalar, Tensor, faces};

/// The number of elements of a shape as a value: how named dimensions enter arithmetic.
pub static NUM_ELEMENTS: OpDef = OpDef {
    name: "num_elements",
    tf: &[],
    sig: sig!(; shape: Shape, dtype: DType),
    effect: Effect::Pure,
    infer: |x| match x.attrs.dtype("dtype") {
        DType::Bool => Err(Fault::new("a number of elements is a number, not bool")),
        dtype => x.one(dtype, Shape::scalar()),
    },
    cpu: Cpu::Kernel(|call| {
        // The graph is bound by now: the sizes are numbers.
        let n = call.attrs.shape("shape").num_elements();
        let y = &mut call.outputs[0];
        crate::with_element!(y.dtype, T => y.slice::<T>()[0] = T::from_f64(n as f64).store());
        Ok(())
    }),
    gpu: Gpu::CpuOnly("the host knows the sizes; it is one number"),
    grad: Grad::None("a size does not depend on the elements"),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        vec![
            ok([]).attr("shape", Shape::from([3, 4])).attr("dtype", DType::F32),
            ok([]).attr("shape", Shape::scalar()).attr("dtype", DType::I32),
            ok([]).attr("shape", Shape::from([3, 0])).attr("dtype", DType::I64),
            err([], "is a number").attr("shape", Shape::scalar()).attr("dtype", DType::Bool),
        ]
    },
};

/// The number of elements of `shape`, which may hold symbols.
#[track_caller]
pub(crate) fn num_elements(shape: &Shape, dtype: DType) -> Tensor {
    apply1(&NUM_ELEMENTS, &[], Attrs::new().with("shape", shape).with("dtype", dtype)).or_raise()
}

/// The number of elements of `shape` as an i32 scalar: a constant, or a node if it holds symbols.
#[track_caller]
pub(crate) fn elements(shape: Shape) -> Result<Tensor> {
    match shape.elements().size() {
        Some(n) => crate::device::place_new(Scalar::Int(n as i128).tensor(DType::I32)),
        None => apply1(&NUM_ELEMENTS, &[], Attrs::new().with("shape", shape).with("dtype", DType::I32)),
    }
}

faces! {
    /// The size of one axis of `x` as an i32 scalar, for arithmetic with dimensions that a trace knows by name only.
    ///
    /// Source: `tf.shape(x)[axis]`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::zeros([2, 3]).dim_value(-1).item::<i32>().unwrap(), 3);
    /// ```
    pub fn dim_value / try_dim_value(x: &Tensor, axis: i64) = {
        let Some(i) = x.shape().axis(axis) else {
            let text = format!("axis {axis} is out of range: x is {}", x.meta());
            return Err(crate::Error::invalid("dim_value", text).at(crate::Place::caller()));
        };
        elements([x.shape()[i]].into())
    };
}
