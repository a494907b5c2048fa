use crate::dim::Dim;
use crate::door::apply1;
use crate::op::{
    AffineCopy, Attrs, Copies, Cpu, Effect, Exact, Fault, Gpu, Grad, Infer, Metas, OpDef, Tf, err, floats,
    ok, sig, sizes, steps,
};
use crate::shape::{Meta, Shape};
use crate::tensor::{Tensor, free_faces};
use std::borrow::Borrow;

/// Joins tensors along an axis.
pub static CONCAT: OpDef = OpDef {
    name: "concat",
    tf: &[Tf::differs("ConcatV2", "the axis is the last input there")],
    sig: sig!(values: T any ..; axis: Int),
    effect: Effect::Pure,
    infer,
    cpu: Cpu::Reindex(copies),
    gpu: Gpu::Reindex,
    grad: Grad::Rule(|g| {
        let axis = g.attrs().int("axis");
        let at = g.x().shape().axis(axis).unwrap_or_default();
        let parts: Vec<Dim> = g.inputs().iter().map(|x| x.shape()[at]).collect();
        g.dy().split(parts, axis).into_iter().map(Some).collect()
    }),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        let (a, b) = (floats([1, 2], &[1.0, 2.0]), floats([2, 2], &[3.0, 4.0, 5.0, 6.0]));
        vec![
            ok([a.clone(), b.clone()]).attr("axis", 0i64),
            ok([b.clone(), floats([2, 0], &[]), b.clone()]).attr("axis", -1i64),
            ok([a.clone()]).attr("axis", 1i64),
            err([a.clone(), b], "sizes of axis 0 differ").attr("axis", 1i64),
            err([a, floats([2], &[1.0, 2.0])], "must have the same rank").attr("axis", 0i64),
            err([floats([], &[1.0])], "axis 0 is out of range").attr("axis", 0i64),
        ]
    },
};

fn infer(x: &Infer<'_>) -> Result<Metas, Fault> {
    let axis = x.axis(0, x.attrs.int("axis"))?;
    let mut shape: Shape = x.shape(0).clone();
    for i in 1..x.inputs.len() {
        let other = x.shape(i);
        if other.rank() != shape.rank() {
            return Err(Fault::new("all values must have the same rank").numbers(format!(
                "{} ≠ {}",
                shape.rank(),
                other.rank()
            )));
        }
        for (at, (d, o)) in shape.dims_mut().iter_mut().zip(other.iter()).enumerate() {
            *d = if at == axis {
                *d + *o
            } else {
                x.same_dim(*d, *o, &format!("the sizes of axis {at} differ"))?
            };
        }
    }
    x.one(x.dtype(0), shape)
}

fn copies(inputs: &[&Meta], attrs: &Attrs, outputs: &[Meta]) -> Copies {
    let out = steps(&outputs[0].shape);
    let axis = outputs[0].shape.axis(attrs.int("axis")).unwrap_or_default();
    let mut at = 0;
    Copies::all(inputs.iter().enumerate().map(|(i, x)| {
        let sizes = sizes(&x.shape);
        let start = at * out[axis];
        at += sizes[axis] as isize;
        AffineCopy::new(sizes, (0, steps(&x.shape)), (start, out.clone())).input(i)
    }))
}

/// References to the tensors of a list.
pub(crate) fn refs<T: Borrow<Tensor>>(values: &[T]) -> Vec<&Tensor> {
    values.iter().map(Borrow::borrow).collect()
}

free_faces! {
    /// Joins tensors along `axis`; all other sizes are equal. The gradient cuts it up again.
    ///
    /// Source: `tf.concat`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let (a, b) = (tf::constant([1, 2]), tf::constant([3]));
    /// assert_eq!(tf::concat(&[a, b], 0).to_vec::<i32>().unwrap(), [1, 2, 3]);
    /// ```
    pub fn concat / try_concat(values: &[impl Borrow<Tensor>], axis: i64) =
        apply1(&CONCAT, &refs(values), Attrs::new().with("axis", axis));
}
