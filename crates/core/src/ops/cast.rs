use crate::door::apply1;
use crate::dtype::DType;
use crate::op::{
    Attrs, BlockFn, Class, Cpu, Effect, Exact, Gpu, Grad, Lane, OpDef, Tf, Truth, floats, ok, sig,
};
use crate::tensor::faces;

/// Conversion to another dtype.
pub static CAST: OpDef = OpDef {
    name: "cast",
    tf: &[Tf::differs("Cast", "the attribute is called DstT there")],
    sig: sig!(x: _ any; dtype: DType),
    effect: Effect::Pure,
    infer: |x| x.one(x.attrs.dtype("dtype"), x.shape(0).clone()),
    cpu: Cpu::Elementwise(lookup),
    // The kernel converts every expression to the result's type.
    gpu: Gpu::Elementwise(&[(Class::Any, "x")]),
    grad: Grad::Rule(|g| g.one(g.dy().cast(g.x().dtype()))),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        let mut samples = vec![
            ok([floats([2, 0], &[])]).attr("dtype", DType::F32),
            ok([floats([], &[3.0])]).attr("dtype", DType::F64),
            ok([floats([4], &[1.7, -1.7, 2.5, -2.5]).of(DType::F32)]).attr("dtype", DType::I32).kink(),
        ];
        samples.extend(DType::ALL.map(|d| ok([floats([3], &[0.0, 1.0, 100.0])]).attr("dtype", d).kink()));
        samples
    },
};

/// A conversion between the types that kernels compute in.
trait Convert<T> {
    fn convert(self) -> T;
}

macro_rules! numbers {
    ($($from:ty)*) => { $(
        numbers!(@to $from: f32 f64 i8 i16 i32 i64 u8 u16 u32 u64);
        impl Convert<bool> for $from {
            #[inline(always)]
            fn convert(self) -> bool {
                self != (0 as $from)
            }
        }
        impl Convert<$from> for bool {
            #[inline(always)]
            fn convert(self) -> $from {
                self as u8 as $from
            }
        }
    )* };
    (@to $from:ty: $($to:ty)*) => { $(
        impl Convert<$to> for $from {
            #[inline(always)]
            fn convert(self) -> $to {
                self as $to
            }
        }
    )* };
}

numbers!(f32 f64 i8 i16 i32 i64 u8 u16 u32 u64);

impl Convert<bool> for bool {
    #[inline(always)]
    fn convert(self) -> bool {
        self
    }
}

fn block<A: Lane, B: Lane>(inputs: &[&[u8]], output: &mut [u8])
where
    A::Compute: Convert<B::Compute>,
{
    let x: &[A] = bytemuck::cast_slice(inputs[0]);
    let y: &mut [B] = bytemuck::cast_slice_mut(output);
    for (y, x) in y.iter_mut().zip(x) {
        *y = B::down(x.up().convert());
    }
}

macro_rules! pairs {
    ($from:ident, $to:ident; $($v:ident $s:ty),*) => {
        match $from {
            $(DType::$v => pairs!(@to $to, $s;
                F16 half::f16, BF16 half::bf16, F32 f32, F64 f64, I8 i8, I16 i16, I32 i32, I64 i64,
                U8 u8, U16 u16, U32 u32, U64 u64, Bool Truth),)*
        }
    };
    (@to $to:ident, $from:ty; $($v:ident $s:ty),*) => {
        match $to {
            $(DType::$v => block::<$from, $s>,)*
        }
    };
}

fn lookup(inputs: &[DType], output: DType) -> Option<BlockFn> {
    let from = inputs[0];
    Some(pairs!(from, output;
        F16 half::f16, BF16 half::bf16, F32 f32, F64 f64, I8 i8, I16 i16, I32 i32, I64 i64,
        U8 u8, U16 u16, U32 u32, U64 u64, Bool Truth))
}

faces! {
    /// `x` converted to `dtype`; `x` itself if it has that dtype.
    ///
    /// Floats become integers by cutting off the fraction; what lies outside the range becomes the nearest
    /// end of it and NaN becomes 0 (TensorFlow leaves both undefined). Integers keep their low bits. Anything
    /// but zero becomes true. The half floats are reached from `f32`, rounded to nearest, ties to even. The
    /// gradient is `dy` converted back.
    ///
    /// Source: `tf.cast`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let x = tf::constant([1.7, -1.7]).cast(tf::DType::I32);
    /// assert_eq!(x.to_vec::<i32>().unwrap(), [1, -1]);
    /// ```
    pub fn cast / try_cast(x: &Tensor, dtype: DType) = match x.dtype() == dtype {
        true => Ok(x.clone()),
        false => apply1(&CAST, &[x], Attrs::new().with("dtype", dtype)),
    };
}
