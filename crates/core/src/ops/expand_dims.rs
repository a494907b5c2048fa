use crate::door::apply1;
use crate::op::{Attrs, Cpu, Effect, Exact, Fault, Gpu, Grad, OpDef, Tf, err, floats, ok, sig};
use crate::tensor::faces;

/// Inserts an axis of size 1.
pub static EXPAND_DIMS: OpDef = OpDef {
    name: "expand_dims",
    tf: &[Tf::differs("ExpandDims", "the axis is an input there")],
    sig: sig!(x: _ any; axis: Int),
    effect: Effect::Pure,
    infer: |x| {
        let (rank, axis) = (x.shape(0).rank() as i64, x.attrs.int("axis"));
        if axis < -rank - 1 || axis > rank {
            return Err(Fault::new(format!("axis {axis} is out of range for rank {rank}"))
                .hint(format!("the new axis goes from {} to {rank}", -rank - 1)));
        }
        let mut shape = x.shape(0).clone();
        shape.insert(if axis < 0 { axis + rank + 1 } else { axis } as usize, 1);
        x.one(x.dtype(0), shape)
    },
    cpu: Cpu::View,
    gpu: Gpu::View,
    grad: Grad::Rule(|g| g.one(g.dy().reshape(g.x().shape()))),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        vec![
            ok([floats([2, 2], &[1.0, 2.0, 3.0, 4.0])]).attr("axis", 1usize),
            ok([floats([2], &[1.0, 2.0])]).attr("axis", -1i64),
            ok([floats([], &[1.0])]).attr("axis", 0usize),
            ok([floats([0], &[])]).attr("axis", -2i64),
            err([floats([2], &[1.0, 2.0])], "axis 2 is out of range").attr("axis", 2usize),
        ]
    },
};

faces! {
    /// `x` with an axis of size 1 inserted before position `axis`; negative ones count from the back of the result.
    ///
    /// Source: `tf.expand_dims`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([1, 2]).expand_dims(-1).shape().to_vec(), [2, 1]);
    /// ```
    pub fn expand_dims / try_expand_dims(x: &Tensor, axis: i64) =
        apply1(&EXPAND_DIMS, &[x], Attrs::new().with("axis", axis));
}
