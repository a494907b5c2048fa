use crate::dim::Dim;
use crate::door::apply1;
use crate::dtype::{DType, Element};
use crate::error::{Error, Place, Result};
use crate::op::{Attrs, Class, Cpu, Effect, Exact, Fault, Gpu, GpuKernel, Grad, OpDef, Tf, err, ok, sig};
use crate::shape::Shape;
use crate::tensor::{Scalar, Tensor, free_faces};
use crate::with_store;

/// Evenly spaced numbers: `start + i·delta`.
pub static RANGE: OpDef = OpDef {
    name: "range",
    tf: &[Tf::differs("Range", "start, limit and delta are inputs there")],
    sig: sig!(; start: Float, delta: Float, shape: Shape, dtype: DType),
    effect: Effect::Pure,
    infer: |x| match (x.attrs.shape("shape"), x.attrs.dtype("dtype")) {
        (shape, _) if shape.rank() != 1 => Err(Fault::new(format!("a range is a vector, not {shape}"))),
        (_, dtype) if !Class::Number.has(dtype) => {
            Err(Fault::new(format!("a range is made of numbers, not {dtype}")))
        }
        (shape, dtype) => x.one(dtype, shape.clone()),
    },
    cpu: Cpu::Kernel(|call| {
        let (start, delta) = (call.attrs.float("start"), call.attrs.float("delta"));
        let y = &mut call.outputs[0];
        match y.dtype {
            // Each product and sum is rounded as the dtype's own.
            DType::F64 => steps(y.cast::<f64>(), |i| start + i as f64 * delta),
            DType::F32 => steps(y.cast::<f32>(), |i| start as f32 + i as f32 * delta as f32),
            DType::F16 | DType::BF16 => with_store!(y.dtype, T => steps(y.cast::<T>(), |i| {
                T::from_f64((start as f32 + i as f32 * delta as f32) as f64)
            })),
            _ => {
                with_store!(y.dtype, T => steps(y.cast::<T>(), |i| T::from_f64((start as i64).wrapping_add((i as i64).wrapping_mul(delta as i64)) as f64)))
            }
        }
        Ok(())
    }),
    gpu: Gpu::Kernel(GpuKernel::Range),
    grad: Grad::None("a range has no input that it depends on"),
    exact: Exact::Ulp(1),
    composed: None,
    samples: || {
        let range = |start: f64, delta: f64, n: usize, dtype| {
            let bounds = ok([]).attr("start", start).attr("delta", delta);
            bounds.attr("shape", Shape::from([n])).attr("dtype", dtype)
        };
        vec![
            range(2.0, 3.0, 3, DType::I32),
            range(0.0, -0.25, 5, DType::F32),
            range(1.0, 1.0, 0, DType::I64),
            err([], "made of numbers")
                .attr("start", 0.0)
                .attr("delta", 1.0)
                .attr("shape", Shape::from([2]))
                .attr("dtype", DType::Bool),
        ]
    },
};

fn steps<S>(y: &mut [S], at: impl Fn(usize) -> S) {
    for (i, y) in y.iter_mut().enumerate() {
        *y = at(i);
    }
}

/// A Rust number that a range can start from, end before or step by.
pub trait RangeNumber: Copy {
    /// The number.
    fn scalar(self) -> Scalar;
}

macro_rules! numbers {
    ($($t:ty => |$v:ident| $e:expr;)*) => { $(
        impl RangeNumber for $t {
            fn scalar(self) -> Scalar { let $v = self; $e }
        }
    )* };
}

numbers! {
    i32 => |v| Scalar::Int(v.into());
    i64 => |v| Scalar::Int(v.into());
    usize => |v| Scalar::Int(v as i128);
    f32 => |v| Scalar::Float(v.into());
    f64 => |v| Scalar::Float(v);
}

fn float(s: Scalar) -> f64 {
    match s {
        Scalar::Float(v) => v,
        Scalar::Int(v) => v as f64,
        Scalar::Bool(v) => v as u8 as f64,
    }
}

#[track_caller]
fn between(start: Scalar, limit: Scalar, delta: Scalar, dtype: DType) -> Result<Tensor> {
    let bad = |text: String| Err(Error::invalid("range", text).at(Place::caller()));
    if [start, limit, delta].iter().any(|s| !s.fits(dtype)) {
        return bad(format!("{start:?}, {limit:?} and {delta:?} do not fit {dtype}"));
    }
    let (from, to, by) = (float(start), float(limit), float(delta));
    if by == 0.0 || (from > to && by > 0.0) || (from < to && by < 0.0) {
        return bad(format!("steps of {by} do not lead from {from} to {to}"));
    }
    let n = ((to - from) / by).abs().ceil();
    of(from, by, [n as usize].into(), dtype)
}

#[track_caller]
fn of(start: f64, delta: f64, shape: Shape, dtype: DType) -> Result<Tensor> {
    let attrs =
        Attrs::new().with("start", start).with("delta", delta).with("shape", shape).with("dtype", dtype);
    apply1(&RANGE, &[], attrs)
}

free_faces! {
    /// The numbers from `start` up to but without `limit`, by steps of `delta`; i32 for integers, f32 for floats.
    ///
    /// Source: `tf.range`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::range(2, 11, 3).to_vec::<i32>().unwrap(), [2, 5, 8]);
    /// assert_eq!(tf::range(0.0, 1.0, 0.5).to_vec::<f32>().unwrap(), [0.0, 0.5]);
    /// ```
    pub fn range / try_range(start: impl RangeNumber, limit: impl RangeNumber, delta: impl RangeNumber) = {
        let (start, limit, delta) = (start.scalar(), limit.scalar(), delta.scalar());
        let dtypes = [start, limit, delta].map(Scalar::default_dtype);
        let dtype = [DType::F32, DType::I64].into_iter().find(|d| dtypes.contains(d)).unwrap_or(DType::I32);
        between(start, limit, delta, dtype)
    };
    /// [`range`](crate::range) in a dtype.
    pub fn range_of / try_range_of(dtype: DType, start: impl RangeNumber, limit: impl RangeNumber, delta: impl RangeNumber) =
        between(start.scalar(), limit.scalar(), delta.scalar(), dtype);
    /// The positions `0, 1, …` along an axis of this size, which may be a symbol of a trace, in a dtype.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let x = tf::zeros([2, 3]);
    /// assert_eq!(tf::positions(x.shape()[1], tf::DType::I32).to_vec::<i32>().unwrap(), [0, 1, 2]);
    /// ```
    pub fn positions / try_positions(size: Dim, dtype: DType) = of(0.0, 1.0, [size].into(), dtype);
}
