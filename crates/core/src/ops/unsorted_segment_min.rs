use super::unsorted_segment_max::chosen;
use super::unsorted_segment_sum::{infer, run, samples, segmented};
use crate::cpu::segment::SegmentMin;
use crate::dim::Dim;
use crate::door::apply1;
use crate::op::{Combine, Cpu, Effect, Exact, Gpu, GpuKernel, Grad, OpDef, Tf, sig};
use crate::tensor::{Tensor, faces};
use smallvec::smallvec;

/// The least elements of slices by segment.
pub static UNSORTED_SEGMENT_MIN: OpDef = OpDef {
    name: "unsorted_segment_min",
    tf: &[Tf::differs("UnsortedSegmentMin", "num_segments is an input there")],
    sig: sig!(data: _ number, segment_ids: _ index; num_segments: Shape),
    effect: Effect::MayFail,
    infer,
    cpu: Cpu::Kernel(
        |call| crate::dtype::with_store_of_numbers!(call.inputs[0].dtype, T => run::<SegmentMin, T>(call)),
    ),
    gpu: Gpu::Kernel(GpuKernel::UnsortedSegment(Combine::Min)),
    grad: Grad::Rule(|g| smallvec![g.needs(0).then(|| chosen(g)), None]),
    exact: Exact::Bits,
    composed: None,
    samples,
};

faces! {
    /// The least elements of the slices of `data` that have the same id; slices with a negative id are dropped, an id that is not
    /// below `num_segments` is an error. An empty segment gives the highest number of the dtype.
    ///
    /// Source: `tf.math.unsorted_segment_min`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let y = tf::constant([1, 2, 3]).unsorted_segment_min(&tf::constant([1, 0, 1]), 2);
    /// assert_eq!(y.to_vec::<i32>().unwrap(), [2, 1]);
    /// ```
    pub fn unsorted_segment_min / try_unsorted_segment_min(data: &Tensor, segment_ids: &Tensor, num_segments: usize) =
        apply1(&UNSORTED_SEGMENT_MIN, &[data, segment_ids], segmented(Dim::from(num_segments)));
}
