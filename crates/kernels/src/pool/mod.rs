//! Pooling over one to three spatial axes, channels last, and its gradients.
//!
//! Padding takes no part: it is no candidate for a maximum and does not count in an average.

mod average;
mod max;
#[cfg(test)]
mod tests;

use super::parallel;
use super::window::{Axis, Window, product};
pub use average::{avg_pool, avg_pool_grad};
pub use max::{
    Ordered, max_pool, max_pool_grad, max_pool_grad_grad, max_pool_grad_grad_with_argmax,
    max_pool_grad_with_argmax, max_pool_with_argmax,
};
use std::ops::Range;

/// Windows over `x[batch, spatial.., channels]`, each giving one element of `y[batch, windows.., channels]` for each
/// channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolShape {
    /// Images.
    pub batch: usize,
    /// The spatial axes.
    pub window: Window,
    /// Channels, of the input and of the output.
    pub channels: usize,
}

impl PoolShape {
    /// Elements of the input, or `None` if the number overflows.
    pub fn input_len(&self) -> Option<usize> {
        product(&[self.batch, self.window.input_len()?, self.channels])
    }

    /// Elements of the output, or `None` if the number overflows.
    pub fn output_len(&self) -> Option<usize> {
        product(&[self.batch, self.window.output_len()?, self.channels])
    }

    fn check(&self, x: usize, y: usize) {
        assert_eq!(Some(x), self.input_len(), "elements of the input of a pooling");
        assert_eq!(Some(y), self.output_len(), "elements of the output of a pooling");
    }

    /// Elements of one image of the input.
    fn image_len(&self) -> usize {
        self.window.input.iter().product::<usize>() * self.channels
    }

    /// Nanoseconds of work.
    fn work(&self, work_of_an_element: usize) -> usize {
        let taps: usize = self.window.size.iter().product();
        let work = self.output_len().unwrap_or(usize::MAX).saturating_mul(taps);
        parallel::multiply_adds(work.saturating_mul(work_of_an_element))
    }

    /// Which image and which line of it a line of `lines` by image is.
    fn line(line: usize, deep: usize, high: usize) -> (usize, usize, usize) {
        (line / high / deep, line / high % deep, line % high)
    }

    /// The lines of windows that reach line (`d`, `h`) of the input, in ascending order, as (d, h) of the windows.
    fn lines_over(deep: &Axis, high: &Axis, d: usize, h: usize) -> impl Iterator<Item = (usize, usize)> {
        let (deep, high) = (*deep, *high);
        // Window numbers fall as taps rise.
        let over =
            |axis: Axis, at: usize| (0..axis.taps).rev().filter_map(move |tap| axis.window_at(at, tap));
        over(deep, d).flat_map(move |d| over(high, h).map(move |h| (d, h)))
    }
}

/// Channels that are computed side by side.
const LANES: usize = 16;

/// The windows of one line, of which most have all their taps inside: then only the place of the first tap differs.
struct Line {
    /// The places of the taps after that of the first, and how many there are; none if a window of this line cannot be whole,
    /// or has too many taps to list.
    offsets: [usize; Line::MOST_TAPS],
    taps: usize,
    /// The place of the first tap of window 0, if it were inside.
    first: isize,
    /// From one window to the next.
    step: usize,
}

impl Line {
    const MOST_TAPS: usize = 16;

    #[inline(always)]
    fn new(axes: &[Axis; 3], channels: usize, d: usize, h: usize) -> Line {
        let [deep, high, wide] = *axes;
        let mut this =
            Line { offsets: [0; Line::MOST_TAPS], taps: 0, first: 0, step: wide.stride * channels };
        let inside = deep.taps_inside(d).len() == deep.taps && high.taps_inside(h).len() == high.taps;
        let taps = deep.taps * high.taps * wide.taps;
        if !inside || taps > Line::MOST_TAPS || taps == 0 {
            return this;
        }
        let row = deep.place(d, 0) as usize * high.extent + high.place(h, 0) as usize;
        this.first = (row * wide.extent) as isize * channels as isize + wide.first * channels as isize;
        for (tap, offset) in this.offsets[..taps].iter_mut().enumerate() {
            let [td, th, tw] = [tap / wide.taps / high.taps, tap / wide.taps % high.taps, tap % wide.taps];
            let rows = td * deep.dilation * high.extent + th * high.dilation;
            *offset = (rows * wide.extent + tw * wide.dilation) * channels;
        }
        this.taps = taps;
        this
    }

    /// The place of window `w`'s first tap and the offsets of all, if they are all inside.
    #[inline(always)]
    fn whole(&self, wide: &Axis, w: usize) -> Option<(usize, &[usize])> {
        let whole = self.taps > 0 && wide.taps_inside(w).len() == wide.taps;
        whole
            .then(|| (self.first.wrapping_add((w * self.step) as isize) as usize, &self.offsets[..self.taps]))
    }
}

/// The taps of one window that are inside, each as the place of its first channel within the image.
#[inline(always)]
fn places(axes: &[Axis; 3], channels: usize, d: usize, h: usize, w: usize) -> impl Iterator<Item = usize> {
    let [deep, high, wide] = *axes;
    let line: Range<usize> = wide.taps_inside(w);
    deep.taps_inside(d).flat_map(move |td| {
        let line = line.clone();
        high.taps_inside(h).flat_map(move |th| {
            let row = (deep.place(d, td) as usize * high.extent + high.place(h, th) as usize) * wide.extent;
            line.clone().map(move |tw| (row + wide.place(w, tw) as usize) * channels)
        })
    })
}
