use super::gather::{outside, with_index};
use crate::cpu::segment::gather_nd as kernel;
use crate::dim::Dim;
use crate::door::apply1;
use crate::op::{
    Attrs, Call, Cpu, Effect, Exact, Fault, Gpu, GpuKernel, Grad, Infer, Metas, OpDef, Tf, err, floats, ints,
    ok, sig,
};
use crate::shape::Shape;
use crate::tensor::{Tensor, faces};
use smallvec::smallvec;

/// Takes slices at index vectors.
pub static GATHER_ND: OpDef = OpDef {
    name: "gather_nd",
    tf: &[Tf::same("GatherNd")],
    sig: sig!(params: _ any, indices: _ index),
    effect: Effect::MayFail,
    infer,
    cpu: Cpu::Kernel(run),
    gpu: Gpu::Kernel(GpuKernel::GatherNd),
    grad: Grad::Rule(|g| {
        smallvec![g.needs(0).then(|| crate::ops::scatter_nd(g.input(1), &g.dy(), g.x().shape())), None]
    }),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        let x = || floats([2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        vec![
            ok([x(), ints([3, 2], &[0, 2, 1, 0, 0, 2])]),
            ok([x(), ints([1, 2, 1], &[1, 1])]),
            ok([x(), ints([2, 0], &[])]),
            ok([x(), ints([0, 2], &[])]),
            err([x(), ints([1, 2], &[0, 3])], "index 3 at [0, 1]"),
            err([x(), ints([1, 3], &[0, 0, 0])], "longer than the rank"),
            err([x(), ints([], &[0])], "indices must have at least rank 1"),
        ]
    },
};

/// The length of the index vectors, which must be known and at most the rank of what they point into.
pub(crate) fn depth(x: &Infer<'_>, indices: usize, into: &Shape) -> Result<usize, Fault> {
    x.at_least_rank(indices, 1, "indices")?;
    match x.shape(indices).last().and_then(|d| d.size()) {
        None => Err(Fault::new("the length of the index vectors must be known")),
        Some(depth) if depth > into.rank() => Err(Fault::new("index vectors are longer than the rank")
            .numbers(format!("{depth} > {}", into.rank()))),
        Some(depth) => Ok(depth),
    }
}

fn infer(x: &Infer<'_>) -> Result<Metas, Fault> {
    let (params, indices) = (x.shape(0), x.shape(1));
    let depth = depth(x, 1, params)?;
    x.one(x.dtype(0), indices[..indices.rank() - 1].iter().chain(&params[depth..]).copied().collect())
}

fn run(call: &mut Call<'_, '_>) -> Result<(), Fault> {
    let (params, indices, y) = (&call.inputs[0], &call.inputs[1], &mut call.outputs[0]);
    let (last, rows) = indices.shape.split_last().map_or((0, &[] as &[usize]), |(l, r)| (*l, r));
    let (dims, inner) = params.shape.split_at(last);
    let (m, inner) = (rows.iter().product(), inner.iter().product());
    let done = with_index!(indices.dtype, I => match y.dtype.size() {
        1 => kernel::<u8, I>(params.cast(), indices.cast(), 1, m, dims, inner, y.cast()),
        2 => kernel::<u16, I>(params.cast(), indices.cast(), 1, m, dims, inner, y.cast()),
        4 => kernel::<u32, I>(params.cast(), indices.cast(), 1, m, dims, inner, y.cast()),
        _ => kernel::<u64, I>(params.cast(), indices.cast(), 1, m, dims, inner, y.cast()),
    });
    done.map_err(|bad| outside(bad, indices.shape, bad.position % last, dims[bad.position % last]))
}

faces! {
    /// The slices of `params` at index vectors: the last axis of `indices` holds positions along the first axes of
    /// `params`. A position outside is an error.
    ///
    /// Source: `tf.gather_nd`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let x = tf::constant([[1, 2], [3, 4]]);
    /// assert_eq!(x.gather_nd(&tf::constant([[1, 0], [0, 1]])).to_vec::<i32>().unwrap(), [3, 2]);
    /// ```
    pub fn gather_nd / try_gather_nd(params: &Tensor, indices: &Tensor) =
        apply1(&GATHER_ND, &[params, &super::gather::small_index(indices)?], Attrs::new());
    /// [`gather_nd`](crate::gather_nd) where the first `batch_dims` axes of both go together.
    ///
    /// Source: `tf.gather_nd` with `batch_dims`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let x = tf::constant([[1, 2], [3, 4]]);
    /// assert_eq!(x.gather_nd_batched(&tf::constant([[1], [0]]), 1).to_vec::<i32>().unwrap(), [2, 3]);
    /// ```
    pub fn gather_nd_batched / try_gather_nd_batched(params: &Tensor, indices: &Tensor, batch_dims: usize) = {
        if batch_dims >= indices.rank() || batch_dims > params.rank() {
            let text = format!("batch_dims {batch_dims} is too large: params is {}, indices is {}", params.meta(), indices.meta());
            return Err(crate::Error::invalid("gather_nd", text).at(crate::Place::caller()));
        }
        let product = |dims: &[Dim]| dims.iter().fold(Dim::from(1), |n, d| n * *d);
        let (shape, at) = (params.shape(), indices.shape());
        let (batch, depth) = (product(&at[..batch_dims]), at[at.rank() - 1]);
        let m = product(&at[batch_dims..at.rank() - 1]);
        let flat: Vec<Dim> = [batch].iter().chain(&shape[batch_dims..]).copied().collect();
        let rows = super::try_positions(batch, indices.dtype())?;
        let rows = super::reduction::beside(indices, rows).try_reshape([batch, 1.into(), 1.into()])?;
        let rows = rows.try_broadcast_to([batch, m, 1.into()])?;
        let full = super::try_concat(&[rows, indices.try_reshape([batch, m, depth])?], -1)?;
        let y = params.try_reshape(flat)?.try_gather_nd(&full)?;
        let inner = shape[batch_dims..].iter().skip(depth.size().unwrap_or(0)).copied();
        y.try_reshape(at[..at.rank() - 1].iter().copied().chain(inner).collect::<Vec<_>>())
    };
}
