use super::gather::with_index;
use crate::cpu::sort::{Unique, unique as kernel};
use crate::dim::Dim;
use crate::door::try_apply;
use crate::dtype::DType;
use crate::op::{
    Attrs, Class, Cpu, Effect, Exact, Fault, Gpu, Grad, Infer, Made, Metas, OpDef, Tf, View, err, floats, ok,
    sig,
};
use crate::shape::{Meta, Shape};
use crate::tensor::{Tensor, faces};
use crate::with_store;
use smallvec::smallvec;

/// The distinct elements of a vector.
pub static UNIQUE: OpDef = OpDef {
    name: "unique",
    tf: &[Tf::same("UniqueWithCounts"), Tf::differs("Unique", "without the counts")],
    sig: sig!(x: _ any; out_idx: DType),
    effect: Effect::Pure,
    infer,
    cpu: Cpu::Dynamic(run),
    gpu: Gpu::CpuOnly("how many there are is only known when the elements are read"),
    grad: Grad::None("which elements are distinct is not a smooth function"),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        vec![
            ok([floats([5], &[3.0, 1.0, 3.0, 2.0, 1.0])]).attr("out_idx", DType::I32),
            ok([floats([0], &[])]).attr("out_idx", DType::I64),
            err([floats([2, 1], &[1.0, 2.0])], "x must be a vector").attr("out_idx", DType::I32),
            err([floats([1], &[1.0])], "positions are i32 or i64").attr("out_idx", DType::F32),
        ]
    },
};

fn infer(x: &Infer<'_>) -> Result<Metas, Fault> {
    let dtype = x.attrs.dtype("out_idx");
    if x.shape(0).rank() != 1 {
        return Err(Fault::new("x must be a vector").numbers(format!("rank {}", x.shape(0).rank())));
    }
    if !Class::Index.has(dtype) {
        return Err(Fault::new(format!("positions are i32 or i64, not {dtype}")));
    }
    let many = Shape::from([Dim::symbol(super::RUN_TIME_DIM)]);
    Ok(smallvec![
        Meta { dtype: x.dtype(0), shape: many.clone() },
        Meta { dtype, shape: x.shape(0).clone() },
        Meta { dtype, shape: many },
    ])
}

fn run(x: &[View<'_>], attrs: &Attrs) -> Result<Vec<Made>, Fault> {
    let x = &x[0];
    with_index!(attrs.dtype("out_idx"), I => with_store!(x.dtype, T => {
        let Unique { values, places, counts } = kernel::<T, I>(x.cast());
        let n = [values.len()];
        Ok(vec![Made::new(&values, &n), Made::new(&places, x.shape), Made::new(&counts, &n)])
    }))
}

faces! {
    /// The distinct elements of a vector in the order of their first occurrence, and for each element its place among
    /// them, as i32.
    ///
    /// Source: `tf.unique`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let (values, places) = tf::constant([7, 5, 7]).unique();
    /// assert_eq!(values.to_vec::<i32>().unwrap(), [7, 5]);
    /// assert_eq!(places.to_vec::<i32>().unwrap(), [0, 1, 0]);
    /// ```
    pub fn unique / try_unique(x: &Tensor) -> (Tensor, Tensor) = {
        let (values, places, _) = try_unique_with_counts(x, DType::I32)?;
        Ok((values, places))
    };
    /// [`unique`](crate::unique) and how often each distinct element occurs; positions and counts are `out_idx`.
    ///
    /// Source: `tf.unique_with_counts`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let (_, _, counts) = tf::constant([7, 5, 7]).unique_with_counts(tf::DType::I32);
    /// assert_eq!(counts.to_vec::<i32>().unwrap(), [2, 1]);
    /// ```
    pub fn unique_with_counts / try_unique_with_counts(x: &Tensor, out_idx: DType) -> (Tensor, Tensor, Tensor) = {
        let y = try_apply(&UNIQUE, &[x], Attrs::new().with("out_idx", out_idx))?;
        Ok((y[0].clone(), y[1].clone(), y[2].clone()))
    };
}
