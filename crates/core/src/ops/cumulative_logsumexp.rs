use super::cumsum::{infer, line, order, samples, scanning};
use crate::cpu::scan::{LogSumExp, scan};
use crate::door::apply1;
use crate::dtype::DType;
use crate::op::{Backward, Cpu, Effect, Exact, Fault, Gpu, Grad, OpDef, ScanKind, Tf, sig};
use crate::tensor::{Tensor, faces};

/// The running `ln Σ exp(x)` along an axis.
pub static CUMULATIVE_LOGSUMEXP: OpDef = OpDef {
    name: "cumulative_logsumexp",
    tf: &[Tf::differs("CumulativeLogsumexp", "the axis is an input there")],
    sig: sig!(x: _ float; axis: Int, exclusive: Bool, reverse: Bool),
    effect: Effect::Pure,
    infer,
    cpu: Cpu::Kernel(|call| {
        let ((extent, inner), order) = (line(call), order(call.attrs));
        let (x, y) = (&call.inputs[0], &mut call.outputs[0]);
        macro_rules! typed {
            ($t:ty) => {
                scan::<LogSumExp, $t>(x.cast(), extent, inner, order, y.cast())
            };
        }
        match x.dtype {
            DType::F32 => typed!(f32),
            DType::F64 => typed!(f64),
            DType::F16 => typed!(half::f16),
            DType::BF16 => typed!(half::bf16),
            dtype => return Err(Fault::new(format!("there is no kernel for {dtype}"))),
        }
        Ok(())
    }),
    gpu: Gpu::Scan(ScanKind::LogSumExp),
    grad: Grad::Rule(|g| g.one(gradient(g))),
    exact: Exact::Relative(1e-5),
    composed: None,
    // An exclusive result of nothing is -∞, which no difference can be taken of.
    samples: || samples().into_iter().map(|s| if s.attrs.bool("exclusive") { s.kink() } else { s }).collect(),
};

/// `exp(x) · Σ dy·exp(-y)` over the results that an element is in, in logarithms, so that nothing overflows; positive and
/// negative cotangents apart. TensorFlow's rule.
fn gradient(g: &Backward<'_>) -> Tensor {
    let (axis, exclusive, reverse) =
        (g.attrs().int("axis"), g.attrs().bool("exclusive"), g.attrs().bool("reverse"));
    let dy = g.dy();
    let (ones, lowest) = (super::ones_like(&dy), super::zeros_like(&dy).log());
    let part = |dy: &Tensor| {
        let some = dy.greater(0);
        let logs = super::select(&some, super::select(&some, dy, &ones).log(), &lowest);
        // An exclusive result of nothing is -∞, and so is its cotangent's logarithm to be.
        let finite = g.y().greater(f32::NEG_INFINITY);
        let logs =
            super::select(&finite, logs - super::select(&finite, g.y(), super::zeros_like(g.y())), &lowest);
        (logs.cumulative_logsumexp(axis, exclusive, !reverse) + g.x()).exp()
    };
    part(&dy) - part(&-&dy)
}

faces! {
    /// The running `ln Σ exp(x)` along `axis`: each result covers the elements up to its own; with `exclusive` without its
    /// own, with `reverse` from the end. Of nothing it is -∞.
    ///
    /// Source: `tf.math.cumulative_logsumexp`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let y = tf::constant([1000.0, 1000.0]).cumulative_logsumexp(0, false, false);
    /// assert_eq!(y.to_vec::<f32>().unwrap(), [1000.0, 1000.0 + 2f32.ln()]);
    /// ```
    pub fn cumulative_logsumexp / try_cumulative_logsumexp(x: &Tensor, axis: i64, exclusive: bool, reverse: bool) =
        apply1(&CUMULATIVE_LOGSUMEXP, &[x], scanning(axis, exclusive, reverse));
}
