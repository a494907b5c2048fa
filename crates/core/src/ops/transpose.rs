use crate::door::apply1;
use crate::op::{
    AffineCopy, Attrs, Copies, Cpu, Effect, Exact, Fault, Gpu, Grad, Infer, OpDef, Steps, Tf, err, floats,
    ok, sig, sizes, steps,
};
use crate::shape::Meta;
use crate::tensor::{Axes, faces};

/// Permutes the axes.
pub static TRANSPOSE: OpDef = OpDef {
    name: "transpose",
    tf: &[Tf::differs("Transpose", "perm is an input there")],
    sig: sig!(x: _ any; perm: Ints),
    effect: Effect::Pure,
    infer: |x| {
        let perm = x.attrs.ints("perm");
        let axes = perm.iter().map(|a| x.axis(0, *a)).collect::<Result<Vec<_>, Fault>>()?;
        let all = (0..x.shape(0).rank()).all(|a| axes.contains(&a));
        if !all || axes.len() != x.shape(0).rank() {
            return Err(permutation(x, perm));
        }
        x.one(x.dtype(0), axes.iter().map(|a| x.shape(0)[*a]).collect())
    },
    cpu: Cpu::Reindex(copies),
    gpu: Gpu::Reindex,
    grad: Grad::Rule(|g| {
        let perm = g.attrs().ints("perm");
        let mut inverse = vec![0i64; perm.len()];
        for (i, axis) in perm.iter().enumerate() {
            inverse[axis.rem_euclid(perm.len() as i64) as usize] = i as i64;
        }
        g.one(g.dy().transpose(inverse))
    }),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        vec![
            ok([floats([2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])]).attr("perm", vec![1, 0]),
            ok([floats([1, 2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])]).attr("perm", vec![2, 0, 1]),
            ok([floats([0, 2], &[])]).attr("perm", vec![-1, -2]),
            ok([floats([], &[1.0])]).attr("perm", vec![]),
            err([floats([2, 3], &[0.0; 6])], "perm must name each axis once").attr("perm", vec![0, 0]),
        ]
    },
};

#[cold]
fn permutation(x: &Infer<'_>, perm: &[i64]) -> Fault {
    Fault::new("perm must name each axis once").numbers(format!("perm {perm:?}, rank {}", x.shape(0).rank()))
}

fn copies(inputs: &[&Meta], attrs: &Attrs, outputs: &[Meta]) -> Copies {
    let (from, to) = (steps(&inputs[0].shape), &outputs[0].shape);
    let rank = to.rank() as i64;
    let in_steps: Steps = attrs.ints("perm").iter().map(|a| from[a.rem_euclid(rank) as usize]).collect();
    Copies::one(AffineCopy::new(sizes(to), (0, in_steps), (0, steps(to))))
}

faces! {
    /// `x` with its axes in another order: axis `i` of the result is axis `perm[i]` of `x`; `..` reverses them.
    ///
    /// Source: `tf.transpose`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let x = tf::constant([[1, 2, 3], [4, 5, 6]]);
    /// assert_eq!(x.transpose(..).to_vec::<i32>().unwrap(), [1, 4, 2, 5, 3, 6]);
    /// assert_eq!(tf::zeros([2, 3, 4]).transpose([2, 0, 1]).shape().to_vec(), [4, 2, 3]);
    /// ```
    pub fn transpose / try_transpose(x: &Tensor, perm: impl Into<Axes>) = {
        let perm: Axes = perm.into();
        let all = perm.is_all();
        let mut perm = perm.of_rank(x.rank());
        if all {
            perm.reverse();
        }
        apply1(&TRANSPOSE, &[x], Attrs::new().with("perm", perm))
    };
}
