//! Convolutions over one to three spatial axes, channels last, and their gradients.
//!
//! A convolution is a matrix product: of patches (a row for each window, a column for each tap and channel) with the
//! filter. The patches are never stored whole; they are read where they lie, or the engine packs blocks of them. So the bits are those of a product
//! (see [`gemm`](super::gemm)) whose k runs over the taps in row-major order, the channels within; taps in the padding
//! take part as zeros.

mod depthwise;
mod direct;
mod patches;
#[cfg(test)]
pub(crate) mod tests;

use super::gemm::{Element, Epilogue, Product, Rows, matrix};
use super::parallel;
use super::window::{Axis, Window, product};
pub use depthwise::{DepthwiseShape, depthwise_conv, depthwise_conv_filter_grad, depthwise_conv_input_grad};
use patches::{FilterTaps, Patches, PatchesTransposed};

/// Elements of a run for an epilogue, where all are computed before.
const FINISH: usize = 16_384;

/// A convolution of `x[batch, spatial.., in_channels]` with
/// `filter[taps.., in_channels / groups, out_channels]` to `y[batch, windows.., out_channels]`.
///
/// Group `g` maps the `g`-th share of the input channels to the `g`-th share of the output channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvShape {
    /// Images.
    pub batch: usize,
    /// The spatial axes.
    pub window: Window,
    /// Channels of the input, a multiple of `groups`.
    pub in_channels: usize,
    /// Channels of the output, a multiple of `groups`.
    pub out_channels: usize,
    /// Groups of channels that do not mix.
    pub groups: usize,
}

impl ConvShape {
    /// Elements of the input, or `None` if the number overflows.
    pub fn input_len(&self) -> Option<usize> {
        product(&[self.batch, self.window.input_len()?, self.in_channels])
    }

    /// Elements of the filter, or `None` if the number overflows.
    pub fn filter_len(&self) -> Option<usize> {
        product(&[self.window.taps()?, self.in_channels / self.groups.max(1), self.out_channels])
    }

    /// Elements of the output, or `None` if the number overflows.
    pub fn output_len(&self) -> Option<usize> {
        product(&[self.batch, self.window.output_len()?, self.out_channels])
    }

    /// Channels of a group: of the input, and of the output.
    fn group(&self) -> (usize, usize) {
        (self.in_channels / self.groups, self.out_channels / self.groups)
    }

    fn check(&self, x: usize, filter: usize, y: usize) {
        assert!(self.groups > 0, "a convolution has at least one group");
        assert!(
            self.in_channels.is_multiple_of(self.groups) && self.out_channels.is_multiple_of(self.groups),
            "groups of channels are of one size"
        );
        assert_eq!(Some(x), self.input_len(), "elements of the input of a convolution");
        assert_eq!(Some(filter), self.filter_len(), "elements of the filter of a convolution");
        assert_eq!(Some(y), self.output_len(), "elements of the output of a convolution");
    }
}

/// `y = conv(x, filter)`, then the epilogue, whose bias has one element for each output channel.
///
/// `f16` and `bf16` are computed in `f32` and rounded once.
///
/// # Panics
/// If a slice has another length than `shape` says, or the groups do not divide the channels.
pub fn conv<S: Element>(shape: &ConvShape, x: &[S], filter: &[S], y: &mut [S], epilogue: Epilogue<'_, S>) {
    shape.check(x.len(), filter.len(), y.len());
    let (from, to) = shape.group();
    let (windows, taps) = (shape.window.output, shape.window.size.iter().product::<usize>());
    let pixels = windows.iter().product::<usize>() * shape.batch;
    for group in 0..shape.groups {
        let patches = Patches {
            data: x,
            channels: shape.in_channels,
            first: group * from,
            depth: from,
            axes: shape.window.axes(),
        };
        let filter = matrix(&filter[(group * to).min(filter.len())..], 1, shape.out_channels);
        let rows = Rows { start: group * to, ..Rows::strided(pixels, shape.out_channels, 0) };
        let epilogue = Epilogue { bias: epilogue.bias.map(|bias| &bias[group * to..][..to]), ..epilogue };
        if direct::windows(&patches, &filter, to, y, rows, epilogue) {
            continue;
        }
        let product =
            Product { batch: 1, k: taps * from, n: to, a: &patches, b: &filter, swap: patches.side() };
        product.run(y, rows, false, epilogue);
    }
}

/// `dx`, the gradient of a convolution for its input, from `dy`, the gradient for its output: the transposed
/// convolution. Then the epilogue, whose bias has one element for each input channel.
///
/// Where windows are more than one element apart, the input falls into phases that see different taps; each is a
/// product of its own over the taps it sees, in descending order.
///
/// # Panics
/// If a slice has another length than `shape` says, or the groups do not divide the channels.
pub fn conv_input_grad<S: Element>(
    shape: &ConvShape,
    filter: &[S],
    dy: &[S],
    dx: &mut [S],
    epilogue: Epilogue<'_, S>,
) {
    shape.check(dx.len(), filter.len(), dy.len());
    let (from, to) = shape.group();
    let Window { input, size, stride, .. } = shape.window;
    // Phases and groups finish the channels of one position at a time, which are too few for a call.
    let short = shape.groups > 1 || stride.iter().any(|step| *step > 1);
    let finish = epilogue.finish;
    let epilogue = if short { Epilogue { finish: None, ..epilogue } } else { epilogue };
    let line = input[2] * shape.in_channels;
    for phase in 0..stride.iter().product() {
        let digits = [phase / stride[2] / stride[1], phase / stride[2] % stride[1], phase % stride[2]];
        let phases = [0, 1, 2].map(|at| Phase::new(&shape.window.axis(at), digits[at]));
        let axes = phases.map(|phase| phase.axis);
        for group in 0..shape.groups {
            let patches =
                Patches { data: dy, channels: shape.out_channels, first: group * to, depth: to, axes };
            let weights = FilterTaps {
                data: filter,
                size,
                last: phases.map(|phase| phase.last_tap),
                step: phases.map(|phase| phase.tap_step),
                taps: axes.map(|axis| axis.taps),
                rows: from,
                channels: shape.out_channels,
                first: group * to,
                depth: to,
            };
            let starts = phases.map(|phase| phase.start);
            let rows = Rows {
                start: (starts[0] * input[1] + starts[1]) * line
                    + starts[2] * shape.in_channels
                    + group * from,
                batch_stride: 0,
                dims: [shape.batch, axes[0].count, axes[1].count, axes[2].count],
                strides: [
                    input[0] * input[1] * line,
                    stride[0] * input[1] * line,
                    stride[1] * line,
                    stride[2] * shape.in_channels,
                ],
            };
            let taps: usize = axes.iter().map(|axis| axis.taps).product();
            let bias = epilogue.bias.map(|bias| &bias[group * from..][..from]);
            let epilogue = Epilogue { bias, ..epilogue };
            if direct::windows(&patches, &weights, from, dx, rows, epilogue) {
                continue;
            }
            let product =
                Product { batch: 1, k: taps * to, n: from, a: &patches, b: &weights, swap: patches.side() };
            product.run(dx, rows, false, epilogue);
        }
    }
    if let (true, Some(finish)) = (short, finish) {
        parallel::pieces(dx, FINISH, parallel::multiply_adds(4 * dx.len()), finish);
    }
}

/// `dfilter`, the gradient of a convolution for its filter, from `dy`, the gradient for its output. The sums run over
/// all windows in row-major order.
///
/// # Panics
/// If a slice has another length than `shape` says, or the groups do not divide the channels.
pub fn conv_filter_grad<S: Element>(shape: &ConvShape, x: &[S], dy: &[S], dfilter: &mut [S]) {
    shape.check(x.len(), dfilter.len(), dy.len());
    let (from, to) = shape.group();
    let (windows, taps) = (shape.window.output, shape.window.size.iter().product::<usize>());
    let pixels = windows.iter().product::<usize>() * shape.batch;
    for group in 0..shape.groups {
        let patches = Patches {
            data: x,
            channels: shape.in_channels,
            first: group * from,
            depth: from,
            axes: shape.window.axes(),
        };
        let dy = matrix(&dy[(group * to).min(dy.len())..], 1, shape.out_channels);
        let rows = Rows { start: group * to, ..Rows::strided(taps * from, shape.out_channels, 0) };
        if direct::filter_grad(&patches, &dy, to, pixels, dfilter, rows) {
            continue;
        }
        // Patches on the vector side: their runs of channels are then copied a vector at a time.
        let swap = (taps * from >= 8).then_some(true);
        let product = Product { batch: 1, k: pixels, n: to, a: &PatchesTransposed(patches), b: &dy, swap };
        product.run(dfilter, rows, false, Epilogue::none());
    }
}

/// The input positions of one axis that the same taps reach, and the windows that reach them, as windows over the
/// output: position `start + i * stride` of the input takes tap `last_tap - j * tap_step` from where tap `j` of window
/// `i` of `axis` is.
#[derive(Clone, Copy, Debug)]
struct Phase {
    start: usize,
    last_tap: usize,
    tap_step: usize,
    axis: Axis,
}

impl Phase {
    /// The positions whose distance from the first tap of the first window is `digit` modulo the stride.
    fn new(windows: &Axis, digit: usize) -> Phase {
        let Axis { count, stride, taps, dilation, extent, .. } = *windows;
        let pad = windows.first.unsigned_abs();
        // The first position, and its distance from the first tap of the first window in strides.
        let start = (digit + stride - pad % stride) % stride;
        let ahead = (start + pad) / stride;
        let positions = extent.saturating_sub(start).div_ceil(stride);
        // Taps at a distance of `digit` modulo the stride: every `tap_step`-th from `first_tap` on.
        let divisor = gcd(stride, dilation);
        let tap_step = stride / divisor;
        let first_tap = (0..tap_step.min(taps)).find(|tap| tap * dilation % stride == digit);
        let Some(first_tap) = first_tap else {
            let axis = Axis { count: positions, stride: 1, taps: 0, dilation: 1, first: 0, extent: count };
            return Phase { start, last_tap: 0, tap_step, axis };
        };
        let seen = (taps - first_tap).div_ceil(tap_step);
        let last_tap = first_tap + (seen - 1) * tap_step;
        let first = ahead as isize - (last_tap * dilation / stride) as isize;
        let axis = Axis {
            count: positions,
            stride: 1,
            taps: seen,
            dilation: dilation / divisor,
            first,
            extent: count,
        };
        Phase { start, last_tap, tap_step, axis }
    }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}
