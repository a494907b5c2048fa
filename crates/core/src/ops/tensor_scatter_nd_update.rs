use super::scatter_nd::{combine, infer_into};
use crate::cpu::segment::ScatterOp;
use crate::door::apply1;
use crate::op::{
    Attrs, Call, Combine, Cpu, Effect, Exact, Gpu, GpuKernel, Grad, OpDef, Tf, err, floats, ints, ok, sig,
};
use smallvec::smallvec;

use crate::tensor::{Tensor, faces};

/// A tensor with updates put in place; of several the last stays at index vectors.
pub static TENSOR_SCATTER_ND_UPDATE: OpDef = OpDef {
    name: "tensor_scatter_nd_update",
    tf: &[Tf::same("TensorScatterUpdate")],
    sig: sig!(x: T number, indices: _ index, updates: T number),
    effect: Effect::MayFail,
    infer: infer_into,
    cpu: Cpu::Kernel(|call: &mut Call<'_, '_>| {
        call.outputs[0].bytes.copy_from_slice(call.inputs[0].bytes);
        combine(ScatterOp::Update, &call.inputs[1], &call.inputs[2], &mut call.outputs[0])
    }),
    gpu: Gpu::Kernel(GpuKernel::TensorScatterNd(Combine::Update)),
    grad: Grad::Rule(|g| {
        smallvec![
            g.needs(0).then(|| g.dy().tensor_scatter_nd_update(g.input(1), &super::zeros_like(g.input(2)))),
            None,
            g.needs(2).then(|| g.dy().gather_nd(g.input(1))),
        ]
    }),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        let x = || floats([3], &[1.0, 2.0, 3.0]);
        vec![
            ok([x(), ints([2, 1], &[2, 0]), floats([2], &[9.5, -1.5])]),
            ok([x(), ints([3, 1], &[1, 1, 0]), floats([3], &[4.0, 6.0, 5.0])]).kink(),
            ok([x(), ints([0, 1], &[]), floats([0], &[])]),
            err([x(), ints([1, 1], &[3]), floats([1], &[1.0])], "index 3 at [0, 0]"),
            err([x(), ints([1, 1], &[0]), floats([2], &[1.0, 1.0])], "updates must have the shape"),
        ]
    },
};

faces! {
    /// `x` with `updates` at index vectors put in place; of several the last stays. The last axis of `indices` holds positions along the first axes; one
    /// outside is an error.
    ///
    /// Source: `tf.tensor_scatter_nd_update`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let (at, by) = (tf::constant([[0], [0]]), tf::constant([2, 4]));
    /// assert_eq!(tf::constant([1, 10]).tensor_scatter_nd_update(&at, &by).to_vec::<i32>().unwrap(), [4, 10]);
    /// ```
    pub fn tensor_scatter_nd_update / try_tensor_scatter_nd_update(x: &Tensor, indices: &Tensor, updates: &Tensor) =
        apply1(&TENSOR_SCATTER_ND_UPDATE, &[x, indices, updates], Attrs::new());
}
