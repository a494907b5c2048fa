use super::gather::with_index;
use crate::cpu::reduce::Sum;
use crate::cpu::segment::{SegmentOp, segment_count, segment_reduce};
use crate::dim::Dim;
use crate::door::apply1;
use crate::op::{
    Attrs, Cpu, Effect, Exact, Fault, Gpu, Grad, Infer, Made, Metas, OpDef, Sample, Sizes, Tf, View, err,
    floats, ints, ok, sig,
};
use crate::tensor::{Tensor, faces};
use smallvec::smallvec;

/// Sums runs of slices with the same id.
pub static SEGMENT_SUM: OpDef = OpDef {
    name: "segment_sum",
    tf: &[Tf::same("SegmentSum")],
    sig: sig!(data: _ number, segment_ids: _ index),
    effect: Effect::MayFail,
    infer,
    cpu: Cpu::Dynamic(|x, _| crate::dtype::with_store_of_numbers!(x[0].dtype, T => run::<Sum, T>(x))),
    gpu: Gpu::CpuOnly("the number of segments is only known when the ids are read"),
    grad: Grad::Rule(|g| smallvec![g.needs(0).then(|| g.dy().gather(g.input(1), 0)), None]),
    exact: Exact::Relative(1e-5),
    composed: None,
    samples,
};

/// Samples that suit every op over sorted segments.
pub(crate) fn samples() -> Vec<Sample> {
    let x = || floats([4, 2], &[1.0, 2.0, 3.0, 5.0, 4.0, 0.5, 7.0, 8.0]);
    vec![
        ok([x(), ints([4], &[0, 0, 1, 2])]),
        ok([x(), ints([4], &[0, 0, 2, 2])]).kink(),
        ok([floats([0, 2], &[]), ints([0], &[])]).kink(),
        err([x(), ints([4], &[0, 1, 0, 2])], "must not decrease"),
        err([x(), ints([4], &[-1, 0, 0, 2])], "must not decrease"),
        err([x(), ints([3], &[0, 1, 2])], "an id for each slice"),
        err([x(), ints([2, 2], &[0, 0, 1, 1])], "must be a vector"),
    ]
}

/// The shape rule of ops over sorted segments: how many there are is only known from the ids.
pub(crate) fn infer(x: &Infer<'_>) -> Result<Metas, Fault> {
    let (data, ids) = (x.shape(0), x.shape(1));
    x.at_least_rank(0, 1, "data")?;
    if ids.rank() != 1 {
        return Err(Fault::new("segment_ids must be a vector").numbers(format!("rank {}", ids.rank())));
    }
    x.same_dim(data[0], ids[0], "there must be an id for each slice")?;
    let many = Dim::symbol(super::RUN_TIME_DIM);
    x.one(x.dtype(0), [many].iter().chain(&data[1..]).copied().collect())
}

/// The kernel of ops over sorted segments.
pub(crate) fn run<O, T>(x: &[View<'_>]) -> Result<Vec<Made>, Fault>
where
    O: SegmentOp<T>,
    T: bytemuck::Pod + Send + Sync,
{
    let (data, ids) = (&x[0], &x[1]);
    with_index!(ids.dtype, I => {
        let ids = ids.cast::<I>();
        let n = segment_count(ids).map_err(|bad| {
            Fault::new(format!("segment ids must not decrease, nor be negative: {} at [{}]", bad.value, bad.position))
        })?;
        let inner: usize = data.shape[1..].iter().product();
        let mut shape = Sizes::from_slice(data.shape);
        shape[0] = n;
        let mut out = Made::room::<T>(&[n, inner])?;
        segment_reduce::<O, T, I>(data.cast(), inner, ids, &mut out);
        Ok(vec![Made::new(&out, &shape)])
    })
}

faces! {
    /// The sums of the runs of slices of `data` with the same id. Ids must not decrease; an id that is left out gives zero.
    ///
    /// Source: `tf.math.segment_sum`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let y = tf::constant([1, 2, 3]).segment_sum(&tf::constant([0, 0, 2]));
    /// assert_eq!(y.to_vec::<i32>().unwrap(), [3, 0, 3]);
    /// ```
    pub fn segment_sum / try_segment_sum(data: &Tensor, segment_ids: &Tensor) =
        apply1(&SEGMENT_SUM, &[data, segment_ids], Attrs::new());
    /// The sums of the slices of `data` at `indices` by runs of the same id:
    /// [`segment_sum`](crate::segment_sum) of a [`gather`](crate::gather).
    ///
    /// Source: `tf.sparse.segment_sum`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let y = tf::constant([1, 2, 3]).sparse_segment_sum(&tf::constant([2, 0]), &tf::constant([0, 0]));
    /// assert_eq!(y.to_vec::<i32>().unwrap(), [4]);
    /// ```
    pub fn sparse_segment_sum / try_sparse_segment_sum(data: &Tensor, indices: &Tensor, segment_ids: &Tensor) =
        data.try_gather(indices, 0)?.try_segment_sum(segment_ids);
}
