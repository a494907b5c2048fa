use super::segment_sum::{infer, run, samples};
use crate::cpu::reduce::Prod;
use crate::door::apply1;
use crate::op::Backward;
use crate::op::{Attrs, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, sig};
use crate::tensor::{Tensor, faces};
use smallvec::smallvec;

/// The products of runs of slices with the same id.
pub static SEGMENT_PROD: OpDef = OpDef {
    name: "segment_prod",
    tf: &[Tf::same("SegmentProd")],
    sig: sig!(data: _ number, segment_ids: _ index),
    effect: Effect::MayFail,
    infer,
    cpu: Cpu::Dynamic(|x, _| crate::dtype::with_store_of_numbers!(x[0].dtype, T => run::<Prod, T>(x))),
    gpu: Gpu::CpuOnly("the number of segments is only known when the ids are read"),
    grad: Grad::Rule(|g| smallvec![g.needs(0).then(|| others(g)), None]),
    exact: Exact::Relative(1e-5),
    composed: None,
    samples,
};

/// For each element the product of the others of its segment, times the cotangent. A segment with one zero gives a
/// cotangent to that zero only, one with more to none.
fn others(g: &Backward<'_>) -> Tensor {
    let (x, ids) = (g.x(), g.input(1));
    let (ones, zeros) = (super::ones_like(x), super::zeros_like(x));
    let zero = super::equal(x, &zeros);
    let zeros_in = super::select(&zero, &ones, &zeros).segment_sum(ids);
    let dy = super::select(&super::greater(&zeros_in, 1), super::zeros_like(g.y()), g.dy());
    let rest = super::select(&zero, &ones, x);
    let of_rest = rest.segment_prod(ids);
    let others = super::select(&zero, of_rest.gather(ids, 0), g.y().gather(ids, 0) / rest);
    dy.gather(ids, 0) * others
}

faces! {
    /// The products of the runs of slices of `data` with the same id. Ids must not decrease; an id that is left out gives one.
    ///
    /// Source: `tf.math.segment_prod`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let y = tf::constant([1.0, 2.0, 3.0]).segment_prod(&tf::constant([0, 0, 2]));
    /// assert_eq!(y.to_vec::<f32>().unwrap(), [2.0, 1.0, 3.0]);
    /// ```
    pub fn segment_prod / try_segment_prod(data: &Tensor, segment_ids: &Tensor) =
        apply1(&SEGMENT_PROD, &[data, segment_ids], Attrs::new());
}
