use crate::door::apply1;
use crate::op::{Attrs, Cpu, Effect, Exact, Fault, Gpu, Grad, OpDef, Tf, err, floats, ok, sig};
use crate::shape::Shape;
use crate::tensor::{NewShape, faces};

/// The same elements in another shape.
pub static RESHAPE: OpDef = OpDef {
    name: "reshape",
    tf: &[Tf::differs("Reshape", "the shape is an input there")],
    sig: sig!(x: _ any; shape: Shape),
    effect: Effect::Pure,
    infer: |x| {
        let (from, to) = (x.shape(0).elements(), x.attrs.shape("shape").elements());
        match from.may_equal(to) {
            true => x.one(x.dtype(0), x.attrs.shape("shape").clone()),
            false => Err(Fault::new(format!(
                "cannot become {}: the number of elements differs",
                x.attrs.shape("shape")
            ))
            .numbers(format!("{from} ≠ {to}"))),
        }
    },
    cpu: Cpu::View,
    gpu: Gpu::View,
    grad: Grad::Rule(|g| g.one(g.dy().reshape(g.x().shape()))),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        vec![
            ok([floats([2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])]).attr("shape", Shape::from([3, 2])),
            ok([floats([1, 1], &[7.0])]).attr("shape", Shape::scalar()),
            ok([floats([0, 3], &[])]).attr("shape", Shape::from([3, 0])),
            err([floats([2, 3], &[0.0; 6])], "6 ≠ 4").attr("shape", Shape::from([4])),
        ]
    },
};

faces! {
    /// The elements of `x` in row-major order in another shape; one size may be `-1`, "what is left".
    ///
    /// Sizes may be dimensions of other tensors (`x.shape()[0]`), symbols included. Source: `tf.reshape`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let x = tf::constant([[1, 2, 3], [4, 5, 6]]);
    /// assert_eq!(x.reshape([3, -1]).shape().to_vec(), [3, 2]);
    /// ```
    pub fn reshape / try_reshape(x: &Tensor, shape: impl Into<NewShape>) = {
        let shape = shape.into().of_product("reshape", x.shape().elements())?;
        apply1(&RESHAPE, &[x], Attrs::new().with("shape", shape))
    };
}
