use crate::door::apply1;
use crate::op::{
    AffineCopy, Attrs, Copies, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, err, floats, ok, rule, sig, sizes,
    steps,
};
use crate::shape::Meta;
use crate::tensor::{Axes, faces};

/// Turns axes round.
pub static REVERSE: OpDef = OpDef {
    name: "reverse",
    tf: &[Tf::differs("ReverseV2", "the axes are an input there")],
    sig: sig!(x: _ any; axes: Ints),
    effect: Effect::Pure,
    infer: |x| {
        x.axes(0, x.attrs.ints("axes"))?;
        rule::same_as_first(x)
    },
    cpu: Cpu::Reindex(copies),
    gpu: Gpu::Reindex,
    grad: Grad::Rule(|g| g.one(g.dy().reverse(g.attrs().ints("axes")))),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        let x = || floats([2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        vec![
            ok([x()]).attr("axes", vec![0, -1]),
            ok([x()]).attr("axes", vec![1]),
            ok([floats([0, 2], &[])]).attr("axes", vec![0]),
            ok([floats([], &[1.0])]).attr("axes", vec![]),
            err([x()], "given twice").attr("axes", vec![1, -1]),
            err([x()], "axis 2 is out of range").attr("axes", vec![2]),
        ]
    },
};

fn copies(inputs: &[&Meta], attrs: &Attrs, _outputs: &[Meta]) -> Copies {
    let shape = &inputs[0].shape;
    let (mut start, mut from) = (0, steps(shape));
    for axis in attrs.ints("axes").iter().filter_map(|a| shape.axis(*a)) {
        start += (shape[axis].size().unwrap_or(1) as isize - 1) * from[axis];
        from[axis] = -from[axis];
    }
    Copies::one(AffineCopy::new(sizes(shape), (start, from), (0, steps(shape))))
}

faces! {
    /// `x` with the order of its elements turned round along these axes.
    ///
    /// Source: `tf.reverse`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([1, 2, 3]).reverse(0).to_vec::<i32>().unwrap(), [3, 2, 1]);
    /// ```
    pub fn reverse / try_reverse(x: &Tensor, axes: impl Into<Axes>) = {
        let axes: Axes = axes.into();
        apply1(&REVERSE, &[x], Attrs::new().with("axes", axes.of_rank(x.rank())))
    };
}
