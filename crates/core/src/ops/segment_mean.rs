use super::segment_sum::{infer, run, samples};
use crate::cpu::reduce::Mean;
use crate::door::apply1;
use smallvec::smallvec;

use crate::op::{Attrs, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, sig};
use crate::tensor::{Tensor, faces};

/// The means of runs of slices with the same id.
pub static SEGMENT_MEAN: OpDef = OpDef {
    name: "segment_mean",
    tf: &[Tf::same("SegmentMean")],
    sig: sig!(data: _ number, segment_ids: _ index),
    effect: Effect::MayFail,
    infer,
    cpu: Cpu::Dynamic(|x, _| crate::dtype::with_store_of_numbers!(x[0].dtype, T => run::<Mean, T>(x))),
    gpu: Gpu::CpuOnly("the number of segments is only known when the ids are read"),
    grad: Grad::Rule(|g| {
        let ids = g.input(1);
        let many = super::cast(&super::ones_like(ids), g.x().dtype()).segment_sum(ids);
        let mut shape = crate::shape::Shape::from([many.shape()[0]]);
        (1..g.x().rank()).for_each(|_| shape.push(1));
        smallvec![g.needs(0).then(|| (g.dy() / many.reshape(shape)).gather(ids, 0)), None]
    }),
    exact: Exact::Relative(1e-5),
    composed: None,
    samples,
};

faces! {
    /// The means of the runs of slices of `data` with the same id. Ids must not decrease; an id that is left out gives zero.
    ///
    /// Source: `tf.math.segment_mean`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let y = tf::constant([1.0, 2.0, 3.0]).segment_mean(&tf::constant([0, 0, 2]));
    /// assert_eq!(y.to_vec::<f32>().unwrap(), [1.5, 0.0, 3.0]);
    /// ```
    pub fn segment_mean / try_segment_mean(data: &Tensor, segment_ids: &Tensor) =
        apply1(&SEGMENT_MEAN, &[data, segment_ids], Attrs::new());
}
