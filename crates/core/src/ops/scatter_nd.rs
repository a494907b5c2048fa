use super::gather::{outside, with_index};
use super::gather_nd::depth;
use crate::cpu::segment::{ScatterElement, ScatterOp, scatter_nd as kernel};
use crate::door::apply1;
use crate::op::{
    Attrs, Call, Cpu, Effect, Exact, Fault, Gpu, GpuKernel, Grad, Infer, Metas, OpDef, Tf, View, ViewMut,
    err, floats, ints, ok, sig,
};
use crate::shape::Shape;
use crate::tensor::{Tensor, free_faces};
use smallvec::smallvec;

/// Adds slices into zeros at index vectors.
pub static SCATTER_ND: OpDef = OpDef {
    name: "scatter_nd",
    tf: &[Tf::differs("ScatterNd", "the shape is an input there")],
    sig: sig!(indices: _ index, updates: _ number; shape: Shape),
    effect: Effect::MayFail,
    infer: |x| {
        check(x, 0, 1, x.attrs.shape("shape"))?;
        x.one(x.dtype(1), x.attrs.shape("shape").clone())
    },
    cpu: Cpu::Kernel(|call: &mut Call<'_, '_>| {
        call.outputs[0].bytes.fill(0);
        combine(ScatterOp::Add, &call.inputs[0], &call.inputs[1], &mut call.outputs[0])
    }),
    gpu: Gpu::Kernel(GpuKernel::ScatterNd),
    grad: Grad::Rule(|g| smallvec![None, g.needs(1).then(|| g.dy().gather_nd(g.input(0)))]),
    exact: Exact::Relative(1e-5),
    composed: None,
    samples: || {
        let at = || ints([3, 1], &[2, 0, 2]);
        vec![
            ok([at(), floats([3], &[1.0, 2.0, 3.0])]).attr("shape", Shape::from([4])),
            ok([at(), floats([3, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])]).attr("shape", Shape::from([3, 2])),
            ok([ints([0, 1], &[]), floats([0], &[])]).attr("shape", Shape::from([2])),
            err([at(), floats([3], &[1.0, 2.0, 3.0])], "index 2 at [0, 0]").attr("shape", Shape::from([2])),
            err([at(), floats([2], &[1.0, 2.0])], "updates must have the shape")
                .attr("shape", Shape::from([4])),
        ]
    },
};

/// The updates must have the shape of what the index vectors point at.
pub(crate) fn check(x: &Infer<'_>, indices: usize, updates: usize, into: &Shape) -> Result<(), Fault> {
    let depth = depth(x, indices, into)?;
    let at = x.shape(indices);
    let wanted: Shape = at[..at.rank() - 1].iter().chain(&into[depth..]).copied().collect();
    let given = x.shape(updates);
    let same = given.rank() == wanted.rank() && given.iter().zip(wanted.iter()).all(|(a, b)| a.may_equal(*b));
    if same { Ok(()) } else { Err(Fault::new(format!("updates must have the shape {wanted}"))) }
}

/// Combines updates into what `y` holds.
pub(crate) fn combine(
    op: ScatterOp,
    indices: &View<'_>,
    updates: &View<'_>,
    y: &mut ViewMut<'_>,
) -> Result<(), Fault> {
    fn typed<T: ScatterElement + bytemuck::Pod>(
        op: ScatterOp,
        indices: &View<'_>,
        updates: &View<'_>,
        y: &mut ViewMut<'_>,
    ) -> Result<(), Fault> {
        let last = indices.shape.last().copied().unwrap_or(0);
        let shape = y.shape;
        let (dims, inner) = shape.split_at(last);
        let inner = inner.iter().product();
        let done = with_index!(indices.dtype, I => {
            kernel::<T, I>(op, indices.cast(), dims, updates.cast(), inner, y.cast())
        });
        done.map_err(|bad| outside(bad, indices.shape, bad.position % last, dims[bad.position % last]))
    }
    crate::dtype::with_store_of_numbers!(updates.dtype, T => typed::<T>(op, indices, updates, y))
}

/// The shape rule of the ops that combine updates into a tensor.
pub(crate) fn infer_into(x: &Infer<'_>) -> Result<Metas, Fault> {
    check(x, 1, 2, x.shape(0))?;
    x.one(x.dtype(0), x.shape(0).clone())
}

free_faces! {
    /// Zeros of `shape` with `updates` added at index vectors: the last axis of `indices` holds positions along the first
    /// axes. A position outside is an error.
    ///
    /// Source: `tf.scatter_nd`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let y = tf::scatter_nd(&tf::constant([[2], [0], [2]]), &tf::constant([1, 2, 3]), [3]);
    /// assert_eq!(y.to_vec::<i32>().unwrap(), [2, 0, 4]);
    /// ```
    pub fn scatter_nd / try_scatter_nd(indices: &Tensor, updates: &Tensor, shape: impl Into<Shape>) =
        apply1(&SCATTER_ND, &[indices, updates], Attrs::new().with("shape", shape.into()));
}
