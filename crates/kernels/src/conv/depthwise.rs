//! Depthwise convolutions: every input channel has a small filter bank of its own.
//!
//! There is no product to reuse, so these are row kernels: a line of the result is kept in scratch while the taps pass
//! over it, vectors along the channels. Sums are chains of fused multiply-adds that start from zero.

use crate::clones::clones;
use crate::gemm::{Element, Real};
use crate::scratch::Scratch;
use crate::share::{share_rows, tasks};
use crate::window::{Axis, Window, product};

/// A convolution of `x[batch, spatial.., channels]` with `filter[taps.., channels, multiplier]` to
/// `y[batch, windows.., channels * multiplier]`: channel `c * multiplier + q` of the output comes from channel `c` of
/// the input alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DepthwiseShape {
    /// Images.
    pub batch: usize,
    /// The spatial axes.
    pub window: Window,
    /// Channels of the input.
    pub channels: usize,
    /// Channels of the output for each channel of the input.
    pub multiplier: usize,
}

impl DepthwiseShape {
    /// Elements of the input, or `None` if the number overflows.
    pub fn input_len(&self) -> Option<usize> {
        product(&[self.batch, self.window.input_len()?, self.channels])
    }

    /// Elements of the filter, or `None` if the number overflows.
    pub fn filter_len(&self) -> Option<usize> {
        product(&[self.window.taps()?, self.channels, self.multiplier])
    }

    /// Elements of the output, or `None` if the number overflows.
    pub fn output_len(&self) -> Option<usize> {
        product(&[self.batch, self.window.output_len()?, self.channels, self.multiplier])
    }

    fn check(&self, x: usize, filter: usize, y: usize) {
        assert_eq!(Some(x), self.input_len(), "elements of the input of a depthwise convolution");
        assert_eq!(Some(filter), self.filter_len(), "elements of the filter of a depthwise convolution");
        assert_eq!(Some(y), self.output_len(), "elements of the output of a depthwise convolution");
    }

    /// Channels of the output.
    fn outputs(&self) -> usize {
        self.channels * self.multiplier
    }

    /// Multiply-adds, roughly in vectors of eight.
    fn tasks(&self) -> usize {
        let taps: usize = self.window.size.iter().product();
        tasks(self.output_len().unwrap_or(usize::MAX).saturating_mul(taps).saturating_mul(4))
    }
}

/// `y = depthwise_conv(x, filter)`. Each sum runs over the taps that are inside the input, in row-major order.
///
/// `f16` and `bf16` are computed in `f32` and rounded once.
///
/// # Panics
/// If a slice has another length than `shape` says.
pub fn depthwise_conv<S: Element>(shape: &DepthwiseShape, x: &[S], filter: &[S], y: &mut [S]) {
    shape.check(x.len(), filter.len(), y.len());
    let DepthwiseShape { channels, multiplier, .. } = *shape;
    let [deep, high, wide] = shape.window.axes();
    let outputs = shape.outputs();
    share_rows(y, wide.count * outputs, shape.tasks(), &|row, y| {
        let (image, d, h) = (row / high.count / deep.count, row / high.count % deep.count, row % high.count);
        let mut scratch = Scratch::take();
        let sums = scratch.slice::<S::Acc>(y.len());
        sums.fill(S::Acc::ZERO);
        for (td, th) in pairs(deep.taps_inside(d), high.taps_inside(h)) {
            let line =
                (image * deep.extent + deep.place(d, td) as usize) * high.extent + high.place(h, th) as usize;
            let x = &x[line * wide.extent * channels..][..wide.extent * channels];
            let taps = &filter[(td * high.taps + th) * wide.taps * outputs..][..wide.taps * outputs];
            forward_line(&wide, multiplier, x, taps, sums);
        }
        for (y, &sum) in y.iter_mut().zip(&*sums) {
            *y = S::round(sum);
        }
    });
}

/// `dx`, the gradient of a depthwise convolution for its input. Each sum runs over the taps that reach the element, in
/// row-major order, and within them over the multiplier.
///
/// # Panics
/// If a slice has another length than `shape` says.
pub fn depthwise_conv_input_grad<S: Element>(shape: &DepthwiseShape, filter: &[S], dy: &[S], dx: &mut [S]) {
    shape.check(dx.len(), filter.len(), dy.len());
    let DepthwiseShape { channels, multiplier, .. } = *shape;
    let [deep, high, wide] = shape.window.axes();
    let outputs = shape.outputs();
    if outputs == 0 {
        return dx.fill(S::round(S::Acc::ZERO));
    }
    share_rows(dx, wide.extent * channels, shape.tasks(), &|row, dx| {
        let (image, d, h) =
            (row / high.extent / deep.extent, row / high.extent % deep.extent, row % high.extent);
        let mut scratch = Scratch::take();
        let sums = scratch.slice::<S::Acc>(dx.len());
        sums.fill(S::Acc::ZERO);
        for (td, th) in pairs(0..deep.taps, 0..high.taps) {
            let (Some(d), Some(h)) = (deep.window_at(d, td), high.window_at(h, th)) else { continue };
            let line = (image * deep.count + d) * high.count + h;
            let dy = &dy[line * wide.count * outputs..][..wide.count * outputs];
            let taps = &filter[(td * high.taps + th) * wide.taps * outputs..][..wide.taps * outputs];
            input_grad_line(&wide, multiplier, dy, taps, sums);
        }
        for (dx, &sum) in dx.iter_mut().zip(&*sums) {
            *dx = S::round(sum);
        }
    });
}

/// `dfilter`, the gradient of a depthwise convolution for its filter: partial sums over each line of windows, added in
/// row-major order. Windows whose tap is in the padding take no part.
///
/// # Panics
/// If a slice has another length than `shape` says.
pub fn depthwise_conv_filter_grad<S: Element>(shape: &DepthwiseShape, x: &[S], dy: &[S], dfilter: &mut [S]) {
    shape.check(x.len(), dfilter.len(), dy.len());
    let DepthwiseShape { batch, channels, multiplier, .. } = *shape;
    let [deep, high, wide] = shape.window.axes();
    let outputs = shape.outputs();
    share_rows(dfilter, outputs, shape.tasks(), &|tap, dfilter| {
        let (td, th, tw) = (tap / wide.taps / high.taps, tap / wide.taps % high.taps, tap % wide.taps);
        let mut scratch = Scratch::take();
        let (totals, sums) = scratch.slice::<S::Acc>(2 * outputs).split_at_mut(outputs);
        totals.fill(S::Acc::ZERO);
        for image in 0..batch {
            for (d, h) in pairs(deep.windows_inside(td), high.windows_inside(th)) {
                let from = (image * deep.extent + deep.place(d, td) as usize) * high.extent;
                let from = from + high.place(h, th) as usize;
                let x = &x[from * wide.extent * channels..][..wide.extent * channels];
                let to = (image * deep.count + d) * high.count + h;
                let dy = &dy[to * wide.count * outputs..][..wide.count * outputs];
                filter_grad_line(&wide, tw, multiplier, x, dy, sums);
                for (total, sum) in totals.iter_mut().zip(&*sums) {
                    *total += *sum;
                }
            }
        }
        for (out, &total) in dfilter.iter_mut().zip(&*totals) {
            *out = S::round(total);
        }
    });
}

/// All pairs, the second running faster.
fn pairs(
    first: std::ops::Range<usize>,
    second: std::ops::Range<usize>,
) -> impl Iterator<Item = (usize, usize)> {
    first.flat_map(move |a| second.clone().map(move |b| (a, b)))
}

clones! {
    /// Adds the products of one line of the input with one line of taps to a line of sums.
    fn forward_line[S: Element](wide: &Axis, multiplier: usize, x: &[S], taps: &[S], sums: &mut [S::Acc]) {
        let outputs = taps.len() / wide.taps;
        let channels = outputs / multiplier;
        for (tap, taps) in taps.chunks_exact(outputs).enumerate() {
            for w in wide.windows_inside(tap) {
                let x = &x[wide.place(w, tap) as usize * channels..][..channels];
                let sums = &mut sums[w * outputs..][..outputs];
                if multiplier == 1 {
                    for ((sum, x), tap) in sums.iter_mut().zip(x).zip(taps) {
                        *sum = x.widen().fma(tap.widen(), *sum);
                    }
                } else {
                    let banks = sums.chunks_exact_mut(multiplier).zip(taps.chunks_exact(multiplier));
                    for (x, (sums, taps)) in x.iter().zip(banks) {
                        for (sum, tap) in sums.iter_mut().zip(taps) {
                            *sum = x.widen().fma(tap.widen(), *sum);
                        }
                    }
                }
            }
        }
    }
}

clones! {
    /// Adds what one line of `dy` and one line of taps contribute to a line of `dx`.
    fn input_grad_line[S: Element](wide: &Axis, multiplier: usize, dy: &[S], taps: &[S], sums: &mut [S::Acc]) {
        let outputs = taps.len() / wide.taps;
        let channels = outputs / multiplier;
        for (tap, taps) in taps.chunks_exact(outputs).enumerate() {
            for w in wide.windows_inside(tap) {
                let sums = &mut sums[wide.place(w, tap) as usize * channels..][..channels];
                let dy = &dy[w * outputs..][..outputs];
                if multiplier == 1 {
                    for ((sum, dy), tap) in sums.iter_mut().zip(dy).zip(taps) {
                        *sum = dy.widen().fma(tap.widen(), *sum);
                    }
                } else {
                    let banks = dy.chunks_exact(multiplier).zip(taps.chunks_exact(multiplier));
                    for (sum, (dy, taps)) in sums.iter_mut().zip(banks) {
                        for (dy, tap) in dy.iter().zip(taps) {
                            *sum = dy.widen().fma(tap.widen(), *sum);
                        }
                    }
                }
            }
        }
    }
}

clones! {
    /// The sums over one line of windows of the products of `x` under one tap with `dy`.
    fn filter_grad_line[S: Element](
        wide: &Axis,
        tap: usize,
        multiplier: usize,
        x: &[S],
        dy: &[S],
        sums: &mut [S::Acc],
    ) {
        let outputs = sums.len();
        let channels = outputs / multiplier;
        sums.fill(S::Acc::ZERO);
        for w in wide.windows_inside(tap) {
            let x = &x[wide.place(w, tap) as usize * channels..][..channels];
            let dy = &dy[w * outputs..][..outputs];
            if multiplier == 1 {
                for ((sum, x), dy) in sums.iter_mut().zip(x).zip(dy) {
                    *sum = x.widen().fma(dy.widen(), *sum);
                }
            } else {
                let banks = sums.chunks_exact_mut(multiplier).zip(dy.chunks_exact(multiplier));
                for (x, (sums, dy)) in x.iter().zip(banks) {
                    for (sum, dy) in sums.iter_mut().zip(dy) {
                        *sum = x.widen().fma(dy.widen(), *sum);
                    }
                }
            }
        }
    }
}
