use crate::door::apply1;
use crate::op::{
    AffineCopy, Attrs, Copies, Cpu, Effect, Exact, Fault, Gpu, Grad, OpDef, Tf, err, floats, ok, sig,
};
use crate::shape::{Meta, Shape};
use crate::tensor::faces;
use smallvec::SmallVec;

/// Repeats elements to a larger shape.
pub static BROADCAST_TO: OpDef = OpDef {
    name: "broadcast_to",
    tf: &[Tf::differs("BroadcastTo", "the shape is an input there")],
    sig: sig!(x: _ any; shape: Shape),
    effect: Effect::Pure,
    infer: |x| {
        let shape = x.attrs.shape("shape");
        match x.shape(0).broadcast(shape) {
            Some(out)
                if out.rank() == shape.rank()
                    && out.iter().zip(shape.iter()).all(|(a, b)| a.may_equal(*b)) =>
            {
                x.one(x.dtype(0), shape.clone())
            }
            _ => Err(Fault::new(format!("cannot be broadcast to {shape}"))),
        }
    },
    cpu: Cpu::Reindex(copies),
    gpu: Gpu::Reindex,
    grad: Grad::Rule(|g| g.one(g.unbroadcast(0, &g.dy()))),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        vec![
            ok([floats([3, 1], &[1.0, 2.0, 3.0])]).attr("shape", Shape::from([2, 3, 2])),
            ok([floats([], &[7.0])]).attr("shape", Shape::from([2, 0])),
            ok([floats([], &[7.0])]).attr("shape", Shape::scalar()),
            err([floats([2], &[1.0, 2.0])], "cannot be broadcast to [3]").attr("shape", Shape::from([3])),
        ]
    },
};

fn copies(inputs: &[&Meta], _attrs: &Attrs, outputs: &[Meta]) -> Copies {
    let (from, to) = (&inputs[0].shape, &outputs[0].shape);
    let skip = to.rank() - from.rank();
    let mut in_strides: SmallVec<[isize; 6]> = SmallVec::from_elem(0, to.rank());
    for (i, (d, s)) in from.iter().zip(from.strides()).enumerate() {
        in_strides[skip + i] = if *d == 1 { 0 } else { s as isize };
    }
    let copy = AffineCopy {
        input: 0,
        output: 0,
        shape: to.sizes().unwrap_or_default(),
        in_offset: 0,
        in_strides,
        out_offset: 0,
        out_strides: to.strides().iter().map(|s| *s as isize).collect(),
    };
    Copies { fill: None, copies: vec![copy] }
}

faces! {
    /// Repeats the elements of `x` to `shape`, by NumPy's broadcasting rule. The gradient sums the copies.
    ///
    /// Source: `tf.broadcast_to`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let y = tf::constant([1, 2]).broadcast_to([2, 2]);
    /// assert_eq!(y.to_vec::<i32>().unwrap(), [1, 2, 1, 2]);
    /// ```
    pub fn broadcast_to / try_broadcast_to(x: &Tensor, shape: impl Into<Shape>) =
        apply1(&BROADCAST_TO, &[x], Attrs::new().with("shape", shape.into()));
}
