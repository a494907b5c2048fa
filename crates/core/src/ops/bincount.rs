use super::gather::with_index;
use crate::cpu::segment::bincount as kernel;
use crate::dim::Dim;
use crate::door::apply1;
use crate::dtype::DType;
use crate::op::{
    Attrs, Cpu, Effect, Exact, Fault, Gpu, Grad, Infer, Made, Metas, OpDef, Tf, View, err, floats, ints, ok,
    sig,
};
use crate::tensor::{Tensor, faces};

/// How often each number occurs.
pub static BINCOUNT: OpDef = OpDef {
    name: "bincount",
    tf: &[Tf::differs(
        "DenseBincount",
        "the number of bins is an input there; here it follows from the values",
    )],
    sig: sig!(values: _ index, weights: _ number; minlength: Int, maxlength: Int),
    effect: Effect::MayFail,
    infer,
    cpu: Cpu::Dynamic(run),
    gpu: Gpu::CpuOnly("the number of bins is only known when the values are read"),
    grad: Grad::None("counts are not smooth in the values, and TensorFlow gives the weights no gradient"),
    exact: Exact::Relative(1e-5),
    composed: None,
    samples: || {
        let bins =
            |s: crate::op::Sample, low: i64, high: i64| s.attr("minlength", low).attr("maxlength", high);
        let weights = || floats([3], &[0.5, 1.0, 2.0]).of(DType::F32);
        vec![
            bins(ok([ints([3], &[2, 0, 2]), weights()]), 0, -1),
            bins(ok([ints([3], &[2, 0, 2]), weights()]), 5, -1),
            bins(ok([ints([3], &[2, 0, 2]), weights()]), 0, 2),
            bins(ok([ints([0], &[]), floats([0], &[]).of(DType::F32)]), 2, -1),
            bins(err([ints([3], &[2, -1, 2]), weights()], "-1 at 1 is negative"), 0, -1),
            bins(err([ints([2], &[2, 1]), weights()], "a weight for each value"), 0, -1),
        ]
    },
};

fn infer(x: &Infer<'_>) -> Result<Metas, Fault> {
    if x.shape(0).rank() != x.shape(1).rank() {
        return Err(Fault::new("there must be a weight for each value"));
    }
    for (a, b) in x.shape(0).iter().zip(x.shape(1).iter()) {
        x.same_dim(*a, *b, "there must be a weight for each value")?;
    }
    match x.dtype(1) {
        DType::I32 | DType::I64 | DType::F32 | DType::F64 => {}
        dtype => return Err(Fault::new(format!("weights must be i32, i64, f32 or f64, not {dtype}"))),
    }
    x.one(x.dtype(1), [Dim::symbol(super::RUN_TIME_DIM)].into())
}

fn run(x: &[View<'_>], attrs: &Attrs) -> Result<Vec<Made>, Fault> {
    let (values, weights) = (&x[0], &x[1]);
    let (low, high) = (attrs.int("minlength").max(0) as usize, attrs.int("maxlength"));
    with_index!(values.dtype, I => {
        let values = values.cast::<I>();
        let most = values.iter().max().map_or(0, |v| usize::try_from(*v).map_or(0, |v| v + 1));
        let n = if high >= 0 { most.max(low).min(high as usize) } else { most.max(low) };
        macro_rules! typed {
            ($w:ty) => {{
                let mut out = Made::room::<$w>(&[n])?;
                kernel::<I, $w>(values, Some(weights.cast()), false, &mut out)
                    .map_err(|bad| Fault::new(format!("{} at {} is negative", bad.value, bad.position)))?;
                Ok(vec![Made::new(&out, &[n])])
            }};
        }
        match weights.dtype {
            DType::I32 => typed!(i32),
            DType::I64 => typed!(i64),
            DType::F32 => typed!(f32),
            _ => typed!(f64),
        }
    })
}

faces! {
    /// How often each number from 0 to the greatest occurs (at least `minlength` of them), as i32, or the sums of their
    /// `weights`. A negative number is an error.
    ///
    /// Source: `tf.math.bincount`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([1, 3, 1]).bincount(None, 0).to_vec::<i32>().unwrap(), [0, 2, 0, 1]);
    /// ```
    pub fn bincount / try_bincount(values: &Tensor, weights: Option<&Tensor>, minlength: usize) = {
        let ones = match weights {
            Some(_) => None,
            None => Some(values.try_ones_like()?.try_cast(DType::I32)?),
        };
        let weights = weights.or(ones.as_ref()).unwrap_or(values);
        apply1(&BINCOUNT, &[values, weights], Attrs::new().with("minlength", minlength).with("maxlength", -1i64))
    };
}
