use super::unsorted_segment_sum::{gather_known, infer, run, samples, segmented, segments};
use crate::cpu::reduce::Prod;
use crate::dim::Dim;
use crate::door::apply1;
use crate::error::OrRaise;
use crate::op::Backward;
use crate::op::{Combine, Cpu, Effect, Exact, Gpu, GpuKernel, Grad, OpDef, Tf, sig};
use crate::tensor::Tensor;
use crate::tensor::faces;
use smallvec::smallvec;

/// The products of slices by segment.
pub static UNSORTED_SEGMENT_PROD: OpDef = OpDef {
    name: "unsorted_segment_prod",
    tf: &[Tf::differs("UnsortedSegmentProd", "num_segments is an input there")],
    sig: sig!(data: _ number, segment_ids: _ index; num_segments: Shape),
    effect: Effect::MayFail,
    infer,
    cpu: Cpu::Kernel(
        |call| crate::dtype::with_store_of_numbers!(call.inputs[0].dtype, T => run::<Prod, T>(call)),
    ),
    gpu: Gpu::Kernel(GpuKernel::UnsortedSegment(Combine::Mul)),
    grad: Grad::Rule(|g| smallvec![g.needs(0).then(|| others(g)), None]),
    exact: Exact::Relative(1e-5),
    composed: None,
    samples,
};

/// For each element the product of the others of its segment, times the cotangent. A segment with one zero gives a
/// cotangent to that zero only, one with more to none.
fn others(g: &Backward<'_>) -> Tensor {
    let (x, ids, n) = (g.x(), g.input(1), g.y().shape()[0]);
    let (ones, zeros) = (super::ones_like(x), super::zeros_like(x));
    let zero = super::equal(x, &zeros);
    let zeros_in = segments(&super::select(&zero, &ones, &zeros), ids, n);
    let dy = super::select(&super::greater(&zeros_in, 1), super::zeros_like(g.y()), g.dy());
    let rest = super::select(&zero, &ones, x);
    let of_rest = apply1(&UNSORTED_SEGMENT_PROD, &[&rest, ids], segmented(n)).or_raise();
    let others = super::select(&zero, gather_known(&of_rest, ids), gather_known(g.y(), ids) / rest);
    gather_known(&dy, ids) * others
}

faces! {
    /// The products of the slices of `data` that have the same id; slices with a negative id are dropped, an id that is not
    /// below `num_segments` is an error. An empty segment gives one.
    ///
    /// Source: `tf.math.unsorted_segment_prod`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let y = tf::constant([1, 2, 3]).unsorted_segment_prod(&tf::constant([1, 0, 1]), 2);
    /// assert_eq!(y.to_vec::<i32>().unwrap(), [2, 3]);
    /// ```
    pub fn unsorted_segment_prod / try_unsorted_segment_prod(data: &Tensor, segment_ids: &Tensor, num_segments: usize) =
        apply1(&UNSORTED_SEGMENT_PROD, &[data, segment_ids], segmented(Dim::from(num_segments)));
}
