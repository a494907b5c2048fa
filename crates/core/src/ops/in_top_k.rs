use super::gather::with_index;
use crate::cpu::sort::in_top_k as kernel;
use crate::door::apply1;
use crate::dtype::DType;
use crate::op::{
    Attrs, Cpu, Effect, Exact, Fault, Gpu, GpuKernel, Grad, Infer, Metas, OpDef, Tf, err, floats, ints, ok,
    sig,
};
use crate::tensor::{Tensor, free_faces};

/// Whether a target is among the greatest predictions.
pub static IN_TOP_K: OpDef = OpDef {
    name: "in_top_k",
    tf: &[Tf::differs("InTopKV2", "k is an input there")],
    sig: sig!(predictions: _ float, targets: _ index; k: Int),
    effect: Effect::Pure,
    infer,
    cpu: Cpu::Kernel(|call| {
        let (x, targets, y) = (&call.inputs[0], &call.inputs[1], &mut call.outputs[0]);
        let (n, k) = (x.shape[1], call.attrs.int("k"));
        with_index!(targets.dtype, I => kernel::<I>(x.cast(), n, targets.cast(), k, y.cast()));
        Ok(())
    }),
    gpu: Gpu::Kernel(GpuKernel::InTopK),
    grad: Grad::None("truth values have no gradient"),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        let x = || floats([2, 3], &[0.1, 0.8, 0.3, 0.5, 0.2, 0.4]).of(DType::F32);
        vec![
            ok([x(), ints([2], &[2, 1])]).attr("k", 2i64),
            ok([x(), ints([2], &[1, 7])]).attr("k", 1i64),
            err([x(), ints([3], &[0, 0, 0])], "a target for each row").attr("k", 1i64),
            err([floats([1], &[1.0]).of(DType::F32), ints([1], &[0])], "predictions must be a matrix")
                .attr("k", 1i64),
        ]
    },
};

fn infer(x: &Infer<'_>) -> Result<Metas, Fault> {
    if x.dtype(0) != DType::F32 {
        return Err(
            Fault::new("predictions must be f32").hint("cast first: predictions.cast(tf::DType::F32)")
        );
    }
    if x.shape(0).rank() != 2 || x.shape(1).rank() != 1 {
        return Err(Fault::new("predictions must be a matrix and targets a vector"));
    }
    x.same_dim(x.shape(0)[0], x.shape(1)[0], "there must be a target for each row")?;
    x.one(DType::Bool, x.shape(1).clone())
}

free_faces! {
    /// Whether each row's target is among the `k` greatest of the row's predictions (f32); ties count as in.
    ///
    /// Source: `tf.math.in_top_k`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let y = tf::in_top_k(&tf::constant([1]), &tf::constant([[0.1, 0.3, 0.9]]), 2);
    /// assert!(y.slice(tf::s![0]).item::<bool>().unwrap());
    /// ```
    pub fn in_top_k / try_in_top_k(targets: &Tensor, predictions: &Tensor, k: usize) =
        apply1(&IN_TOP_K, &[predictions, targets], Attrs::new().with("k", k));
}
