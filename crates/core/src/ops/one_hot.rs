use crate::dim::Dim;
use crate::door::apply1;
use crate::dtype::{DType, Element};
use crate::op::{
    Attrs, Call, Cpu, Effect, Exact, Fault, Gpu, GpuKernel, Grad, Infer, Metas, OpDef, Tf, err, floats, ints,
    ok, sig,
};
use crate::tensor::faces;
use crate::{with_element, with_store};

/// Positions as vectors with one element set.
pub static ONE_HOT: OpDef = OpDef {
    name: "one_hot",
    tf: &[Tf::differs("OneHot", "depth and the values are inputs there")],
    sig: sig!(indices: _ int; depth: Int, on_value: Float, off_value: Float, axis: Int, dtype: DType),
    effect: Effect::Pure,
    infer,
    cpu: Cpu::Kernel(run),
    gpu: Gpu::Kernel(GpuKernel::OneHot),
    grad: Grad::None("positions are integers"),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        let with = |sample: crate::op::Sample, depth: i64, axis: i64| {
            let sample = sample.attr("depth", depth).attr("on_value", 1.0).attr("off_value", 0.0);
            sample.attr("axis", axis).attr("dtype", DType::F32)
        };
        vec![
            with(ok([ints([3], &[0, 2, -1])]), 3, -1),
            with(ok([ints([2, 2], &[0, 1, 5, 1])]), 2, 0),
            with(ok([ints([], &[1])]), 3, 0),
            with(ok([ints([0], &[])]), 3, -1),
            with(err([ints([1], &[0])], "depth must not be negative"), -1, -1),
            with(err([ints([1], &[0])], "axis 2 is out of range"), 2, 2),
            with(err([floats([1], &[0.0]).of(DType::F32)], "indices must be an integer"), 2, -1),
        ]
    },
};

fn infer(x: &Infer<'_>) -> Result<Metas, Fault> {
    let (rank, axis, depth) = (x.shape(0).rank() as i64, x.attrs.int("axis"), x.attrs.int("depth"));
    if axis < -1 || axis > rank {
        return Err(Fault::new(format!("axis {axis} is out of range for rank {rank}"))
            .hint(format!("the new axis is -1 (the last) or 0 to {rank}")));
    }
    let depth = usize::try_from(depth)
        .map_err(|_| Fault::new("depth must not be negative").numbers(depth.to_string()))?;
    let mut shape = x.shape(0).clone();
    shape.insert(if axis < 0 { rank } else { axis } as usize, Dim::from(depth));
    x.one(x.attrs.dtype("dtype"), shape)
}

fn run(call: &mut Call<'_, '_>) -> Result<(), Fault> {
    let (x, y) = (&call.inputs[0], &mut call.outputs[0]);
    let axis = call.attrs.int("axis");
    let at = if axis < 0 { x.shape.len() } else { axis as usize };
    let (depth, inner) = (y.shape[at], x.shape[at..].iter().product::<usize>());
    let (on, off) = (call.attrs.float("on_value"), call.attrs.float("off_value"));
    with_element!(y.dtype, V => {
        let (on, out) = (V::from_f64(on).store(), y.slice::<V>());
        out.fill(V::from_f64(off).store());
        with_store!(x.dtype, I => for (i, index) in x.cast::<I>().iter().enumerate() {
            // Positions outside leave every element off.
            let hot = index.to_f64();
            if hot >= 0.0 && hot < depth as f64 {
                out[(i / inner * depth + hot as usize) * inner + i % inner] = on;
            }
        });
    });
    Ok(())
}

faces! {
    /// A vector of `depth` elements for each index, along a new last axis: one at the index, zero elsewhere, in f32.
    /// Positions outside give zeros only.
    ///
    /// Source: `tf.one_hot`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let y = tf::one_hot(&tf::constant([1, 0]), 2);
    /// assert_eq!(y.to_vec::<f32>().unwrap(), [0.0, 1.0, 1.0, 0.0]);
    /// ```
    pub fn one_hot / try_one_hot(indices: &Tensor, depth: usize) = try_one_hot_with(indices, depth, 1.0, 0.0, -1, DType::F32);
    /// [`one_hot`](crate::one_hot) with the values on and off, the position of the new axis (`-1` is last) and the dtype.
    ///
    /// Source: `tf.one_hot`.
    pub fn one_hot_with / try_one_hot_with(indices: &Tensor, depth: usize, on_value: f64, off_value: f64, axis: i64, dtype: DType) = {
        let attrs = Attrs::new().with("depth", depth).with("on_value", on_value).with("off_value", off_value);
        apply1(&ONE_HOT, &[indices], attrs.with("axis", axis).with("dtype", dtype))
    };
}
