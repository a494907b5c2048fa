use crate::cpu::sort::{Direction as Order, argsort as kernel};
use crate::door::apply1;
use crate::dtype::DType;
use crate::op::{Attrs, Cpu, Effect, Exact, Gpu, GpuKernel, Grad, OpDef, err, floats, ok, sig};
use crate::tensor::{Tensor, faces};
use crate::with_store;

/// The positions that sort the last axis.
pub static ARGSORT: OpDef = OpDef {
    name: "argsort",
    tf: &[],
    sig: sig!(x: _ number; descending: Bool),
    effect: Effect::Pure,
    infer: |x| {
        x.at_least_rank(0, 1, "x")?;
        x.one(DType::I32, x.shape(0).clone())
    },
    cpu: Cpu::Kernel(|call| {
        let order = if call.attrs.bool("descending") { Order::Descending } else { Order::Ascending };
        let (x, y) = (&call.inputs[0], &mut call.outputs[0]);
        let n = x.shape[x.shape.len() - 1];
        with_store!(x.dtype, T => kernel::<T, i32>(x.cast(), n, order, y.cast()));
        Ok(())
    }),
    gpu: Gpu::Kernel(GpuKernel::Argsort),
    grad: Grad::None("positions are integers"),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        let x = || floats([2, 3], &[3.0, 1.0, 2.0, 1.0, 5.0, 1.0]);
        vec![
            ok([x()]).attr("descending", false),
            ok([x()]).attr("descending", true),
            ok([floats([0], &[])]).attr("descending", false),
            err([floats([], &[1.0])], "x must have at least rank 1").attr("descending", false),
        ]
    },
};

/// Which way elements are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Least first, NaN last.
    Ascending,
    /// Greatest first, NaN before it.
    Descending,
}

/// `x` with `axis` as its last axis (the way there is its own way back), the positions that sort it, both in that order.
#[track_caller]
fn sorted(x: &Tensor, axis: i64, direction: Direction) -> crate::Result<(Tensor, Tensor, Vec<i64>)> {
    let Some(at) = x.shape().axis(axis) else {
        let text = format!("axis {axis} is out of range: x is {}", x.meta());
        return Err(crate::Error::invalid("sort", text).at(crate::Place::caller()));
    };
    let mut perm: Vec<i64> = (0..x.rank() as i64).collect();
    perm.swap(at, x.rank() - 1);
    let x = if at + 1 == x.rank() { x.clone() } else { x.try_transpose(&perm[..])? };
    let attrs = Attrs::new().with("descending", direction == Direction::Descending);
    let places = apply1(&ARGSORT, &[&x], attrs)?;
    Ok((x, places, perm))
}

#[track_caller]
fn restore(y: &Tensor, perm: &[i64]) -> crate::Result<Tensor> {
    if perm.is_sorted() { Ok(y.clone()) } else { y.try_transpose(perm) }
}

faces! {
    /// The positions of the elements along `axis` in sorted order, as i32; equal elements keep their order.
    ///
    /// Source: `tf.argsort`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let y = tf::constant([3, 1, 2]).argsort(-1, tf::Direction::Ascending);
    /// assert_eq!(y.to_vec::<i32>().unwrap(), [1, 2, 0]);
    /// ```
    pub fn argsort / try_argsort(x: &Tensor, axis: i64, direction: Direction) = {
        let (_, places, perm) = sorted(x, axis, direction)?;
        restore(&places, &perm)
    };
    /// The elements along `axis` in sorted order. The gradient goes back to where each came from.
    ///
    /// Source: `tf.sort`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let y = tf::constant([3, 1, 2]).sort(-1, tf::Direction::Descending);
    /// assert_eq!(y.to_vec::<i32>().unwrap(), [3, 2, 1]);
    /// ```
    pub fn sort / try_sort(x: &Tensor, axis: i64, direction: Direction) = {
        let (x, places, perm) = sorted(x, axis, direction)?;
        restore(&x.try_gather_batched(&places, -1, x.rank() - 1)?, &perm)
    };
}
