use crate::cpu::sort::{Side as KernelSide, searchsorted as kernel};
use crate::door::apply1;
use crate::dtype::DType;
use crate::op::{
    Attrs, Call, Cpu, Effect, Exact, Fault, Gpu, GpuKernel, Grad, Infer, Metas, OpDef, Tf, err, floats, ok,
    sig,
};
use crate::tensor::{Tensor, free_faces};
use crate::with_store;

/// Places of values among sorted elements.
pub static SEARCHSORTED: OpDef = OpDef {
    name: "searchsorted",
    tf: &[Tf::differs("LowerBound", "for `right` false"), Tf::differs("UpperBound", "for `right` true")],
    sig: sig!(sorted_sequence: T number, values: T number; right: Bool),
    effect: Effect::Pure,
    infer,
    cpu: Cpu::Kernel(run),
    gpu: Gpu::Kernel(GpuKernel::Searchsorted),
    grad: Grad::None("positions are integers"),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        let x = || floats([2, 3], &[1.0, 3.0, 5.0, 2.0, 2.0, 4.0]);
        vec![
            ok([x(), floats([2, 2], &[3.0, 6.0, 2.0, 0.0])]).attr("right", false),
            ok([x(), floats([2, 2], &[3.0, 6.0, 2.0, 0.0])]).attr("right", true),
            ok([floats([0], &[]), floats([2], &[1.0, 2.0])]).attr("right", false),
            err([x(), floats([2], &[1.0, 2.0])], "must have the same rank").attr("right", false),
            err([x(), floats([1, 1], &[1.0])], "2 ≠ 1").attr("right", false),
        ]
    },
};

fn infer(x: &Infer<'_>) -> Result<Metas, Fault> {
    let (sorted, values) = (x.shape(0), x.shape(1));
    x.at_least_rank(0, 1, "sorted_sequence")?;
    if sorted.rank() != values.rank() {
        return Err(Fault::new("sorted_sequence and values must have the same rank"));
    }
    for (a, b) in sorted[..sorted.rank() - 1].iter().zip(values.iter()) {
        x.same_dim(*a, *b, "all axes but the last must be the same")?;
    }
    x.one(DType::I32, values.clone())
}

fn run(call: &mut Call<'_, '_>) -> Result<(), Fault> {
    let (sorted, values, y) = (&call.inputs[0], &call.inputs[1], &mut call.outputs[0]);
    let side = if call.attrs.bool("right") { KernelSide::Right } else { KernelSide::Left };
    let last = values.shape.len() - 1;
    let (n, m) = (sorted.shape[last], values.shape[last]);
    with_store!(sorted.dtype, T => kernel::<T, i32>(sorted.cast(), n, values.cast(), m, side, y.cast()));
    Ok(())
}

/// Which of equal elements a search stops at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Before the first that is not less.
    Left,
    /// After the last that is not greater.
    Right,
}

free_faces! {
    /// For each value of a row its place among the row's sorted elements, as i32.
    ///
    /// Source: `tf.searchsorted`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let y = tf::searchsorted(&tf::constant([1, 3, 5]), &tf::constant([3, 9]), tf::Side::Left);
    /// assert_eq!(y.to_vec::<i32>().unwrap(), [1, 3]);
    /// ```
    pub fn searchsorted / try_searchsorted(sorted_sequence: &Tensor, values: &Tensor, side: Side) =
        apply1(&SEARCHSORTED, &[sorted_sequence, values], Attrs::new().with("right", side == Side::Right));
}
