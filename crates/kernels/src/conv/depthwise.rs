//! Depthwise convolutions: every input channel has a small filter bank of its own.
//!
//! There is no operand to pack and reuse: for each element the products of its sum are listed, and the list serves all
//! channels, which vectors run along. Sums are chains of fused multiply-adds that start from zero.

use crate::clones::clones;
use crate::gemm::{Element, Real};
use crate::parallel;
use crate::scratch::Scratch;
use crate::window::{Window, product};
use std::ops::Range;

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

    fn taps(&self) -> usize {
        self.window.size.iter().product()
    }

    /// Nanoseconds of work. A multiply-add costs about four times one of a matrix product.
    fn work(&self) -> usize {
        let products = self.output_len().unwrap_or(usize::MAX).saturating_mul(self.taps());
        parallel::multiply_adds(products.saturating_mul(4))
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
    parallel::rows(y, wide.count * outputs, shape.work(), &|row, y| {
        let (image, d, h) = (row / high.count / deep.count, row / high.count % deep.count, row % high.count);
        let mut scratch = Scratch::take();
        let terms = scratch.slice::<Term>(shape.taps());
        let mut found = 0;
        for (w, y) in y.chunks_exact_mut(outputs).enumerate() {
            if w > 0 && wide.taps_inside(w) == (0..wide.taps) && wide.taps_inside(w - 1) == (0..wide.taps) {
                // The same taps as the window before, one step on.
                terms[..found].iter_mut().for_each(|[at, _]| *at += wide.stride * channels);
            } else {
                found = 0;
                for (td, th) in pairs(deep.taps_inside(d), high.taps_inside(h)) {
                    let line = (image * deep.extent + deep.place(d, td) as usize) * high.extent;
                    let line = (line + high.place(h, th) as usize) * wide.extent;
                    for tw in wide.taps_inside(w) {
                        let tap = (td * high.taps + th) * wide.taps + tw;
                        terms[found] = [(line + wide.place(w, tw) as usize) * channels, tap * outputs];
                        found += 1;
                    }
                }
            }
            if multiplier == 1 {
                by_channel(&terms[..found], x, filter, y);
            } else {
                one_to_many(&terms[..found], multiplier, x, filter, y);
            }
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
    parallel::rows(dx, wide.extent * channels, shape.work(), &|row, dx| {
        let (image, d, h) =
            (row / high.extent / deep.extent, row / high.extent % deep.extent, row % high.extent);
        let mut scratch = Scratch::take();
        let terms = scratch.slice::<Term>(shape.taps());
        let mut found = 0;
        // Whether all taps reach a position.
        let whole = |w: usize| (0..wide.taps).all(|tap| wide.window_at(w, tap).is_some());
        let mut last_whole = false;
        for (w, dx) in dx.chunks_exact_mut(channels).enumerate() {
            let now_whole = wide.stride == 1 && whole(w);
            if std::mem::replace(&mut last_whole, now_whole) && now_whole {
                terms[..found].iter_mut().for_each(|[at, _]| *at += outputs);
            } else {
                found = 0;
                for (td, th) in pairs(0..deep.taps, 0..high.taps) {
                    let (Some(d), Some(h)) = (deep.window_at(d, td), high.window_at(h, th)) else { continue };
                    let line = ((image * deep.count + d) * high.count + h) * wide.count;
                    for tw in 0..wide.taps {
                        let Some(w) = wide.window_at(w, tw) else { continue };
                        let tap = (td * high.taps + th) * wide.taps + tw;
                        terms[found] = [(line + w) * outputs, tap * outputs];
                        found += 1;
                    }
                }
            }
            if multiplier == 1 {
                by_channel(&terms[..found], dy, filter, dx);
            } else {
                many_to_one(&terms[..found], multiplier, dy, filter, dx);
            }
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
    parallel::rows(dfilter, outputs, shape.work(), &|tap, dfilter| {
        let (td, th, tw) = (tap / wide.taps / high.taps, tap / wide.taps % high.taps, tap % wide.taps);
        let mut scratch = Scratch::take();
        let (totals, sums) = scratch.slice::<S::Acc>(2 * outputs).split_at_mut(outputs);
        totals.fill(S::Acc::ZERO);
        let windows = wide.windows_inside(tw);
        let first = if windows.is_empty() { 0 } else { wide.place(windows.start, tw) as usize };
        for image in 0..batch {
            for (d, h) in pairs(deep.windows_inside(td), high.windows_inside(th)) {
                let from = (image * deep.extent + deep.place(d, td) as usize) * high.extent;
                let from = from + high.place(h, th) as usize;
                let x = &x[from * wide.extent * channels..][..wide.extent * channels];
                let to = (image * deep.count + d) * high.count + h;
                let dy = &dy[to * wide.count * outputs..][..wide.count * outputs];
                let x = &x[first * channels..];
                filter_grad_line(windows.clone(), wide.stride * channels, multiplier, x, dy, sums);
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
fn pairs(first: Range<usize>, second: Range<usize>) -> impl Iterator<Item = (usize, usize)> {
    first.flat_map(move |a| second.clone().map(move |b| (a, b)))
}

/// One product of a sum: where the channels of the input, or of `dy`, start, and where those of the tap.
type Term = [usize; 2];

/// Channels whose sums are kept in one vector register, or a few: a number that the compiler unrolls and vectorises.
const LANES: usize = 16;

/// Adds the products of `L` channels to their sums.
#[inline(always)]
fn accumulate<S: Element, const L: usize>(sums: &mut [S::Acc; L], x: &[S], y: &[S]) {
    let (x, y) = (&x[..L], &y[..L]);
    for lane in 0..L {
        sums[lane] = x[lane].widen().fma(y[lane].widen(), sums[lane]);
    }
}

/// The sums of `L` channels from `c` on.
#[inline(always)]
fn lanes<S: Element, const L: usize>(terms: &[Term], c: usize, x: &[S], filter: &[S], out: &mut [S]) {
    let mut sums = [S::Acc::ZERO; L];
    for &[at, tap] in terms {
        accumulate(&mut sums, &x[at + c..], &filter[tap + c..]);
    }
    for (out, sum) in out[c..c + L].iter_mut().zip(sums) {
        *out = S::round(sum);
    }
}

/// The sums of four times [`LANES`] channels from `c` on, side by side.
#[inline(always)]
fn four_lanes<S: Element>(terms: &[Term], c: usize, x: &[S], filter: &[S], out: &mut [S]) {
    let [mut s0, mut s1, mut s2, mut s3] = [[S::Acc::ZERO; LANES]; 4];
    for &[at, tap] in terms {
        let (x, tap) = (&x[at + c..][..4 * LANES], &filter[tap + c..][..4 * LANES]);
        accumulate(&mut s0, x, tap);
        accumulate(&mut s1, &x[LANES..], &tap[LANES..]);
        accumulate(&mut s2, &x[2 * LANES..], &tap[2 * LANES..]);
        accumulate(&mut s3, &x[3 * LANES..], &tap[3 * LANES..]);
    }
    for (out, sums) in out[c..].chunks_exact_mut(LANES).zip([s0, s1, s2, s3]) {
        for (out, sum) in out.iter_mut().zip(sums) {
            *out = S::round(sum);
        }
    }
}

clones! {
    /// Sums of the products of `x` and `filter`, channel by channel.
    fn by_channel[S: Element](terms: &[Term], x: &[S], filter: &[S], out: &mut [S]) {
        let mut c = 0;
        while c + 4 * LANES <= out.len() {
            four_lanes(terms, c, x, filter, out);
            c += 4 * LANES;
        }
        while c + LANES <= out.len() {
            lanes::<S, LANES>(terms, c, x, filter, out);
            c += LANES;
        }
        for c in c..out.len() {
            lanes::<S, 1>(terms, c, x, filter, out);
        }
    }
}

clones! {
    /// Sums of the products of each channel of `x` with its `multiplier` filters.
    fn one_to_many[S: Element](terms: &[Term], multiplier: usize, x: &[S], filter: &[S], out: &mut [S]) {
        for (c, out) in out.iter_mut().enumerate() {
            let sum = terms.iter().fold(S::Acc::ZERO, |sum, &[at, tap]| {
                x[at + c / multiplier].widen().fma(filter[tap + c].widen(), sum)
            });
            *out = S::round(sum);
        }
    }
}

clones! {
    /// Sums of the products of the `multiplier` channels of `dy` for each channel with their filters.
    fn many_to_one[S: Element](terms: &[Term], multiplier: usize, dy: &[S], filter: &[S], out: &mut [S]) {
        for (c, out) in out.iter_mut().enumerate() {
            let mut sum = S::Acc::ZERO;
            for &[at, tap] in terms {
                for q in c * multiplier..(c + 1) * multiplier {
                    sum = dy[at + q].widen().fma(filter[tap + q].widen(), sum);
                }
            }
            *out = S::round(sum);
        }
    }
}

clones! {
    /// The sums over some windows of one line of the products of `x`, which starts with the first of them and goes on
    /// by `step`, with `dy`, which starts with the line. The sums stay in the cache while both stream by.
    fn filter_grad_line[S: Element](
        windows: Range<usize>,
        step: usize,
        multiplier: usize,
        x: &[S],
        dy: &[S],
        sums: &mut [S::Acc],
    ) {
        let outputs = sums.len();
        let channels = outputs / multiplier;
        sums.fill(S::Acc::ZERO);
        for (i, w) in windows.enumerate() {
            let (x, dy) = (&x[i * step..][..channels], &dy[w * outputs..][..outputs]);
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
