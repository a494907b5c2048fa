use super::stack::part_steps;
use crate::door::try_apply;
use crate::op::{
    AffineCopy, Attrs, Copies, Cpu, Effect, Exact, Fault, Gpu, Grad, Infer, Metas, OpDef, Tf, err, floats,
    ok, sig, sizes, steps,
};
use crate::shape::Meta;
use crate::tensor::{Tensor, faces};
use smallvec::SmallVec;

/// Takes a tensor apart along an axis.
pub static UNSTACK: OpDef = OpDef {
    name: "unstack",
    tf: &[Tf::differs("Unpack", "the number of outputs is an attribute there")],
    sig: sig!(x: _ any; axis: Int),
    effect: Effect::Pure,
    infer,
    cpu: Cpu::Reindex(copies),
    gpu: Gpu::Reindex,
    grad: Grad::Rule(|g| {
        let dys: Vec<Tensor> = (0..g.outputs()).map(|i| g.dy_at(i)).collect();
        match dys.is_empty() {
            true => g.one(crate::ops::zeros_like(g.x())),
            false => g.one(crate::ops::stack(&dys, g.attrs().int("axis"))),
        }
    }),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        let x = || floats([2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        vec![
            ok([x()]).attr("axis", 1i64),
            ok([x()]).attr("axis", -1i64),
            ok([floats([0, 2], &[])]).attr("axis", 1i64),
            err([floats([], &[1.0])], "axis 0 is out of range").attr("axis", 0i64),
        ]
    },
};

fn infer(x: &Infer<'_>) -> Result<Metas, Fault> {
    let axis = x.axis(0, x.attrs.int("axis"))?;
    let mut shape = x.shape(0).clone();
    let dim = shape.remove(axis);
    match dim.size() {
        Some(n) => Ok(SmallVec::from_elem(Meta { dtype: x.dtype(0), shape }, n)),
        None => Err(Fault::new(format!("the number of parts is not known while tracing: it is `{dim}`"))
            .hint("take rows in a loop, or trace with exact shapes")),
    }
}

fn copies(inputs: &[&Meta], attrs: &Attrs, outputs: &[Meta]) -> Copies {
    let (from, step) = part_steps(inputs[0], attrs.int("axis"));
    Copies::all(outputs.iter().enumerate().map(|(i, y)| {
        AffineCopy::new(sizes(&y.shape), (i as isize * step, from.clone()), (0, steps(&y.shape))).output(i)
    }))
}

faces! {
    /// The parts of `x` along `axis`, without that axis; its size must be known.
    ///
    /// Source: `tf.unstack`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let rows = tf::constant([[1, 2], [3, 4]]).unstack(0);
    /// assert_eq!(rows[1].to_vec::<i32>().unwrap(), [3, 4]);
    /// ```
    pub fn unstack / try_unstack(x: &Tensor, axis: i64) -> Vec<Tensor> =
        Ok(try_apply(&UNSTACK, &[x], Attrs::new().with("axis", axis))?.into_vec());
}
