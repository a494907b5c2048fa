use crate::cpu::reduce::argmin as kernel;
use crate::door::apply1;
use crate::dtype::DType;
use crate::op::{
    Attrs, Call, Cpu, Effect, Exact, Fault, Gpu, Grad, OpDef, ReduceKind, Tf, err, floats, ok, sig,
};
use crate::tensor::faces;
use crate::with_store;

/// The first position of the least element along an axis.
pub static ARGMIN: OpDef = OpDef {
    name: "argmin",
    tf: &[Tf::differs("ArgMin", "the axis is an input there, called dimension")],
    sig: sig!(x: _ number; axis: Int, output_type: DType),
    effect: Effect::Pure,
    infer: |x| {
        let axis = x.axis(0, x.attrs.int("axis"))?;
        let dtype = x.attrs.dtype("output_type");
        if !matches!(dtype, DType::I32 | DType::I64) {
            return Err(Fault::new(format!("positions are i32 or i64, not {dtype}")));
        }
        let mut shape = x.shape(0).clone();
        match shape.remove(axis) == 0 {
            true => Err(Fault::new(format!("axis {axis} is empty: there is no least element"))),
            false => x.one(dtype, shape),
        }
    },
    cpu: Cpu::Kernel(run),
    gpu: Gpu::Reduce(ReduceKind::ArgMin),
    grad: Grad::None("a position is an integer"),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        let x = || floats([2, 3], &[1.0, 5.0, 3.0, 4.0, 2.0, 4.0]);
        vec![
            ok([x()]).attr("axis", 0usize).attr("output_type", DType::I64),
            ok([x()]).attr("axis", -1i64).attr("output_type", DType::I32),
            ok([floats([3, 0], &[])]).attr("axis", 0usize).attr("output_type", DType::I64),
            err([floats([0], &[])], "axis 0 is empty").attr("axis", 0usize).attr("output_type", DType::I64),
            err([floats([], &[1.0])], "axis 0 is out of range")
                .attr("axis", 0usize)
                .attr("output_type", DType::I64),
        ]
    },
};

fn run(call: &mut Call<'_, '_>) -> Result<(), Fault> {
    let (x, y) = (&call.inputs[0], &mut call.outputs[0]);
    let axis = call.attrs.int("axis").rem_euclid(x.shape.len() as i64) as usize;
    let (extent, inner) = (x.shape[axis], x.shape[axis + 1..].iter().product());
    with_store!(x.dtype, T => match y.dtype {
        DType::I32 => kernel::<T, i32>(x.cast(), extent, inner, y.cast()),
        _ => kernel::<T, i64>(x.cast(), extent, inner, y.cast()),
    });
    Ok(())
}

faces! {
    /// The position of the least element along `axis`, as i64; the first among equals, NaN never. An empty axis is an error.
    ///
    /// Source: `tf.argmin`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let x = tf::constant([[1, 5, 3], [4, 2, 4]]);
    /// let y = x.argmin(1);
    /// assert_eq!(y.to_vec::<i64>().unwrap(), [0, 1]);
    /// ```
    pub fn argmin / try_argmin(x: &Tensor, axis: i64) = argmin_of(x, axis, DType::I64);
    /// [`argmin`](crate::argmin) with positions as i32 or i64.
    pub fn argmin_as / try_argmin_as(x: &Tensor, axis: i64, output_type: DType) = argmin_of(x, axis, output_type);
}

#[track_caller]
fn argmin_of(x: &crate::Tensor, axis: i64, output_type: DType) -> crate::Result<crate::Tensor> {
    apply1(&ARGMIN, &[x], Attrs::new().with("axis", axis).with("output_type", output_type))
}
