use crate::cpu::reduce::Sum;
use crate::cpu::scan::{ScanOrder, scan};
use crate::door::apply1;
use crate::op::{
    Attrs, Call, Cpu, Effect, Exact, Fault, Gpu, Grad, Infer, Metas, OpDef, Sample, ScanKind, Tf, err,
    floats, ok, rule, sig,
};
use crate::tensor::faces;
use crate::with_store;

/// The running sum along an axis.
pub static CUMSUM: OpDef = OpDef {
    name: "cumsum",
    tf: &[Tf::differs("Cumsum", "the axis is an input there")],
    sig: sig!(x: _ number; axis: Int, exclusive: Bool, reverse: Bool),
    effect: Effect::Pure,
    infer,
    cpu: Cpu::Kernel(|call| {
        let ((extent, inner), order) = (line(call), order(call.attrs));
        let (x, y) = (&call.inputs[0], &mut call.outputs[0]);
        with_store!(x.dtype, T => scan::<Sum, T>(x.cast(), extent, inner, order, y.cast()));
        Ok(())
    }),
    gpu: Gpu::Scan(ScanKind::Sum),
    grad: Grad::Rule(|g| {
        g.one(g.dy().cumsum(g.attrs().int("axis"), g.attrs().bool("exclusive"), !g.attrs().bool("reverse")))
    }),
    exact: Exact::Relative(1e-5),
    composed: None,
    samples,
};

/// The attributes of a scan.
pub(crate) fn scanning(axis: i64, exclusive: bool, reverse: bool) -> Attrs {
    Attrs::new().with("axis", axis).with("exclusive", exclusive).with("reverse", reverse)
}

/// The input's meta; the axis must be one of its own.
pub(crate) fn infer(x: &Infer<'_>) -> Result<Metas, Fault> {
    x.axis(0, x.attrs.int("axis"))?;
    rule::same_as_first(x)
}

/// The extent of the axis and of those after it.
pub(crate) fn line(call: &Call<'_, '_>) -> (usize, usize) {
    let shape = &call.inputs[0].shape;
    let axis = call.attrs.int("axis").rem_euclid(shape.len().max(1) as i64) as usize;
    (shape[axis], shape[axis + 1..].iter().product())
}

/// Which way, and whether an element counts in its own result.
pub(crate) fn order(attrs: &Attrs) -> ScanOrder {
    ScanOrder { exclusive: attrs.bool("exclusive"), reverse: attrs.bool("reverse") }
}

/// Samples that suit every scan.
pub(crate) fn samples() -> Vec<Sample> {
    let x = || floats([2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 2.0]);
    let with = |sample: Sample, axis: i64, exclusive: bool, reverse: bool| Sample {
        attrs: scanning(axis, exclusive, reverse),
        ..sample
    };
    vec![
        with(ok([x()]), 0, false, false),
        with(ok([x()]), -1, true, false),
        with(ok([x()]), 1, false, true),
        with(ok([x()]), 1, true, true),
        with(ok([floats([0, 2], &[])]), 0, false, false),
        with(err([floats([], &[1.0])], "axis 0 is out of range"), 0, false, false),
    ]
}

faces! {
    /// The running sum along `axis`: each result covers the elements up to its own; with `exclusive` without its own, with
    /// `reverse` from the end. Integers wrap. The gradient is the running sum the other way round.
    ///
    /// Source: `tf.math.cumsum`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([1, 2, 3]).cumsum(0, false, false).to_vec::<i32>().unwrap(), [1, 3, 6]);
    /// ```
    pub fn cumsum / try_cumsum(x: &Tensor, axis: i64, exclusive: bool, reverse: bool) =
        apply1(&CUMSUM, &[x], scanning(axis, exclusive, reverse));
}
