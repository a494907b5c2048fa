//! Max pooling: the largest element of each window, the place where it was found, and what flows back there.
//!
//! The first of equal elements wins, in row-major order of the window. A NaN is larger than every number, so that it is
//! never lost, and the first one wins. A window that lies in the padding altogether gives the lowest finite number, has
//! -1 as its place, and receives and gives no gradient.

use super::{LANES, Line, PoolShape, places};
use crate::clones::clones;
use crate::gemm::{Element, Finish, Real};
use crate::parallel;
use crate::scratch::Scratch;
use crate::window::Axis;
use bytemuck::Pod;
use half::{bf16, f16};

/// So many images, or more, are shared among threads as they are.
const IMAGES: usize = 4;

/// A type that has a maximum.
pub trait Ordered: Pod + Send + Sync {
    /// The maximum of nothing.
    const LOWEST: Self;

    /// Whether a later `self` takes the place of `best`.
    fn beats(self, best: Self) -> bool;
}

macro_rules! ordered {
    (integer $($type:ty)*) => {$(
        impl Ordered for $type {
            const LOWEST: $type = <$type>::MIN;

            #[inline(always)]
            fn beats(self, best: $type) -> bool {
                self > best
            }
        }
    )*};
    (float $($type:ty)*) => {$(
        impl Ordered for $type {
            const LOWEST: $type = <$type>::MIN;

            #[inline(always)]
            fn beats(self, best: $type) -> bool {
                // No short circuits: they would be branches.
                (self > best) | (self.is_nan() & !best.is_nan())
            }
        }
    )*};
}
ordered!(integer i8 i16 i32 i64 u8 u16 u32 u64);
ordered!(float f16 bf16 f32 f64);

/// `y`: the maximum of each window.
///
/// # Panics
/// If a slice has another length than `shape` says.
pub fn max_pool<T: Ordered>(shape: &PoolShape, x: &[T], y: &mut [T]) {
    shape.check(x.len(), y.len());
    let axes = shape.window.axes();
    let [deep, high, wide] = axes;
    let image_len = shape.image_len();
    parallel::rows(y, wide.count * shape.channels, shape.work(1), &|line, y| {
        let (image, d, h) = PoolShape::line(line, deep.count, high.count);
        max_line(&axes, shape.channels, d, h, &x[image * image_len..][..image_len], y);
    });
}

/// `y` and `argmax`: the maximum of each window, and its place in the flattened input.
///
/// The place of element (b, d, h, w, c) is TensorFlow's: `((d * H + h) * W + w) * C + c`, to which `include_batch` adds
/// `b * D * H * W * C`.
///
/// # Panics
/// If a slice has another length than `shape` says.
pub fn max_pool_with_argmax<T: Ordered>(
    shape: &PoolShape,
    include_batch: bool,
    x: &[T],
    y: &mut [T],
    argmax: &mut [i64],
) {
    shape.check(x.len(), y.len());
    max_pool(shape, x, y);
    find_argmax(shape, include_batch, x, argmax);
}

/// The place of each window's maximum.
fn find_argmax<T: Ordered>(shape: &PoolShape, include_batch: bool, x: &[T], argmax: &mut [i64]) {
    shape.check(x.len(), argmax.len());
    let axes = shape.window.axes();
    let [deep, high, wide] = axes;
    let image_len = shape.image_len();
    parallel::rows(argmax, wide.count * shape.channels, shape.work(4), &|line, argmax| {
        let (image, d, h) = PoolShape::line(line, deep.count, high.count);
        let mut scratch = Scratch::take();
        let best = scratch.slice::<T>(shape.channels);
        argmax_line(&axes, d, h, &x[image * image_len..][..image_len], best, argmax);
        if include_batch {
            for place in argmax.iter_mut().filter(|place| **place >= 0) {
                *place += (image * image_len) as i64;
            }
        }
    });
}

/// `dx`, the gradient of a max pooling for its input: each element of `dy` goes to the place of its window's maximum.
/// Where windows overlap, the sums run over the windows in row-major order. Each element of `dx` is handed to `finish` once, in
/// runs and from several threads, as soon as it is computed.
///
/// # Panics
/// If a slice has another length than `shape` says.
pub fn max_pool_grad<T: Ordered + Element>(
    shape: &PoolShape,
    x: &[T],
    dy: &[T],
    dx: &mut [T],
    finish: Option<&Finish<'_, T>>,
) {
    shape.check(dx.len(), dy.len());
    let axes = shape.window.axes();
    let apart = axes.iter().all(|axis| axis.taps > 0 && axis.stride > (axis.taps - 1) * axis.dilation);
    if apart && shape.batch >= IMAGES {
        // Every element is in one window at most, so it gets one element of `dy` or none.
        shape.check(x.len(), dy.len());
        let (image_len, [deep, high, wide]) = (shape.image_len(), axes);
        let across = wide.count * shape.channels;
        // Windows that cover everything and lie inside write every element.
        let covers = |axis: &Axis| {
            axis.first == 0
                && axis.stride == axis.taps
                && axis.dilation == 1
                && axis.count * axis.taps == axis.extent
        };
        let taps: usize = axes.iter().map(|axis| axis.taps).product();
        let covered =
            axes.iter().all(covers) && shape.channels.is_multiple_of(LANES) && taps <= Line::MOST_TAPS;
        // What a line of windows covers lies together; else an image is a run.
        let lines = if covered && deep.taps == 1 { deep.count * high.count } else { 1 };
        parallel::rows(dx, image_len, shape.work(4), &|image, dx| {
            if !covered {
                dx.fill(T::round(T::Acc::ZERO));
            }
            for line in 0..deep.count * high.count {
                let (d, h) = (line / high.count, line % high.count);
                let dy = &dy[(image * deep.count * high.count + line) * across..][..across];
                grad_line(&axes, shape.channels, d, h, &x[image * image_len..][..image_len], dy, dx);
                if let (Some(finish), true) = (finish, lines > 1) {
                    let run = image_len / lines;
                    finish(image * image_len + line * run, &mut dx[line * run..][..run]);
                }
            }
            if let (Some(finish), 1) = (finish, lines) {
                finish(image * image_len, dx);
            }
        });
        return;
    }
    let mut scratch = Scratch::take();
    let argmax = scratch.slice::<i64>(dy.len());
    find_argmax(shape, false, x, argmax);
    from_argmax(shape, false, argmax, dy, dx, finish);
}

/// [`max_pool_grad`] from the places that [`max_pool_with_argmax`] found. A place outside a window's reach is ignored.
///
/// # Panics
/// If a slice has another length than `shape` says.
pub fn max_pool_grad_with_argmax<T: Element>(
    shape: &PoolShape,
    include_batch: bool,
    argmax: &[i64],
    dy: &[T],
    dx: &mut [T],
) {
    from_argmax(shape, include_batch, argmax, dy, dx, None);
}

fn from_argmax<T: Element>(
    shape: &PoolShape,
    include_batch: bool,
    argmax: &[i64],
    dy: &[T],
    dx: &mut [T],
    finish: Option<&Finish<'_, T>>,
) {
    shape.check(dx.len(), dy.len());
    assert_eq!(argmax.len(), dy.len(), "one place for each element of the output of a pooling");
    let [deep, high, wide] = shape.window.axes();
    let (from, to) = (wide.count * shape.channels, wide.extent * shape.channels);
    parallel::rows(dx, to, shape.work(4), &|line, dx| {
        let (image, d, h) = PoolShape::line(line, deep.extent, high.extent);
        let place = line * to;
        let mut scratch = Scratch::take();
        let sums = scratch.slice::<T::Acc>(dx.len());
        sums.fill(T::Acc::ZERO);
        // Places on this line start here.
        let line = if include_batch { line } else { line - image * deep.extent * high.extent };
        let start = (line * to) as i64;
        for (d, h) in PoolShape::lines_over(&deep, &high, d, h) {
            let windows = ((image * deep.count + d) * high.count + h) * from;
            for (&place, &dy) in argmax[windows..][..from].iter().zip(&dy[windows..][..from]) {
                let at = usize::try_from(place.wrapping_sub(start)).unwrap_or(usize::MAX);
                if let Some(sum) = sums.get_mut(at) {
                    *sum += dy.widen();
                }
            }
        }
        for (dx, &sum) in dx.iter_mut().zip(&*sums) {
            *dx = T::round(sum);
        }
        if let Some(finish) = finish {
            finish(place, dx);
        }
    });
}

/// `ddy`, the gradient of [`max_pool_grad`] for its `dy`: what `ddx` has at the place of each window's maximum.
///
/// # Panics
/// If a slice has another length than `shape` says.
pub fn max_pool_grad_grad<T: Ordered + Element>(shape: &PoolShape, x: &[T], ddx: &[T], ddy: &mut [T]) {
    let mut scratch = Scratch::take();
    let argmax = scratch.slice::<i64>(ddy.len());
    find_argmax(shape, false, x, argmax);
    max_pool_grad_grad_with_argmax(shape, false, argmax, ddx, ddy);
}

/// [`max_pool_grad_grad`] from the places that [`max_pool_with_argmax`] found. A place outside the input gives zero.
///
/// # Panics
/// If a slice has another length than `shape` says.
pub fn max_pool_grad_grad_with_argmax<T: Element>(
    shape: &PoolShape,
    include_batch: bool,
    argmax: &[i64],
    ddx: &[T],
    ddy: &mut [T],
) {
    shape.check(ddx.len(), ddy.len());
    assert_eq!(argmax.len(), ddy.len(), "one place for each element of the output of a pooling");
    let image_len = shape.image_len();
    let windows = shape.window.output.iter().product::<usize>() * shape.channels;
    parallel::rows(ddy, windows.max(1), shape.work(1), &|image, ddy| {
        let places = &argmax[image * windows..][..windows];
        let from = if include_batch { ddx } else { &ddx[image * image_len..][..image_len] };
        for (ddy, &place) in ddy.iter_mut().zip(places) {
            let found = usize::try_from(place).ok().and_then(|at| from.get(at));
            *ddy = found.copied().unwrap_or_else(|| T::round(T::Acc::ZERO));
        }
    });
}

clones! {
    /// The maxima of one line of windows.
    fn max_line[T: Ordered](axes: &[Axis; 3], channels: usize, d: usize, h: usize, x: &[T], y: &mut [T]) {
        let line = Line::new(axes, channels, d, h);
        for (w, y) in y.chunks_exact_mut(channels).enumerate() {
            if let Some((first, offsets)) = line.whole(&axes[2], w) {
                let (groups, rest) = y.as_chunks_mut::<LANES>();
                for (group, y) in groups.iter_mut().enumerate() {
                    let x = &x[first + group * LANES..];
                    let mut best = [T::LOWEST; LANES];
                    best.copy_from_slice(&x[..LANES]);
                    for &offset in &offsets[1..] {
                        let x = &x[offset..][..LANES];
                        for l in 0..LANES {
                            best[l] = if x[l].beats(best[l]) { x[l] } else { best[l] };
                        }
                    }
                    *y = best;
                }
                for (c, y) in (channels - rest.len()..).zip(rest) {
                    let taps = offsets.iter().map(|offset| x[first + offset + c]);
                    let better = |best: T, x: T| if x.beats(best) { x } else { best };
                    *y = taps.reduce(better).unwrap_or(T::LOWEST);
                }
                continue;
            }
            let mut places = places(axes, channels, d, h, w);
            match places.next() {
                Some(place) => y.copy_from_slice(&x[place..][..channels]),
                None => y.fill(T::LOWEST),
            }
            for place in places {
                for (best, &x) in y.iter_mut().zip(&x[place..][..channels]) {
                    *best = if x.beats(*best) { x } else { *best };
                }
            }
        }
    }
}

clones! {
    /// Writes one line of `dy` to the places of the maxima of its windows in one image of `dx`, which none of the windows
    /// shares with another.
    fn grad_line[T: Ordered + Element](
        axes: &[Axis; 3],
        channels: usize,
        d: usize,
        h: usize,
        x: &[T],
        dy: &[T],
        dx: &mut [T],
    ) {
        let line = Line::new(axes, channels, d, h);
        // As sums that begin with zero have it: -0 becomes 0.
        let zero = T::round(T::Acc::ZERO);
        for (w, dy) in dy.chunks_exact(channels).enumerate() {
            let mut done = 0;
            if let Some((first, offsets)) = line.whole(&axes[2], w) {
                for (group, dy) in dy.as_chunks::<LANES>().0.iter().enumerate() {
                    let at = first + group * LANES;
                    let (mut best, mut taps) = ([T::LOWEST; LANES], [0u32; LANES]);
                    best.copy_from_slice(&x[at..][..LANES]);
                    for (tap, offset) in (1..).zip(&offsets[1..]) {
                        let x = &x[at + offset..][..LANES];
                        for l in 0..LANES {
                            let better = x[l].beats(best[l]);
                            best[l] = if better { x[l] } else { best[l] };
                            taps[l] = if better { tap } else { taps[l] };
                        }
                    }
                    // Arrays of their own, or the compiler does not see that these loops are vectors.
                    let mut sums = [zero; LANES];
                    for l in 0..LANES {
                        sums[l] = zero.plus(dy[l]);
                    }
                    for (tap, offset) in (0..).zip(offsets) {
                        let mut line = [zero; LANES];
                        for l in 0..LANES {
                            line[l] = if taps[l] == tap { sums[l] } else { zero };
                        }
                        dx[at + offset..][..LANES].copy_from_slice(&line);
                    }
                    done += LANES;
                }
            }
            for (c, &dy) in dy.iter().enumerate().skip(done) {
                let better = |best: usize, at: usize| if x[at].beats(x[best]) { at } else { best };
                let taps = places(axes, channels, d, h, w).map(|place| place + c);
                if let Some(at) = taps.reduce(better) {
                    dx[at] = zero.plus(dy);
                }
            }
        }
    }
}

clones! {
    /// The places of the maxima of one line of windows, within their image; `best` has room for one window.
    fn argmax_line[T: Ordered](
        axes: &[Axis; 3],
        d: usize,
        h: usize,
        x: &[T],
        best: &mut [T],
        argmax: &mut [i64],
    ) {
        let channels = best.len();
        let line = Line::new(axes, channels, d, h);
        for (w, argmax) in argmax.chunks_exact_mut(channels).enumerate() {
            if let Some((first, offsets)) = line.whole(&axes[2], w) {
                for (group, argmax) in argmax.chunks_mut(LANES).enumerate() {
                    let c = group * LANES;
                    let (mut best, mut taps) = ([T::LOWEST; LANES], [0u32; LANES]);
                    let lanes = argmax.len();
                    best[..lanes].copy_from_slice(&x[first + c..][..lanes]);
                    for (tap, offset) in (1..).zip(&offsets[1..]) {
                        let from = &x[first + offset + c..];
                        let mut x = [T::LOWEST; LANES];
                        if lanes == LANES {
                            x.copy_from_slice(&from[..LANES]);
                        } else {
                            x[..lanes].copy_from_slice(&from[..lanes]);
                        }
                        for l in 0..LANES {
                            let better = x[l].beats(best[l]);
                            best[l] = if better { x[l] } else { best[l] };
                            taps[l] = if better { tap } else { taps[l] };
                        }
                    }
                    for (l, argmax) in argmax.iter_mut().enumerate() {
                        *argmax = (first + offsets[taps[l] as usize] + c + l) as i64;
                    }
                }
                continue;
            }
            let mut places = places(axes, channels, d, h, w);
            match places.next() {
                Some(place) => {
                    best.copy_from_slice(&x[place..][..channels]);
                    argmax.iter_mut().zip(place as i64..).for_each(|(argmax, place)| *argmax = place);
                }
                None => argmax.fill(-1),
            }
            for place in places {
                let found = best.iter_mut().zip(argmax.iter_mut()).zip(place as i64..);
                for (((best, argmax), place), &x) in found.zip(&x[place..][..channels]) {
                    let better = x.beats(*best);
                    *best = if better { x } else { *best };
                    *argmax = if better { place } else { *argmax };
                }
            }
        }
    }
}
