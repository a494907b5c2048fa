use super::segment_sum::{infer, run, samples};
use crate::cpu::segment::SegmentMin;
use crate::door::apply1;
use smallvec::smallvec;

use crate::op::{Attrs, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, sig};
use crate::tensor::{Tensor, faces};

/// The least elements of runs of slices with the same id.
pub static SEGMENT_MIN: OpDef = OpDef {
    name: "segment_min",
    tf: &[Tf::same("SegmentMin")],
    sig: sig!(data: _ number, segment_ids: _ index),
    effect: Effect::MayFail,
    infer,
    cpu: Cpu::Dynamic(|x, _| crate::dtype::with_store_of_numbers!(x[0].dtype, T => run::<SegmentMin, T>(x))),
    gpu: Gpu::CpuOnly("the number of segments is only known when the ids are read"),
    grad: Grad::Rule(|g| smallvec![g.needs(0).then(|| super::segment_max::chosen(g)), None]),
    exact: Exact::Relative(1e-5),
    composed: None,
    samples,
};

faces! {
    /// The least elements of the runs of slices of `data` with the same id. Ids must not decrease; an id that is left out gives zero.
    ///
    /// Source: `tf.math.segment_min`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let y = tf::constant([1.0, 2.0, 3.0]).segment_min(&tf::constant([0, 0, 2]));
    /// assert_eq!(y.to_vec::<f32>().unwrap(), [1.0, 0.0, 3.0]);
    /// ```
    pub fn segment_min / try_segment_min(data: &Tensor, segment_ids: &Tensor) =
        apply1(&SEGMENT_MIN, &[data, segment_ids], Attrs::new());
}
