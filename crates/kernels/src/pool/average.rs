//! Average pooling: the sum over the elements of a window that are inside, divided by their number.

use super::{LANES, Line, PoolShape, places};
use crate::clones::clones;
use crate::gemm::{Element, Real};
use crate::parallel;
use crate::scratch::Scratch;
use crate::window::Axis;

/// `y`: the average of each window, summed in row-major order. A window that lies in the padding altogether gives NaN.
///
/// `f16` and `bf16` are computed in `f32` and rounded once.
///
/// # Panics
/// If a slice has another length than `shape` says.
pub fn avg_pool<S: Element>(shape: &PoolShape, x: &[S], y: &mut [S]) {
    shape.check(x.len(), y.len());
    let axes = shape.window.axes();
    let [deep, high, wide] = axes;
    let image_len = shape.image_len();
    parallel::rows(y, wide.count * shape.channels, shape.work(1), &|line, y| {
        let (image, d, h) = PoolShape::line(line, deep.count, high.count);
        let mut scratch = Scratch::take();
        let sums = scratch.slice::<S::Acc>(shape.channels);
        average_line(&axes, d, h, &x[image * image_len..][..image_len], sums, y);
    });
}

/// `dx`, the gradient of an average pooling for its input: each element of `dy`, divided by the number of elements of
/// its window, goes to each of them. The sums run over the windows in row-major order.
///
/// # Panics
/// If a slice has another length than `shape` says.
pub fn avg_pool_grad<S: Element>(shape: &PoolShape, dy: &[S], dx: &mut [S]) {
    shape.check(dx.len(), dy.len());
    let axes = shape.window.axes();
    let [deep, high, wide] = axes;
    let channels = shape.channels;
    let (from, to) = (wide.count * channels, wide.extent * channels);
    parallel::rows(dx, to, shape.work(1), &|line, dx| {
        let (image, d, h) = PoolShape::line(line, deep.extent, high.extent);
        let mut scratch = Scratch::take();
        let (sums, share) = scratch.slice::<S::Acc>(dx.len() + channels).split_at_mut(dx.len());
        sums.fill(S::Acc::ZERO);
        for (d, h) in PoolShape::lines_over(&deep, &high, d, h) {
            let lines = deep.taps_inside(d).len() * high.taps_inside(h).len();
            let dy = &dy[((image * deep.count + d) * high.count + h) * from..][..from];
            spread_line(&wide, lines, dy, share, sums);
        }
        for (dx, &sum) in dx.iter_mut().zip(&*sums) {
            *dx = S::round(sum);
        }
    });
}

clones! {
    /// The averages of one line of windows; `sums` has room for one window.
    fn average_line[S: Element](axes: &[Axis; 3], d: usize, h: usize, x: &[S], sums: &mut [S::Acc], y: &mut [S]) {
        let channels = sums.len();
        let line = Line::new(axes, channels, d, h);
        for (w, y) in y.chunks_exact_mut(channels).enumerate() {
            if let Some((first, offsets)) = line.whole(&axes[2], w) {
                let count = S::Acc::from_count(offsets.len());
                let (groups, rest) = y.as_chunks_mut::<LANES>();
                for (group, y) in groups.iter_mut().enumerate() {
                    let mut sums = [S::Acc::ZERO; LANES];
                    for offset in offsets {
                        let x = &x[first + offset + group * LANES..][..LANES];
                        for l in 0..LANES {
                            sums[l] += x[l].widen();
                        }
                    }
for l in 0..LANES {
                        y[l] = S::round(sums[l] / count);
                    }
                }
                for (c, y) in (channels - rest.len()..).zip(rest) {
                    let taps = offsets.iter().map(|offset| x[first + offset + c].widen());
                    *y = S::round(taps.fold(S::Acc::ZERO, S::Acc::plus) / count);
                }
                continue;
            }
            sums.fill(S::Acc::ZERO);
            let mut count = 0;
            for place in places(axes, channels, d, h, w) {
                count += 1;
                for (sum, x) in sums.iter_mut().zip(&x[place..][..channels]) {
                    *sum += x.widen();
                }
            }
            for (y, &sum) in y.iter_mut().zip(&*sums) {
                *y = S::round(sum / S::Acc::from_count(count));
            }
        }
    }
}

clones! {
    /// Adds to a line of the input what one line of windows, each over `lines` lines, gives it; `share` has room for
    /// one window.
    fn spread_line[S: Element](wide: &Axis, lines: usize, dy: &[S], share: &mut [S::Acc], sums: &mut [S::Acc]) {
        let channels = share.len();
        for (w, dy) in dy.chunks_exact(channels).enumerate() {
            let taps = wide.taps_inside(w);
            let count = S::Acc::from_count(lines * taps.len());
            for (share, dy) in share.iter_mut().zip(dy) {
                *share = dy.widen() / count;
            }
            for tap in taps {
                let place = wide.place(w, tap) as usize * channels;
                for (sum, &share) in sums[place..][..channels].iter_mut().zip(&*share) {
                    *sum += share;
                }
            }
        }
    }
}
