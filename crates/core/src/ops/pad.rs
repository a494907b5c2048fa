use crate::dim::Dim;
use crate::door::apply1;
use crate::error::{Error, Place, Result};
use crate::op::{
    AffineCopy, Attrs, Copies, Cpu, Effect, Exact, Fault, Gpu, Grad, Infer, Metas, OpDef, Tf, err, floats,
    ok, sig, sizes, steps,
};
use crate::shape::Meta;
use crate::tensor::{SliceItem, Tensor, faces};

/// Surrounds a tensor with a value.
pub static PAD: OpDef = OpDef {
    name: "pad",
    tf: &[
        Tf::differs("PadV2", "paddings and the value are inputs there"),
        Tf::differs("Pad", "paddings are an input there, and the value is 0"),
    ],
    sig: sig!(x: _ any; paddings: Ints, value: Float),
    effect: Effect::Pure,
    infer,
    cpu: Cpu::Reindex(copies),
    gpu: Gpu::Reindex,
    grad: Grad::Rule(|g| {
        let inside =
            |p: &[i64]| SliceItem::Range { begin: Some(p[0]), end: (p[1] > 0).then_some(-p[1]), step: 1 };
        let items: Vec<_> = g.attrs().ints("paddings").chunks_exact(2).map(inside).collect();
        g.one(g.dy().slice(items))
    }),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        let x = || floats([2, 2], &[1.0, 2.0, 3.0, 4.0]);
        vec![
            ok([x()]).attr("paddings", vec![1, 0, 0, 2]).attr("value", 0.0),
            ok([x()]).attr("paddings", vec![0, 0, 1, 1]).attr("value", 9.0),
            ok([floats([0], &[])]).attr("paddings", vec![1, 1]).attr("value", 0.0),
            ok([floats([], &[5.0])]).attr("paddings", vec![]).attr("value", 0.0),
            err([x()], "a pair for each axis").attr("paddings", vec![1, 1]).attr("value", 0.0),
            err([x()], "must not be negative").attr("paddings", vec![0, 0, -1, 0]).attr("value", 0.0),
        ]
    },
};

fn infer(x: &Infer<'_>) -> std::result::Result<Metas, Fault> {
    let paddings = x.attrs.ints("paddings");
    let mut shape = x.shape(0).clone();
    if paddings.len() != 2 * shape.rank() {
        return Err(Fault::new("paddings must have a pair for each axis").numbers(format!(
            "{} numbers for rank {}",
            paddings.len(),
            shape.rank()
        )));
    }
    if let Some(p) = paddings.iter().find(|p| **p < 0) {
        return Err(Fault::new("paddings must not be negative").numbers(p.to_string()));
    }
    for (d, p) in shape.dims_mut().iter_mut().zip(paddings.chunks_exact(2)) {
        *d = *d + Dim::from((p[0] + p[1]) as usize);
    }
    x.one(x.dtype(0), shape)
}

fn copies(inputs: &[&Meta], attrs: &Attrs, outputs: &[Meta]) -> Copies {
    let out = steps(&outputs[0].shape);
    let start = attrs.ints("paddings").iter().step_by(2).zip(&out).map(|(p, s)| *p as isize * s).sum();
    let from = (0, steps(&inputs[0].shape));
    Copies::into_filled(attrs.float("value"), AffineCopy::new(sizes(&inputs[0].shape), from, (start, out)))
}

/// How `pad_with` fills the border.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PadMode {
    /// With this value.
    Constant(f64),
    /// With what lies inside, mirrored at the outermost element, which is not repeated.
    Reflect,
    /// With what lies inside, mirrored at the edge, so that the outermost element is repeated.
    Symmetric,
}

faces! {
    /// `x` with zeros around it: so many before and after for each axis.
    ///
    /// Source: `tf.pad` with mode `CONSTANT`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([1, 2]).pad(&[[1, 2]]).to_vec::<i32>().unwrap(), [0, 1, 2, 0, 0]);
    /// ```
    pub fn pad / try_pad(x: &Tensor, paddings: &[[usize; 2]]) = pad_of(x, paddings, PadMode::Constant(0.0));
    /// `x` with a border of a value or of its own mirror image. The gradient of a mirrored border flows to its origin.
    ///
    /// Source: `tf.pad`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let x = tf::constant([1, 2, 3]);
    /// assert_eq!(x.pad_with(&[[2, 1]], tf::PadMode::Reflect).to_vec::<i32>().unwrap(), [3, 2, 1, 2, 3, 2]);
    /// assert_eq!(x.pad_with(&[[2, 1]], tf::PadMode::Symmetric).to_vec::<i32>().unwrap(), [2, 1, 1, 2, 3, 3]);
    /// ```
    pub fn pad_with / try_pad_with(x: &Tensor, paddings: &[[usize; 2]], mode: PadMode) = pad_of(x, paddings, mode);
}

#[track_caller]
fn pad_of(x: &Tensor, paddings: &[[usize; 2]], mode: PadMode) -> Result<Tensor> {
    let skip = match mode {
        PadMode::Constant(value) => {
            let flat: Vec<i64> = paddings.iter().flatten().map(|p| *p as i64).collect();
            return apply1(&PAD, &[x], Attrs::new().with("paddings", flat).with("value", value));
        }
        PadMode::Reflect => 1,
        PadMode::Symmetric => 0,
    };
    let fault = |text: String| Err(Error::invalid("pad_with", text).at(Place::caller()));
    if paddings.len() != x.rank() {
        return fault(format!(
            "paddings must have a pair for each axis: x is {}, paddings {paddings:?}",
            x.meta()
        ));
    }
    let mut y = x.clone();
    for (axis, [before, after]) in paddings.iter().enumerate() {
        let dim = x.shape()[axis];
        if let Some(n) = dim.size().filter(|n| *before.max(after) + skip > *n) {
            return fault(format!(
                "a mirrored border of {before} and {after} needs more than axis {axis} has ({n})"
            ));
        }
        y = mirror(&y, axis, *before as i64, *after as i64, skip as i64)?;
    }
    Ok(y)
}

#[track_caller]
fn mirror(x: &Tensor, axis: usize, before: i64, after: i64, skip: i64) -> Result<Tensor> {
    let _line = crate::door::pin();
    let back = |begin: i64, end: Option<i64>| {
        let mut items = vec![SliceItem::from(..); axis];
        items.push(SliceItem::Range { begin: Some(begin), end, step: -1 });
        x.try_slice(items)
    };
    let mut parts = vec![x.clone()];
    if before > 0 {
        // From `before - 1 + skip` back to `skip`.
        parts.insert(0, back(before - 1 + skip, (skip > 0).then_some(skip - 1))?);
    }
    if after > 0 {
        parts.push(back(-1 - skip, Some(-1 - skip - after))?);
    }
    if parts.len() == 1 { Ok(x.clone()) } else { super::try_concat(&parts, axis as i64) }
}
