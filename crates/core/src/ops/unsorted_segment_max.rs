use super::unsorted_segment_sum::{gather_known, infer, run, samples, segmented, segments};
use crate::cpu::segment::SegmentMax;
use crate::dim::Dim;
use crate::door::apply1;
use crate::op::Backward;
use crate::op::{Combine, Cpu, Effect, Exact, Gpu, GpuKernel, Grad, OpDef, Tf, sig};
use crate::tensor::Tensor;
use crate::tensor::faces;
use smallvec::smallvec;

/// The greatest elements of slices by segment.
pub static UNSORTED_SEGMENT_MAX: OpDef = OpDef {
    name: "unsorted_segment_max",
    tf: &[Tf::differs("UnsortedSegmentMax", "num_segments is an input there")],
    sig: sig!(data: _ number, segment_ids: _ index; num_segments: Shape),
    effect: Effect::MayFail,
    infer,
    cpu: Cpu::Kernel(
        |call| crate::dtype::with_store_of_numbers!(call.inputs[0].dtype, T => run::<SegmentMax, T>(call)),
    ),
    gpu: Gpu::Kernel(GpuKernel::UnsortedSegment(Combine::Max)),
    grad: Grad::Rule(|g| smallvec![g.needs(0).then(|| chosen(g)), None]),
    exact: Exact::Bits,
    composed: None,
    samples,
};

/// The cotangent at the elements that equal their segment's result, shared evenly: the rule of greatest and least.
pub(crate) fn chosen(g: &Backward<'_>) -> Tensor {
    let ids = g.input(1);
    let among = super::equal(g.x(), gather_known(g.y(), ids));
    let counted = super::select(&among, super::ones_like(g.x()), super::zeros_like(g.x()));
    let n = g.y().shape()[0];
    let many = segments(&counted, ids, n);
    let shares = gather_known(&(g.dy() / many), ids);
    super::select(&among, &shares, super::zeros_like(&shares))
}

faces! {
    /// The greatest elements of the slices of `data` that have the same id; slices with a negative id are dropped, an id that is not
    /// below `num_segments` is an error. An empty segment gives the lowest number of the dtype.
    ///
    /// Source: `tf.math.unsorted_segment_max`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let y = tf::constant([1, 2, 3]).unsorted_segment_max(&tf::constant([1, 0, 1]), 2);
    /// assert_eq!(y.to_vec::<i32>().unwrap(), [2, 3]);
    /// ```
    pub fn unsorted_segment_max / try_unsorted_segment_max(data: &Tensor, segment_ids: &Tensor, num_segments: usize) =
        apply1(&UNSORTED_SEGMENT_MAX, &[data, segment_ids], segmented(Dim::from(num_segments)));
}
