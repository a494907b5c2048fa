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
