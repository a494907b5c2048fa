use crate::cpu::segment::histogram_fixed_width as kernel;
use crate::dim::Dim;
use crate::door::apply1;
use crate::dtype::DType;
use crate::op::{
    Attrs, Call, Cpu, Effect, Exact, Fault, Gpu, Grad, Infer, Metas, OpDef, Tf, err, floats, ok, sig,
};
use crate::tensor::{Tensor, faces};

/// Counts in bins of equal width.
pub static HISTOGRAM_FIXED_WIDTH: OpDef = OpDef {
    name: "histogram_fixed_width",
    tf: &[Tf::differs("HistogramFixedWidth", "nbins is an input there")],
    sig: sig!(values: T number, value_range: T number; nbins: Int),
    effect: Effect::MayFail,
    infer,
    cpu: Cpu::Kernel(run),
    gpu: Gpu::CpuOnly("the bin of a value is decided in f64, which WGSL has not"),
    grad: Grad::None("counts are integers"),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        let x = || floats([5], &[-1.0, 0.0, 1.5, 2.0, 5.0]).of(DType::F32);
        let range = |a: f64, b: f64| floats([2], &[a, b]).of(DType::F32);
        vec![
            ok([x(), range(0.0, 5.0)]).attr("nbins", 5i64),
            ok([floats([0], &[]).of(DType::F32), range(0.0, 1.0)]).attr("nbins", 2i64),
            err([x(), range(5.0, 5.0)], "must rise").attr("nbins", 5i64),
            err([x(), range(0.0, 5.0)], "at least one bin").attr("nbins", 0i64),
        ]
    },
};

fn infer(x: &Infer<'_>) -> Result<Metas, Fault> {
    let n = x.attrs.int("nbins");
    if n < 1 {
        return Err(Fault::new("there must be at least one bin").numbers(n.to_string()));
    }
    if x.shape(1).rank() != 1 || !x.shape(1)[0].may_equal(Dim::from(2)) {
        return Err(Fault::new("value_range must have two elements"));
    }
    match x.dtype(0) {
        DType::I32 | DType::I64 | DType::F32 | DType::F64 => x.one(DType::I32, [n as usize].into()),
        dtype => Err(Fault::new(format!("values must be i32, i64, f32 or f64, not {dtype}"))),
    }
}

fn run(call: &mut Call<'_, '_>) -> Result<(), Fault> {
    let (x, range, y) = (&call.inputs[0], &call.inputs[1], &mut call.outputs[0]);
    macro_rules! typed {
        ($t:ty) => {{
            let range: &[$t] = range.cast();
            let [low, high] = [range[0], range[1]];
            if low.partial_cmp(&high) != Some(std::cmp::Ordering::Less) {
                return Err(Fault::new("value_range must rise").numbers(format!("{low} to {high}")));
            }
            kernel::<$t, i32>(x.cast(), [low, high], y.cast())
                .map_err(|at| Fault::new(format!("the value at {at} is NaN")))
        }};
    }
    match x.dtype {
        DType::I32 => typed!(i32),
        DType::I64 => typed!(i64),
        DType::F32 => typed!(f32),
        _ => typed!(f64),
    }
}

faces! {
    /// How many values fall into each of `nbins` bins of equal width over `value_range` (two elements), as i32; what lies
    /// outside counts in the first or the last bin.
    ///
    /// Source: `tf.histogram_fixed_width`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let y = tf::constant([-1.0, 0.0, 1.5, 2.0, 5.0]).histogram_fixed_width(&tf::constant([0.0, 5.0]), 5);
    /// assert_eq!(y.to_vec::<i32>().unwrap(), [2, 1, 1, 0, 1]);
    /// ```
    pub fn histogram_fixed_width / try_histogram_fixed_width(values: &Tensor, value_range: &Tensor, nbins: usize) =
        apply1(&HISTOGRAM_FIXED_WIDTH, &[values, value_range], Attrs::new().with("nbins", nbins));
}
