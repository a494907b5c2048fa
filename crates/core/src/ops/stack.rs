use super::concat::refs;
use crate::dim::Dim;
use crate::door::apply1;
use crate::op::{
    AffineCopy, Attrs, Copies, Cpu, Effect, Exact, Fault, Gpu, Grad, Infer, Metas, OpDef, Steps, Tf, err,
    floats, ok, sig, sizes, steps,
};
use crate::shape::Meta;
use crate::tensor::{Tensor, free_faces};
use std::borrow::Borrow;

/// Puts tensors side by side along a new axis.
pub static STACK: OpDef = OpDef {
    name: "stack",
    tf: &[Tf::same("Pack")],
    sig: sig!(values: T any ..; axis: Int),
    effect: Effect::Pure,
    infer,
    cpu: Cpu::Reindex(copies),
    gpu: Gpu::Reindex,
    grad: Grad::Rule(|g| g.dy().unstack(g.attrs().int("axis")).into_iter().map(Some).collect()),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        let a = || floats([2], &[1.0, 2.0]);
        vec![
            ok([a(), floats([2], &[3.0, 4.0])]).attr("axis", 0i64),
            ok([a(), floats([2], &[3.0, 4.0]), a()]).attr("axis", -1i64),
            ok([floats([], &[1.0]), floats([], &[2.0])]).attr("axis", 0i64),
            ok([floats([0], &[]), floats([0], &[])]).attr("axis", 1i64),
            err([a(), floats([3], &[0.0; 3])], "all values must have the same shape").attr("axis", 0i64),
            err([a()], "axis 2 is out of range").attr("axis", 2i64),
        ]
    },
};

fn infer(x: &Infer<'_>) -> Result<Metas, Fault> {
    let (mut shape, axis) = (x.shape(0).clone(), x.attrs.int("axis"));
    let rank = shape.rank() as i64;
    if axis < -rank - 1 || axis > rank {
        return Err(Fault::new(format!("axis {axis} is out of range for rank {rank}"))
            .hint(format!("the new axis goes from {} to {rank}", -rank - 1)));
    }
    for i in 1..x.inputs.len() {
        let what = "all values must have the same shape";
        if x.shape(i).rank() != shape.rank() {
            return Err(Fault::new(what).numbers(format!("{shape} ≠ {}", x.shape(i))));
        }
        for (d, o) in shape.dims_mut().iter_mut().zip(x.shape(i).iter()) {
            *d = x.same_dim(*d, *o, what)?;
        }
    }
    shape.insert(if axis < 0 { axis + rank + 1 } else { axis } as usize, Dim::from(x.inputs.len()));
    x.one(x.dtype(0), shape)
}

/// The steps of a stacked tensor for a loop over one of its parts, and the step from part to part.
pub(crate) fn part_steps(stacked: &Meta, axis: i64) -> (Steps, isize) {
    let mut steps = steps(&stacked.shape);
    let axis = stacked.shape.axis(axis).unwrap_or_default();
    let step = steps.remove(axis);
    (steps, step)
}

fn copies(inputs: &[&Meta], attrs: &Attrs, outputs: &[Meta]) -> Copies {
    let (out, step) = part_steps(&outputs[0], attrs.int("axis"));
    Copies::all(inputs.iter().enumerate().map(|(i, x)| {
        AffineCopy::new(sizes(&x.shape), (0, steps(&x.shape)), (i as isize * step, out.clone())).input(i)
    }))
}

free_faces! {
    /// Tensors of one shape side by side along a new axis at position `axis`.
    ///
    /// Source: `tf.stack`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let (a, b) = (tf::constant([1, 2]), tf::constant([3, 4]));
    /// assert_eq!(tf::stack(&[a, b], 1).to_vec::<i32>().unwrap(), [1, 3, 2, 4]);
    /// ```
    pub fn stack / try_stack(values: &[impl Borrow<Tensor>], axis: i64) =
        apply1(&STACK, &refs(values), Attrs::new().with("axis", axis));
}
