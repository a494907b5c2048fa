//! The geometry of sliding windows: what convolution and pooling share.

/// Windows that slide over up to three spatial axes. Fewer axes are padded in front with axes of size 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Extent of the input.
    pub input: [usize; 3],
    /// Extent of the window, in taps.
    pub size: [usize; 3],
    /// From one window to the next.
    pub stride: [usize; 3],
    /// From one tap to the next.
    pub dilation: [usize; 3],
    /// Padding before the first element.
    pub pad_low: [usize; 3],
    /// How many windows there are.
    pub output: [usize; 3],
}

impl Window {
    /// Windows over an input of 1 to 3 spatial axes, padded by `(low, high)` along each.
    ///
    /// There are `(input + low + high - (size - 1) * dilation - 1) / stride + 1` windows along an axis, or none if the
    /// padded input is smaller than a window. `None` if the ranks differ, a size, stride or dilation is 0, or a number
    /// overflows.
    pub fn new(
        input: &[usize],
        size: &[usize],
        stride: &[usize],
        dilation: &[usize],
        padding: &[(usize, usize)],
    ) -> Option<Window> {
        let rank = input.len();
        let ranks = [size.len(), stride.len(), dilation.len(), padding.len()];
        if !(1..=3).contains(&rank) || ranks.iter().any(|&r| r != rank) {
            return None;
        }
        let mut window = Window {
            input: [1; 3],
            size: [1; 3],
            stride: [1; 3],
            dilation: [1; 3],
            pad_low: [0; 3],
            output: [1; 3],
        };
        for i in 0..rank {
            let at = 3 - rank + i;
            let (low, high) = padding[i];
            if size[i] == 0 || stride[i] == 0 || dilation[i] == 0 {
                return None;
            }
            let span = (size[i] - 1).checked_mul(dilation[i])?.checked_add(1)?;
            let padded = input[i].checked_add(low)?.checked_add(high)?;
            // Positions are computed as signed numbers.
            isize::try_from(padded.checked_add(span)?.checked_add(stride[i])?).ok()?;
            window.input[at] = input[i];
            window.size[at] = size[i];
            window.stride[at] = stride[i];
            window.dilation[at] = dilation[i];
            window.pad_low[at] = low;
            window.output[at] = if padded < span { 0 } else { (padded - span) / stride[i] + 1 };
        }
        Some(window)
    }

    /// One axis: the input positions of each tap of each window.
    pub fn axis(&self, at: usize) -> Axis {
        Axis {
            count: self.output[at],
            stride: self.stride[at],
            taps: self.size[at],
            dilation: self.dilation[at],
            first: -(self.pad_low[at] as isize),
            extent: self.input[at],
        }
    }

    /// All three axes.
    pub fn axes(&self) -> [Axis; 3] {
        [0, 1, 2].map(|at| self.axis(at))
    }

    /// Elements of the input, of one channel of one image.
    pub fn input_len(&self) -> Option<usize> {
        product(&self.input)
    }

    /// Windows of one image.
    pub fn output_len(&self) -> Option<usize> {
        product(&self.output)
    }

    /// Taps of a window.
    pub fn taps(&self) -> Option<usize> {
        product(&self.size)
    }
}

/// The product of `sizes`, or `None` if it overflows. A zero anywhere gives zero.
pub fn product(sizes: &[usize]) -> Option<usize> {
    if sizes.contains(&0) {
        return Some(0);
    }
    sizes.iter().try_fold(1usize, |product, &size| product.checked_mul(size))
}

/// The padding that TensorFlow's `SAME` gives one axis, `(low, high)`: as many windows as strides fit into the input,
/// rounded up, with the odd element of padding behind. `None` if a number overflows or `stride` or `size` is 0.
pub fn same_padding(input: usize, size: usize, stride: usize, dilation: usize) -> Option<(usize, usize)> {
    if stride == 0 {
        return None;
    }
    let span = size.checked_sub(1)?.checked_mul(dilation)?.checked_add(1)?;
    let reach = input.div_ceil(stride).saturating_sub(1) * stride;
    let total = if input == 0 { 0 } else { reach.checked_add(span)?.saturating_sub(input) };
    Some((total / 2, total - total / 2))
}

/// One axis of windows: tap `t` of window `o` is at `o * stride + t * dilation + first`, inside if below `extent`.
#[derive(Clone, Copy, Debug)]
pub struct Axis {
    /// How many windows.
    pub count: usize,
    /// From one window to the next.
    pub stride: usize,
    /// Taps of a window.
    pub taps: usize,
    /// From one tap to the next.
    pub dilation: usize,
    /// Where the first tap of the first window is.
    pub first: isize,
    /// The axis they slide along.
    pub extent: usize,
}

impl Axis {
    /// Where tap `tap` of window `at` is, inside or not.
    #[inline(always)]
    pub fn place(&self, at: usize, tap: usize) -> isize {
        (at * self.stride + tap * self.dilation) as isize + self.first
    }

    /// Where tap `tap` of window `at` is, if inside.
    #[inline(always)]
    pub fn inside(&self, at: usize, tap: usize) -> Option<usize> {
        let place = self.place(at, tap);
        (place >= 0 && (place as usize) < self.extent).then_some(place as usize)
    }

    /// The taps of window `at` that are inside.
    pub fn taps_inside(&self, at: usize) -> std::ops::Range<usize> {
        steps_inside(self.place(at, 0), self.dilation, self.taps, self.extent)
    }

    /// The windows whose tap `tap` is inside.
    pub fn windows_inside(&self, tap: usize) -> std::ops::Range<usize> {
        steps_inside(self.place(0, tap), self.stride, self.count, self.extent)
    }

    /// The window whose tap `tap` is at `place`, if there is one.
    pub fn window_at(&self, place: usize, tap: usize) -> Option<usize> {
        let ahead = usize::try_from(place as isize - self.place(0, tap)).ok()?;
        let at = ahead / self.stride;
        (ahead.is_multiple_of(self.stride) && at < self.count).then_some(at)
    }
}

/// Which of `count` places from `first` on, `step` apart, are at least 0 and below `extent`.
fn steps_inside(first: isize, step: usize, count: usize, extent: usize) -> std::ops::Range<usize> {
    let start = if first < 0 { first.unsigned_abs().div_ceil(step) } else { 0 };
    let before_end = extent as isize - first;
    let end = if before_end <= 0 { 0 } else { (before_end as usize).div_ceil(step) };
    start.min(count)..end.clamp(start.min(count), count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_counted_as_tensorflow_counts_them() {
        let one = |n, size, stride, dilation, pad| {
            Window::new(&[n], &[size], &[stride], &[dilation], &[pad]).map(|w| w.output[2])
        };
        assert_eq!(one(7, 3, 2, 1, (0, 0)), Some(3));
        assert_eq!(one(7, 3, 1, 2, (0, 0)), Some(3));
        assert_eq!(one(6, 3, 2, 1, (1, 2)), Some(4));
        assert_eq!(one(2, 3, 1, 1, (0, 0)), Some(0));
        assert_eq!(one(0, 1, 1, 1, (0, 0)), Some(0));
        assert_eq!(one(5, 3, 0, 1, (0, 0)), None);
        assert_eq!(one(usize::MAX, 1, 1, 1, (1, 0)), None);
        assert_eq!(Window::new(&[5, 5], &[3], &[1], &[1], &[(0, 0)]), None);
    }

    #[test]
    fn same_padding_puts_the_odd_element_behind() {
        assert_eq!(same_padding(6, 3, 1, 1), Some((1, 1)));
        assert_eq!(same_padding(6, 3, 2, 1), Some((0, 1)));
        assert_eq!(same_padding(5, 2, 2, 1), Some((0, 1)));
        assert_eq!(same_padding(4, 1, 3, 1), Some((0, 0)));
        assert_eq!(same_padding(8, 3, 1, 2), Some((2, 2)));
        assert_eq!(same_padding(0, 3, 1, 1), Some((0, 0)));
        assert_eq!(same_padding(4, 1, 0, 1), None);
    }

    #[test]
    fn ranges_agree_with_places() {
        for (extent, size, stride, dilation, pad) in
            [(5, 3, 1, 1, (1, 1)), (7, 2, 3, 2, (4, 0)), (1, 3, 1, 1, (2, 2)), (6, 1, 2, 1, (0, 0))]
        {
            let window = Window::new(&[extent], &[size], &[stride], &[dilation], &[pad]).unwrap();
            let axis = window.axis(2);
            for at in 0..axis.count {
                for tap in 0..size {
                    let inside = axis.inside(at, tap);
                    assert_eq!(axis.taps_inside(at).contains(&tap), inside.is_some());
                    assert_eq!(axis.windows_inside(tap).contains(&at), inside.is_some());
                    if let Some(place) = inside {
                        assert_eq!(axis.window_at(place, tap), Some(at));
                    }
                }
            }
            for (place, tap) in (0..extent).flat_map(|p| (0..size).map(move |t| (p, t))) {
                let found = (0..axis.count).find(|&at| axis.inside(at, tap) == Some(place));
                assert_eq!(axis.window_at(place, tap), found);
            }
        }
    }
}
