use crate::dim::Dim;
use crate::door::try_apply;
use crate::error::{Error, Place, Result};
use crate::op::{
    AffineCopy, Attrs, Copies, Cpu, Effect, Exact, Fault, Gpu, Grad, Infer, Metas, OpDef, Tf, err, floats,
    ok, sig, sizes, steps,
};
use crate::shape::{Meta, Shape};
use crate::tensor::{Parts, Tensor, faces};

/// Cuts a tensor up along an axis.
pub static SPLIT: OpDef = OpDef {
    name: "split",
    tf: &[
        Tf::differs("SplitV", "sizes and axis are inputs there"),
        Tf::differs("Split", "a number of equal parts and the axis as first input there"),
    ],
    sig: sig!(x: _ any; sizes: Shape, axis: Int),
    effect: Effect::Pure,
    infer,
    cpu: Cpu::Reindex(copies),
    gpu: Gpu::Reindex,
    grad: Grad::Rule(|g| {
        let dys: Vec<Tensor> = (0..g.outputs()).map(|i| g.dy_at(i)).collect();
        g.one(crate::ops::concat(&dys, g.attrs().int("axis")))
    }),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        let x = || floats([2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        vec![
            ok([x()]).attr("sizes", Shape::from([1, 2])).attr("axis", 1i64),
            ok([x()]).attr("sizes", Shape::from([1, 0, 1])).attr("axis", -2i64),
            ok([floats([0, 3], &[])]).attr("sizes", Shape::from([3])).attr("axis", 1i64),
            err([x()], "3 ≠ 4").attr("sizes", Shape::from([2, 2])).attr("axis", 1i64),
            err([floats([], &[1.0])], "axis 0 is out of range")
                .attr("sizes", Shape::from([1]))
                .attr("axis", 0i64),
        ]
    },
};

fn infer(x: &Infer<'_>) -> std::result::Result<Metas, Fault> {
    let axis = x.axis(0, x.attrs.int("axis"))?;
    let parts = x.attrs.shape("sizes");
    let total = parts.iter().fold(Dim::from(0), |n, d| n + *d);
    x.same_dim(x.shape(0)[axis], total, &format!("the sizes do not add up to axis {axis}"))?;
    if parts.is_empty() {
        return Err(Fault::new("there must be at least one part"));
    }
    let part = |d: &Dim| {
        let mut shape = x.shape(0).clone();
        shape.dims_mut()[axis] = *d;
        Meta { dtype: x.dtype(0), shape }
    };
    Ok(parts.iter().map(part).collect())
}

fn copies(inputs: &[&Meta], attrs: &Attrs, outputs: &[Meta]) -> Copies {
    let from = steps(&inputs[0].shape);
    let axis = inputs[0].shape.axis(attrs.int("axis")).unwrap_or_default();
    let mut at = 0;
    Copies::all(outputs.iter().enumerate().map(|(k, y)| {
        let sizes = sizes(&y.shape);
        let start = at * from[axis];
        at += sizes[axis] as isize;
        AffineCopy::new(sizes, (start, from.clone()), (0, steps(&y.shape))).output(k)
    }))
}

#[track_caller]
fn part_sizes(x: &Tensor, parts: Parts, axis: i64) -> Result<Shape> {
    // A wrong axis is the shape rule's to refuse.
    let total = x.shape().axis(axis).map_or(Dim::from(0), |a| x.shape()[a]);
    let n = match parts {
        Parts::Sizes(sizes) => return sizes.of_sum("split", total),
        Parts::Number(n) => n,
    };
    let each = match total.size() {
        Some(size) if n > 0 && size % n == 0 => Dim::from(size / n),
        None if n > 0 => total.floor_div(Dim::from(n)),
        _ => {
            let text = format!("axis {axis} cannot be cut into {n} equal parts: x is {}", x.meta());
            return Err(Error::invalid("split", text).at(Place::caller()));
        }
    };
    Ok(std::iter::repeat_n(each, n).collect())
}

faces! {
    /// The pieces of `x` along `axis`: a number of equal parts, or parts of given sizes, of which one may be `-1`.
    ///
    /// Source: `tf.split`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let x = tf::constant([1, 2, 3, 4]);
    /// assert_eq!(x.split(2, 0)[1].to_vec::<i32>().unwrap(), [3, 4]);
    /// assert_eq!(x.split([1, -1], 0)[1].to_vec::<i32>().unwrap(), [2, 3, 4]);
    /// ```
    pub fn split / try_split(x: &Tensor, parts: impl Into<Parts>, axis: i64) -> Vec<Tensor> = {
        let sizes = part_sizes(x, parts.into(), axis)?;
        Ok(try_apply(&SPLIT, &[x], Attrs::new().with("sizes", sizes).with("axis", axis))?.into_vec())
    };
}
