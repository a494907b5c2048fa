use super::scatter_nd::{combine, infer_into};
use crate::cpu::segment::ScatterOp;
use crate::door::apply1;
use crate::op::{
    Attrs, Call, Combine, Cpu, Effect, Exact, Gpu, GpuKernel, Grad, OpDef, Tf, err, floats, ints, ok, sig,
};
use crate::op::{Backward, Grads};
use crate::tensor::Tensor;
use crate::tensor::faces;
use smallvec::smallvec;

/// A tensor with updates put in place where they are greater at index vectors.
pub static TENSOR_SCATTER_ND_MAX: OpDef = OpDef {
    name: "tensor_scatter_nd_max",
    tf: &[Tf::same("TensorScatterMax")],
    sig: sig!(x: T number, indices: _ index, updates: T number),
    effect: Effect::MayFail,
    infer: infer_into,
    cpu: Cpu::Kernel(|call: &mut Call<'_, '_>| {
        call.outputs[0].bytes.copy_from_slice(call.inputs[0].bytes);
        combine(ScatterOp::Max, &call.inputs[1], &call.inputs[2], &mut call.outputs[0])
    }),
    gpu: Gpu::Kernel(GpuKernel::TensorScatterNd(Combine::Max)),
    grad: Grad::Rule(to_the_chosen),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        let x = || floats([3], &[1.0, 2.0, 3.0]);
        vec![
            ok([x(), ints([2, 1], &[2, 0]), floats([2], &[9.5, -1.5])]),
            ok([x(), ints([3, 1], &[1, 1, 0]), floats([3], &[4.0, 6.0, 5.0])]),
            ok([x(), ints([0, 1], &[]), floats([0], &[])]),
            err([x(), ints([1, 1], &[3]), floats([1], &[1.0])], "index 3 at [0, 0]"),
            err([x(), ints([1, 1], &[0]), floats([2], &[1.0, 1.0])], "updates must have the shape"),
        ]
    },
};

/// The cotangent at what equals the result, shared evenly: the rule of greatest and least.
pub(crate) fn to_the_chosen(g: &Backward<'_>) -> Grads {
    let (x, at, updates) = (g.x(), g.input(1), g.input(2));
    let mark = |a: &Tensor, b: &Tensor| {
        super::select(&super::equal(a, b), super::ones_like(a), super::zeros_like(a))
    };
    let kept = mark(x, g.y());
    let taken = mark(updates, &g.y().gather_nd(at));
    let many = &kept + super::scatter_nd(at, &taken, x.shape());
    smallvec![
        g.needs(0).then(|| g.dy() * &kept / &many),
        None,
        g.needs(2).then(|| taken / many.gather_nd(at) * g.dy().gather_nd(at)),
    ]
}

faces! {
    /// `x` with `updates` at index vectors put in place where they are greater. The last axis of `indices` holds positions along the first axes; one
    /// outside is an error.
    ///
    /// Source: `tf.tensor_scatter_nd_max`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let (at, by) = (tf::constant([[0], [0]]), tf::constant([2, 4]));
    /// assert_eq!(tf::constant([1, 10]).tensor_scatter_nd_max(&at, &by).to_vec::<i32>().unwrap(), [4, 10]);
    /// ```
    pub fn tensor_scatter_nd_max / try_tensor_scatter_nd_max(x: &Tensor, indices: &Tensor, updates: &Tensor) =
        apply1(&TENSOR_SCATTER_ND_MAX, &[x, indices, updates], Attrs::new());
}
