use super::cumsum::{line, order, scanning};
use crate::cpu::reduce::Prod;
use crate::cpu::scan::scan;
use crate::door::apply1;
use crate::op::{Cpu, Effect, Exact, Gpu, Grad, OpDef, ScanKind, Tf, sig};
use crate::tensor::faces;
use crate::with_store;

/// The running product along an axis.
pub static CUMPROD: OpDef = OpDef {
    name: "cumprod",
    tf: &[Tf::differs("Cumprod", "the axis is an input there")],
    sig: sig!(x: _ number; axis: Int, exclusive: Bool, reverse: Bool),
    effect: Effect::Pure,
    infer: super::cumsum::infer,
    cpu: Cpu::Kernel(|call| {
        let ((extent, inner), order) = (line(call), order(call.attrs));
        let (x, y) = (&call.inputs[0], &mut call.outputs[0]);
        with_store!(x.dtype, T => scan::<Prod, T>(x.cast(), extent, inner, order, y.cast()));
        Ok(())
    }),
    gpu: Gpu::Scan(ScanKind::Prod),
    grad: Grad::Rule(|g| {
        let (axis, exclusive, reverse) =
            (g.attrs().int("axis"), g.attrs().bool("exclusive"), g.attrs().bool("reverse"));
        let all = (g.y() * g.dy()).cumsum(axis, exclusive, !reverse);
        let zero = crate::ops::equal(g.x(), 0);
        let safe = crate::ops::select(&zero, crate::ops::ones_like(g.x()), g.x());
        g.one(crate::ops::select(&zero, crate::ops::zeros_like(g.x()), all / safe))
    }),
    exact: Exact::Relative(1e-5),
    composed: None,
    samples: super::cumsum::samples,
};

faces! {
    /// The running product along `axis`: each result covers the elements up to its own; with `exclusive` without its own, with
    /// `reverse` from the end. Integers wrap. The gradient is TensorFlow's: it is zero at elements that are zero.
    ///
    /// Source: `tf.math.cumprod`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([1, 2, 3]).cumprod(0, false, false).to_vec::<i32>().unwrap(), [1, 2, 6]);
    /// ```
    pub fn cumprod / try_cumprod(x: &Tensor, axis: i64, exclusive: bool, reverse: bool) =
        apply1(&CUMPROD, &[x], scanning(axis, exclusive, reverse));
}
