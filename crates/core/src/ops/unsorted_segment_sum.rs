use super::gather::with_index;
use crate::cpu::reduce::Sum;
use crate::cpu::segment::{SegmentOp, unsorted_segment_reduce};
use crate::dim::Dim;
use crate::door::apply1;
use crate::error::OrRaise;
use crate::op::{
    Attrs, Call, Combine, Cpu, Effect, Exact, Fault, Gpu, GpuKernel, Grad, Infer, Metas, OpDef, Sample, Tf,
    err, floats, ints, ok, sig,
};
use crate::shape::Shape;
use crate::tensor::{Tensor, faces};
use smallvec::smallvec;

/// Sums slices by segment.
pub static UNSORTED_SEGMENT_SUM: OpDef = OpDef {
    name: "unsorted_segment_sum",
    tf: &[Tf::differs("UnsortedSegmentSum", "num_segments is an input there")],
    sig: sig!(data: _ number, segment_ids: _ index; num_segments: Shape),
    effect: Effect::MayFail,
    infer,
    cpu: Cpu::Kernel(
        |call| crate::dtype::with_store_of_numbers!(call.inputs[0].dtype, T => run::<Sum, T>(call)),
    ),
    gpu: Gpu::Kernel(GpuKernel::UnsortedSegment(Combine::Add)),
    grad: Grad::Rule(|g| smallvec![g.needs(0).then(|| gather_known(&g.dy(), g.input(1))), None]),
    exact: Exact::Relative(1e-5),
    composed: None,
    samples,
};

/// Samples that suit every op over unsorted segments.
pub(crate) fn samples() -> Vec<Sample> {
    let x = || floats([4, 2], &[1.0, 2.0, 3.0, 5.0, 4.0, 0.5, 7.0, 8.0]);
    let with = |s: Sample, n: usize| s.attr("num_segments", Shape::from([n]));
    vec![
        with(ok([x(), ints([4], &[0, 2, 0, 1])]), 3),
        with(ok([x(), ints([4], &[1, -1, 0, 1])]), 2),
        with(ok([x(), ints([4, 2], &[0, 1, 2, 0, 1, 2, 0, 1])]), 3),
        with(ok([x(), ints([4], &[0, 0, 2, 2])]), 4).kink(),
        with(ok([floats([0, 2], &[]), ints([0], &[])]), 2).kink(),
        with(err([x(), ints([4], &[0, 1, 2, 3])], "segment 3 at [3]"), 3),
        with(err([x(), ints([3], &[0, 1, 2])], "must begin with the shape"), 3),
    ]
}

/// The shape rule of ops over unsorted segments: the axes of the ids become one of `num_segments`.
pub(crate) fn infer(x: &Infer<'_>) -> Result<Metas, Fault> {
    let (data, ids) = (x.shape(0), x.shape(1));
    let what = "the shape of data must begin with the shape of segment_ids";
    if ids.rank() > data.rank() {
        return Err(Fault::new(what).numbers(format!("rank {} > rank {}", ids.rank(), data.rank())));
    }
    for (d, i) in data.iter().zip(ids.iter()) {
        x.same_dim(*d, *i, what)?;
    }
    let n = x.attrs.shape("num_segments");
    if n.rank() != 1 {
        return Err(Fault::new(format!("num_segments is one number, not {n}")));
    }
    x.one(x.dtype(0), n.iter().chain(&data[ids.rank()..]).copied().collect())
}

/// The kernel of ops over unsorted segments.
pub(crate) fn run<O, T>(call: &mut Call<'_, '_>) -> Result<(), Fault>
where
    O: SegmentOp<T>,
    T: bytemuck::Pod + Send + Sync,
{
    let (data, ids, y) = (&call.inputs[0], &call.inputs[1], &mut call.outputs[0]);
    let (inner, n) = (data.shape[ids.shape.len()..].iter().product(), y.shape[0]);
    let done = with_index!(ids.dtype, I => {
        unsorted_segment_reduce::<O, T, I>(data.cast(), inner, ids.cast::<I>(), n, y.cast())
    });
    done.map_err(|bad| outside_segments(bad, ids.shape, n))
}

#[cold]
fn outside_segments(bad: crate::cpu::segment::BadIndex, shape: &[usize], n: usize) -> Fault {
    let mut rest = bad.position;
    let mut at: Vec<usize> = vec![0; shape.len()];
    for (i, d) in at.iter_mut().zip(shape).rev() {
        *i = rest % d;
        rest /= d;
    }
    Fault::new(format!("segment {} at {at:?} is not below num_segments, {n}", bad.value))
}

/// The slices of `per_segment` at `ids`; zeros where an id is negative, as such slices went nowhere.
pub(crate) fn gather_known(per_segment: &Tensor, ids: &Tensor) -> Tensor {
    let gathered = per_segment.gather(&crate::ops::maximum(ids, 0), 0);
    let mut known = ids.greater_equal(0);
    for _ in ids.rank()..gathered.rank() {
        known = known.expand_dims(-1);
    }
    crate::ops::select(&known, &gathered, crate::ops::zeros_like(&gathered))
}

/// The attributes of an op over unsorted segments.
pub(crate) fn segmented(n: Dim) -> Attrs {
    Attrs::new().with("num_segments", Shape::from([n]))
}

/// The sums of `rows` by `ids` into `n` segments, which may be a symbol.
#[track_caller]
pub(crate) fn segments(rows: &Tensor, ids: &Tensor, n: Dim) -> Tensor {
    apply1(&UNSORTED_SEGMENT_SUM, &[rows, ids], segmented(n)).or_raise()
}

faces! {
    /// The sums of the slices of `data` that have the same id; slices with a negative id are dropped, an id that is not
    /// below `num_segments` is an error.
    ///
    /// Source: `tf.math.unsorted_segment_sum`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let y = tf::constant([1, 2, 3]).unsorted_segment_sum(&tf::constant([1, 0, 1]), 2);
    /// assert_eq!(y.to_vec::<i32>().unwrap(), [2, 4]);
    /// ```
    pub fn unsorted_segment_sum / try_unsorted_segment_sum(data: &Tensor, segment_ids: &Tensor, num_segments: usize) =
        apply1(&UNSORTED_SEGMENT_SUM, &[data, segment_ids], segmented(Dim::from(num_segments)));
}
