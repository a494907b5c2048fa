use crate::door::apply1;
use crate::op::{Attrs, Cpu, Effect, Exact, Fault, Gpu, Grad, OpDef, Tf, err, floats, ok, sig};
use crate::tensor::{Axes, faces};

/// Removes axes of size 1.
pub static SQUEEZE: OpDef = OpDef {
    name: "squeeze",
    tf: &[Tf::differs("Squeeze", "the attribute is `squeeze_dims`, and empty for all there")],
    sig: sig!(x: _ any; axes: Ints),
    effect: Effect::Pure,
    infer: |x| {
        let axes = x.axes(0, x.attrs.ints("axes"))?;
        if let Some(axis) = axes.iter().find(|a| x.shape(0)[**a].size().is_some_and(|n| n != 1)) {
            return Err(Fault::new(format!("axis {axis} cannot go away: its size is not 1"))
                .numbers(format!("{} ≠ 1", x.shape(0)[*axis])));
        }
        let kept = x.shape(0).iter().enumerate().filter(|(i, _)| !axes.contains(i)).map(|(_, d)| *d);
        x.one(x.dtype(0), kept.collect())
    },
    cpu: Cpu::View,
    gpu: Gpu::View,
    grad: Grad::Rule(|g| g.one(g.dy().reshape(g.x().shape()))),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        vec![
            ok([floats([1, 3, 1], &[1.0, 2.0, 3.0])]).attr("axes", vec![0, 2]),
            ok([floats([1, 2, 1], &[1.0, 2.0])]).attr("axes", vec![-1]),
            ok([floats([], &[1.0])]).attr("axes", vec![]),
            ok([floats([0, 1], &[])]).attr("axes", vec![1]),
            err([floats([2, 1], &[1.0, 2.0])], "2 ≠ 1").attr("axes", vec![0]),
        ]
    },
};

faces! {
    /// `x` without these axes of size 1; `..` removes every axis whose size is known to be 1.
    ///
    /// Source: `tf.squeeze`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let x = tf::zeros([1, 3, 1, 2]);
    /// assert_eq!(x.squeeze(..).shape().to_vec(), [3, 2]);
    /// assert_eq!(x.squeeze(0).shape().to_vec(), [3, 1, 2]);
    /// ```
    pub fn squeeze / try_squeeze(x: &Tensor, axes: impl Into<Axes>) = {
        let axes: Axes = axes.into();
        let one = |a: &i64| x.shape()[*a as usize] == 1;
        let axes: Vec<i64> = match axes.is_all() {
            true => axes.of_rank(x.rank()).into_iter().filter(one).collect(),
            false => axes.of_rank(x.rank()).into_iter().collect(),
        };
        apply1(&SQUEEZE, &[x], Attrs::new().with("axes", axes))
    };
}
