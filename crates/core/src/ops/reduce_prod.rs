use super::reduction::{extents, keep, reducing};
use crate::cpu::reduce::{Prod, reduce};
use crate::door::apply1;
use crate::op::{Backward, Cpu, Effect, Exact, Gpu, Grad, OpDef, ReduceKind, Tf, err, floats, ok, rule, sig};
use crate::shape::Shape;
use crate::tensor::{Axes, Tensor, faces};
use crate::with_store;

/// Products over axes.
pub static REDUCE_PROD: OpDef = OpDef {
    name: "reduce_prod",
    tf: &[Tf::differs("Prod", "the axes are an input there")],
    sig: sig!(x: _ number; axes: Ints, keepdims: Bool),
    effect: Effect::Pure,
    infer: rule::reduce,
    cpu: Cpu::Kernel(|call| {
        let extents = extents(call);
        let (x, y) = (&call.inputs[0], &mut call.outputs[0]);
        with_store!(x.dtype, T => reduce::<Prod, T>(&extents, x.cast::<T>(), y.cast::<T>()));
        Ok(())
    }),
    gpu: Gpu::Reduce(ReduceKind::Prod),
    grad: Grad::Rule(|g| g.one(keep(g, &g.dy()) * others(g))),
    exact: Exact::Relative(1e-5),
    composed: None,
    samples: || {
        let x = || floats([2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        vec![
            ok([x()]).attr("axes", vec![0]).attr("keepdims", false),
            ok([floats([2, 2, 2], &[1.0, 2.0, 0.5, 4.0, 3.0, 2.0, 1.0, 0.25])])
                .attr("axes", vec![0, 2])
                .attr("keepdims", true),
            ok([floats([3], &[0.0, 2.0, 3.0])]).attr("axes", vec![-1]).attr("keepdims", false).kink(),
            ok([floats([], &[2.0])]).attr("axes", vec![]).attr("keepdims", false),
            ok([floats([0, 2], &[])]).attr("axes", vec![0]).attr("keepdims", false),
            err([x()], "axis 2 is out of range").attr("axes", vec![2]).attr("keepdims", false),
        ]
    },
};

/// For each element the product of all others of its line: a product of those before and those after, which is right
/// with zeros where a quotient is not.
fn others(g: &Backward<'_>) -> Tensor {
    let x = g.x();
    let reduced: Vec<usize> = g.attrs().ints("axes").iter().filter_map(|a| x.shape().axis(*a)).collect();
    let kept = (0..x.rank()).filter(|a| !reduced.contains(a));
    let perm: Vec<i64> = reduced.iter().copied().chain(kept).map(|a| a as i64).collect();
    let mut inverse = vec![0i64; perm.len()];
    for (i, axis) in perm.iter().enumerate() {
        inverse[*axis as usize] = i as i64;
    }
    let front = x.transpose(perm);
    let (lines, width) = front.shape().split_at(reduced.len());
    let size = |dims: &[crate::Dim]| dims.iter().copied().collect::<Shape>().elements();
    let flat = front.reshape([size(lines), size(width)]);
    let before = flat.cumprod(0, true, false);
    let after = flat.cumprod(0, true, true);
    (before * after).reshape(front.shape()).transpose(inverse)
}

faces! {
    /// The product over `axes` (`..` for all); with `keepdims` they stay as size 1. Integers wrap; of nothing it is 1.
    ///
    /// The gradient is right where elements are zero. Source: `tf.reduce_prod`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([[1, 2], [3, 4]]).reduce_prod(0, false).to_vec::<i32>().unwrap(), [3, 8]);
    /// ```
    pub fn reduce_prod / try_reduce_prod(x: &Tensor, axes: impl Into<Axes>, keepdims: bool) =
        apply1(&REDUCE_PROD, &[x], reducing(x, axes, keepdims));
}
