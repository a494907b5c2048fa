use crate::cpu::reduce::{Extents, Sum, reduce};
use crate::door::apply1;
use crate::op::{Attrs, Call, Cpu, Effect, Exact, Fault, Gpu, GpuKernel, Grad, OpDef, err, floats, ok, sig};
use crate::shape::Shape;
use crate::tensor::faces;
use crate::with_store;
use smallvec::SmallVec;

/// Sums a tensor down to a shape that broadcasts to its own.
pub static SUM_TO_SHAPE: OpDef = OpDef {
    name: "sum_to_shape",
    tf: &[],
    sig: sig!(x: _ number; shape: Shape),
    effect: Effect::Pure,
    infer: |x| {
        let shape = x.attrs.shape("shape");
        match shape.broadcast(x.shape(0)) {
            Some(all)
                if all.rank() == x.shape(0).rank()
                    && all.iter().zip(x.shape(0).iter()).all(|(a, b)| a.may_equal(*b)) =>
            {
                x.one(x.dtype(0), shape.clone())
            }
            _ => Err(Fault::new(format!("cannot be summed down to {shape}"))),
        }
    },
    cpu: Cpu::Kernel(kernel),
    gpu: Gpu::Kernel(GpuKernel::SumTo),
    grad: Grad::Rule(|g| g.one(g.dy().broadcast_to(g.x().shape()))),
    exact: Exact::Relative(1e-5),
    composed: None,
    samples: || {
        vec![
            ok([floats([2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])]).attr("shape", Shape::from([3])),
            ok([floats([2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])]).attr("shape", Shape::from([2, 1])),
            ok([floats([2, 2], &[1.0, 2.0, 3.0, 4.0])]).attr("shape", Shape::scalar()),
            err([floats([2], &[1.0, 2.0])], "cannot be summed down to [3]").attr("shape", Shape::from([3])),
        ]
    },
};

fn kernel(call: &mut Call<'_, '_>) -> Result<(), Fault> {
    let (x, y) = (&call.inputs[0], &mut call.outputs[0]);
    let skip = x.shape.len() - y.shape.len();
    let summed = |i: &usize| *i < skip || (y.shape[*i - skip] == 1 && x.shape[*i] != 1);
    let axes: SmallVec<[usize; 6]> = (0..x.shape.len()).filter(summed).collect();
    let extents = Extents::new(x.shape, &axes);
    with_store!(x.dtype, T => reduce::<Sum, T>(&extents, x.cast::<T>(), y.cast::<T>()));
    Ok(())
}

faces! {
    /// Sums `x` over the axes along which `shape` was broadcast to reach `x`'s shape: the reverse of
    /// [`broadcast_to`](super::broadcast_to()), and its gradient.
    ///
    /// Source: the reduction in TensorFlow's gradients of broadcasting ops (`SumGrad`, `BroadcastGradientArgs`).
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let y = tf::constant([[1, 2], [3, 4]]).sum_to_shape([2]);
    /// assert_eq!(y.to_vec::<i32>().unwrap(), [4, 6]);
    /// ```
    pub fn sum_to_shape / try_sum_to_shape(x: &Tensor, shape: impl Into<Shape>) =
        apply1(&SUM_TO_SHAPE, &[x], Attrs::new().with("shape", shape.into()));
}
