use crate::dim::Dim;
use crate::door::apply1;
use crate::dtype::DType;
use crate::op::{Attrs, Cpu, Effect, Exact, Fault, Gpu, Grad, Infer, Metas, OpDef, Tf, err, floats, ok, sig};
use crate::tensor::faces;

/// The same bytes as another dtype.
pub static BITCAST: OpDef = OpDef {
    name: "bitcast",
    tf: &[Tf::differs("Bitcast", "the attribute is called type there")],
    sig: sig!(x: _ number; dtype: DType),
    effect: Effect::Pure,
    infer,
    cpu: Cpu::View,
    gpu: Gpu::View,
    grad: Grad::None("the bits of a number are no smooth function of it"),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        vec![
            ok([floats([3], &[1.0, -2.5, 0.0]).of(DType::F32)]).attr("dtype", DType::I32),
            ok([floats([2], &[1.0, -2.5]).of(DType::F64)]).attr("dtype", DType::I16),
            ok([floats([3, 4], &[1.0; 12]).of(DType::U8)]).attr("dtype", DType::U32),
            ok([floats([0], &[]).of(DType::F16)]).attr("dtype", DType::BF16),
            err([floats([3], &[1.0; 3]).of(DType::U8)], "last axis").attr("dtype", DType::U32),
            err([floats([3], &[1.0; 3])], "bool").attr("dtype", DType::Bool),
        ]
    },
};

fn infer(x: &Infer<'_>) -> Result<Metas, Fault> {
    let (from, to) = (x.dtype(0), x.attrs.dtype("dtype"));
    if to == DType::Bool {
        return Err(Fault::new("bits of a number are not bool"));
    }
    let mut dims: Vec<Dim> = x.shape(0).iter().copied().collect();
    if from.size() > to.size() {
        dims.push(Dim::from(from.size() / to.size()));
    } else if from.size() < to.size() {
        let ratio = to.size() / from.size();
        if !dims.pop().is_some_and(|last| last.may_equal(Dim::from(ratio))) {
            return Err(Fault::new(format!("the last axis must have {ratio} elements to become one {to}")));
        }
    }
    x.one(to, dims.into_iter().collect())
}

faces! {
    /// The same bytes read as another dtype. A smaller dtype adds an axis for the parts of an element, the
    /// lowest first; for a larger one the last axis holds the parts, and goes.
    ///
    /// Source: `tf.bitcast`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let bits = tf::constant([1.0]).bitcast(tf::DType::I32);
    /// assert_eq!(bits.to_vec::<i32>().unwrap(), [0x3f80_0000]);
    /// ```
    pub fn bitcast / try_bitcast(x: &Tensor, dtype: DType) =
        apply1(&BITCAST, &[x], Attrs::new().with("dtype", dtype));
}
