use super::segment_sum::{infer, run, samples};
use crate::cpu::segment::SegmentMax;
use crate::door::apply1;
use crate::op::Backward;
use crate::op::{Attrs, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, sig};
use crate::tensor::{Tensor, faces};
use smallvec::smallvec;

/// The greatest elements of runs of slices with the same id.
pub static SEGMENT_MAX: OpDef = OpDef {
    name: "segment_max",
    tf: &[Tf::same("SegmentMax")],
    sig: sig!(data: _ number, segment_ids: _ index),
    effect: Effect::MayFail,
    infer,
    cpu: Cpu::Dynamic(|x, _| crate::dtype::with_store_of_numbers!(x[0].dtype, T => run::<SegmentMax, T>(x))),
    gpu: Gpu::CpuOnly("the number of segments is only known when the ids are read"),
    grad: Grad::Rule(|g| smallvec![g.needs(0).then(|| chosen(g)), None]),
    exact: Exact::Relative(1e-5),
    composed: None,
    samples,
};

/// The cotangent at the elements that equal their segment's result, shared evenly: the rule of greatest and least.
pub(crate) fn chosen(g: &Backward<'_>) -> Tensor {
    let (x, ids) = (g.x(), g.input(1));
    let among = super::equal(x, g.y().gather(ids, 0));
    let many = super::select(&among, super::ones_like(x), super::zeros_like(x)).segment_sum(ids);
    let shares = (g.dy() / many).gather(ids, 0);
    super::select(&among, &shares, super::zeros_like(&shares))
}

faces! {
    /// The greatest elements of the runs of slices of `data` with the same id. Ids must not decrease; an id that is left out gives zero.
    ///
    /// Source: `tf.math.segment_max`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let y = tf::constant([1.0, 2.0, 3.0]).segment_max(&tf::constant([0, 0, 2]));
    /// assert_eq!(y.to_vec::<f32>().unwrap(), [2.0, 0.0, 3.0]);
    /// ```
    pub fn segment_max / try_segment_max(data: &Tensor, segment_ids: &Tensor) =
        apply1(&SEGMENT_MAX, &[data, segment_ids], Attrs::new());
}
