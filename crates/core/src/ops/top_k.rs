use super::gather::gather_back;
use crate::cpu::sort::top_k as kernel;
use crate::dim::Dim;
use crate::door::try_apply;
use crate::dtype::DType;
use crate::op::{
    Attrs, Call, Cpu, Effect, Exact, Fault, Gpu, GpuKernel, Grad, Infer, Metas, OpDef, Tf, err, floats, ok,
    sig,
};
use crate::shape::Meta;
use crate::tensor::{Tensor, faces};
use crate::with_store;
use smallvec::smallvec;

/// The greatest elements of the last axis and their positions.
pub static TOP_K: OpDef = OpDef {
    name: "top_k",
    tf: &[Tf::differs("TopKV2", "k is an input there")],
    sig: sig!(x: _ number; k: Int),
    effect: Effect::Pure,
    infer,
    cpu: Cpu::Kernel(run),
    gpu: Gpu::Kernel(GpuKernel::TopK),
    grad: Grad::Rule(|g| {
        let rank = g.x().rank();
        g.one(gather_back(&g.dy(), g.output(1), g.x().shape(), rank as i64 - 1, rank - 1))
    }),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        let x = || floats([2, 3], &[3.0, 1.0, 2.0, 1.0, 5.0, 4.0]);
        vec![
            ok([x()]).attr("k", 2i64),
            ok([x()]).attr("k", 3i64),
            ok([floats([3], &[2.0, 1.0, 2.0])]).attr("k", 1i64).kink(),
            ok([x()]).attr("k", 0i64),
            err([x()], "4 > 3").attr("k", 4i64),
            err([x()], "k must not be negative").attr("k", -1i64),
            err([floats([], &[1.0])], "x must have at least rank 1").attr("k", 1i64),
        ]
    },
};

fn infer(x: &Infer<'_>) -> Result<Metas, Fault> {
    x.at_least_rank(0, 1, "x")?;
    let k = usize::try_from(x.attrs.int("k")).map_err(|_| Fault::new("k must not be negative"))?;
    let mut shape = x.shape(0).clone();
    let last = shape.rank() - 1;
    if let Some(n) = shape[last].size().filter(|n| k > *n) {
        return Err(Fault::new("the last axis has fewer elements than k").numbers(format!("{k} > {n}")));
    }
    shape.dims_mut()[last] = Dim::from(k);
    Ok(smallvec![Meta { dtype: x.dtype(0), shape: shape.clone() }, Meta { dtype: DType::I32, shape }])
}

fn run(call: &mut Call<'_, '_>) -> Result<(), Fault> {
    let x = &call.inputs[0];
    let (n, k) = (x.shape[x.shape.len() - 1], call.attrs.int("k") as usize);
    let [values, places] = call.outputs else { return Err(Fault::new("gives two results")) };
    with_store!(x.dtype, T => kernel::<T, i32>(x.cast(), n, k, values.cast(), places.cast())).map_err(|few| {
        Fault::new("the last axis has fewer elements than k").numbers(format!("{} > {}", few.k, few.n))
    })
}

faces! {
    /// The `k` greatest elements of each row (the last axis), greatest first, and their positions as i32; of equals the
    /// first. The gradient goes back to where each came from.
    ///
    /// Source: `tf.math.top_k`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let (values, places) = tf::constant([1, 5, 3]).top_k(2);
    /// assert_eq!(values.to_vec::<i32>().unwrap(), [5, 3]);
    /// assert_eq!(places.to_vec::<i32>().unwrap(), [1, 2]);
    /// ```
    pub fn top_k / try_top_k(x: &Tensor, k: usize) -> (Tensor, Tensor) = {
        let y = try_apply(&TOP_K, &[x], Attrs::new().with("k", k))?;
        Ok((y[0].clone(), y[1].clone()))
    };
}
