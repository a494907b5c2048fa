use super::reduction::elements_as;
use crate::cpu::segment::{BadIndex, GatherShape, gather as kernel};
use crate::dim::Dim;
use crate::door::apply1;
use crate::dtype::DType;
use crate::op::{
    Attrs, Backward, Call, Cpu, Effect, Exact, Fault, Gpu, GpuKernel, Grad, Infer, Metas, OpDef, Tf, err,
    floats, ints, ok, sig,
};
use crate::shape::Shape;
use crate::tensor::{Tensor, faces};
use smallvec::smallvec;

/// Takes slices at positions along an axis.
pub static GATHER: OpDef = OpDef {
    name: "gather",
    tf: &[Tf::differs("GatherV2", "the axis is an input there")],
    sig: sig!(params: _ any, indices: _ index; axis: Int, batch_dims: Int),
    effect: Effect::MayFail,
    infer,
    cpu: Cpu::Kernel(run),
    gpu: Gpu::Kernel(GpuKernel::Gather),
    grad: Grad::Rule(|g| smallvec![g.needs(0).then(|| back(g)), None]),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        let x = || floats([3, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        vec![
            ok([x(), ints([4], &[2, 0, 2, 1])]).attr("axis", 0i64).attr("batch_dims", 0i64),
            ok([x(), ints([1, 2], &[1, 1])]).attr("axis", -1i64).attr("batch_dims", 0i64),
            ok([x(), ints([3, 1], &[1, 0, 1])]).attr("axis", 1i64).attr("batch_dims", 1i64),
            ok([x(), ints([], &[1])]).attr("axis", 0i64).attr("batch_dims", 0i64),
            ok([x(), ints([0], &[])]).attr("axis", 0i64).attr("batch_dims", 0i64),
            err([x(), ints([2], &[0, 3])], "index 3 at [1]").attr("axis", 0i64).attr("batch_dims", 0i64),
            err([x(), ints([1], &[0])], "axis 2 is out of range").attr("axis", 2i64).attr("batch_dims", 0i64),
            err([x(), ints([2, 1], &[0, 0])], "3 ≠ 2").attr("axis", 1i64).attr("batch_dims", 1i64),
        ]
    },
};

fn infer(x: &Infer<'_>) -> Result<Metas, Fault> {
    let (params, indices) = (x.shape(0), x.shape(1));
    let axis = x.axis(0, x.attrs.int("axis"))?;
    let batch = x.attrs.int("batch_dims");
    if batch < 0 || batch as usize > axis || batch as usize > indices.rank() {
        return Err(Fault::new("batch_dims must be at most the axis and the rank of indices")
            .numbers(format!("batch_dims {batch}, axis {axis}, rank {}", indices.rank())));
    }
    let batch = batch as usize;
    for i in 0..batch {
        x.same_dim(params[i], indices[i], &format!("the sizes of batch axis {i} differ"))?;
    }
    x.one(
        x.dtype(0),
        params[..axis].iter().chain(&indices[batch..]).chain(&params[axis + 1..]).copied().collect(),
    )
}

/// Runs a block with a type alias for the type of an index tensor.
macro_rules! with_index {
    ($dtype:expr, $t:ident => $body:expr) => {
        if $dtype == $crate::DType::I32 {
            type $t = i32;
            $body
        } else {
            type $t = i64;
            $body
        }
    };
}
pub(crate) use with_index;

/// The fault of an index outside its axis.
#[cold]
pub(crate) fn outside(bad: BadIndex, shape: &[usize], axis: usize, size: usize) -> Fault {
    let mut rest = bad.position;
    let mut at: Vec<usize> = vec![0; shape.len()];
    for (i, d) in at.iter_mut().zip(shape).rev() {
        *i = rest % d;
        rest /= d;
    }
    Fault::new(format!("index {} at {at:?} of the indices is outside axis {axis} of size {size}", bad.value))
}

fn run(call: &mut Call<'_, '_>) -> Result<(), Fault> {
    let (params, indices, y) = (&call.inputs[0], &call.inputs[1], &mut call.outputs[0]);
    let batch = call.attrs.int("batch_dims") as usize;
    let axis = call.attrs.int("axis").rem_euclid(params.shape.len() as i64) as usize;
    let size = |dims: &[usize]| dims.iter().product::<usize>();
    let shape = GatherShape {
        batch: size(&params.shape[..batch]),
        outer: size(&params.shape[batch..axis]),
        n: params.shape[axis],
        inner: size(&params.shape[axis + 1..]),
        m: size(&indices.shape[batch..]),
    };
    let done = with_index!(indices.dtype, I => match y.dtype.size() {
        1 => kernel::<u8, I>(params.cast(), indices.cast(), shape, y.cast()),
        2 => kernel::<u16, I>(params.cast(), indices.cast(), shape, y.cast()),
        4 => kernel::<u32, I>(params.cast(), indices.cast(), shape, y.cast()),
        _ => kernel::<u64, I>(params.cast(), indices.cast(), shape, y.cast()),
    });
    done.map_err(|bad| outside(bad, indices.shape, axis, shape.n))
}

fn product(dims: &[Dim]) -> Dim {
    dims.iter().fold(Dim::from(1), |n, d| n * *d)
}

/// The cotangents summed at the rows they came from.
fn back(g: &Backward<'_>) -> Tensor {
    gather_back(
        &g.dy(),
        g.input(1),
        g.x().shape(),
        g.attrs().int("axis"),
        g.attrs().int("batch_dims") as usize,
    )
}

/// The reverse of `gather`: `dy` summed into zeros of `shape`. The gathered axis and the batch become the first axis of
/// a sum over segments.
pub(crate) fn gather_back(dy: &Tensor, indices: &Tensor, shape: &Shape, axis: i64, batch: usize) -> Tensor {
    let axis = shape.axis(axis).unwrap_or_default();
    let (n, count) = (shape[axis], indices.rank() - batch);
    let (batches, outer) = (product(&shape[..batch]), product(&shape[batch..axis]));
    let (inner, m) = (product(&shape[axis + 1..]), product(&indices.shape()[batch..]));
    debug_assert_eq!(dy.rank(), shape.rank() - 1 + count);
    // [batch, outer, m, inner] to [batch·m, outer·inner]
    let rows =
        dy.reshape([batches, outer, m, inner]).transpose([0, 2, 1, 3]).reshape([batches * m, outer * inner]);
    let ids = match batch {
        0 => indices.reshape([m]),
        _ => {
            let size = elements_as(indices, &[n].into());
            let first = crate::ops::positions(batches, indices.dtype());
            let first = super::reduction::beside(indices, first) * size;
            (indices.reshape([batches, m]) + first.expand_dims(1)).reshape([batches * m])
        }
    };
    let sums = super::unsorted_segment_sum::segments(&rows, &ids, batches * n);
    sums.reshape([batches, n, outer, inner]).transpose([0, 2, 1, 3]).reshape(shape)
}

faces! {
    /// The slices of `params` at `indices` along `axis`: the axis is replaced by the axes of `indices`. A position outside
    /// is an error. The gradient sums what came from one place.
    ///
    /// Source: `tf.gather`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let x = tf::constant([[1, 2], [3, 4], [5, 6]]);
    /// let y = x.gather(&tf::constant([2, 0]), 0);
    /// assert_eq!(y.to_vec::<i32>().unwrap(), [5, 6, 1, 2]);
    /// ```
    pub fn gather / try_gather(params: &Tensor, indices: &Tensor, axis: i64) = try_gather_batched(params, indices, axis, 0);
    /// [`gather`](crate::gather) where the first `batch_dims` axes of both go together.
    ///
    /// Source: `tf.gather` with `batch_dims`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let x = tf::constant([[1, 2], [3, 4]]);
    /// let y = x.gather_batched(&tf::constant([1, 0]), 1, 1);
    /// assert_eq!(y.to_vec::<i32>().unwrap(), [2, 3]);
    /// ```
    pub fn gather_batched / try_gather_batched(params: &Tensor, indices: &Tensor, axis: i64, batch_dims: usize) = {
        let indices = small_index(indices)?;
        apply1(&GATHER, &[params, &indices], Attrs::new().with("axis", axis).with("batch_dims", batch_dims))
    };
}

/// Indices of a small integer type as i32; others as they are.
#[track_caller]
pub(crate) fn small_index(indices: &Tensor) -> crate::Result<Tensor> {
    match indices.dtype() {
        DType::U8 | DType::I8 | DType::I16 | DType::U16 => indices.try_cast(DType::I32),
        _ => Ok(indices.clone()),
    }
}
