//! Convolutions whose patches are read where they lie: the micro-kernel's rows are windows of one line (or, for the gradient of a
//! filter, channels of one tap), which are equally far apart, and its sums go over runs that lie together. So nothing is copied
//! but lines that need padding, and those once rather than once for each tap.
//!
//! The sums are those of the engine, cut at the same places; padding takes part as zeros.
//!
//! One of the few files with `unsafe`: tiles of images and results through raw pointers.

use super::patches::Patches;
use crate::gemm::block::{Readable, Whole, some_vectors, whole_vectors};
use crate::gemm::kernel::{Kernel, Run, Tile};
use crate::gemm::output::Output;
use crate::gemm::{Element, Epilogue, K_BLOCK, Operand, Real, Rows};
use crate::parallel;
use crate::scratch::Scratch;
use crate::window::Axis;
use std::ops::Range;

/// Windows of the lines that one task computes at a time, about: what it reads and writes then stays in L2.
const STRIP: usize = 240;
/// With fewer windows in a line, or rows of a filter's gradient, tiles are too low.
const FEW: usize = 5;
const FEW_ROWS: usize = 3;
/// Most elements of partial sums of a filter's gradient kept at a time.
const PARTIALS: usize = 2 << 20;

/// A pointer that tasks may share.
struct Shared<T>(*mut T);

// SAFETY: the tasks write disjoint elements, which the places that make a `Shared` see to.
unsafe impl<T: Send> Sync for Shared<T> {}

impl<T> Shared<T> {
    fn at(&self, index: usize) -> *mut T {
        self.0.wrapping_add(index)
    }
}

/// A read-only operand that tasks may share.
struct Ready<T>(Whole<T>);

// SAFETY: nobody writes the operand while the tasks run.
unsafe impl<T: Sync> Sync for Ready<T> {}

impl<T: Copy> Ready<T> {
    fn block(&self, k: &Range<usize>) -> Readable<T> {
        self.0.block(k, 0)
    }
}

/// Nanoseconds that one thread needs for a product.
fn work(m: usize, k: usize, n: usize) -> usize {
    parallel::multiply_adds(m.saturating_mul(k).saturating_mul(n))
}

/// Equal heights for tiles of `rows` items.
fn heights(rows: usize, most: usize) -> usize {
    rows.div_ceil(rows.div_ceil(most))
}

/// The tiles of some rows with all columns of the vector side.
struct Tiles<'a, T> {
    kernel: Kernel<T>,
    runs: &'a [Run],
    p_outer: usize,
    p_k: usize,
    /// The vector side from the k on that the runs start with.
    q: Readable<T>,
    c_row: usize,
    add: bool,
}

impl<T> Tiles<'_, T> {
    /// One tile of `rows` rows and the columns of panel `j`, of `n` columns in all.
    ///
    /// # Safety
    /// The runs lie within what P may read, and the result at `c` has the rows, and only this call uses them.
    #[inline]
    unsafe fn run(&self, rows: usize, p: *const T, j: usize, n: usize, c: *mut T) {
        let (nr, rest_nr) = (self.kernel.nr, self.kernel.rest_nr);
        let most = nr.min(n - j * nr);
        let whole = most == nr;
        let mut done = 0;
        while done < most {
            let cols = if whole { nr } else { rest_nr.min(most - done) };
            let q = self.q.start.wrapping_add(j * self.q.group + done);
            let tile = Tile {
                rows,
                cols,
                runs: self.runs,
                p,
                p_outer: self.p_outer,
                p_k: self.p_k,
                q,
                q_k: self.q.k,
                c: c.wrapping_add(j * nr + done),
                c_p: self.c_row,
                c_q: 1,
                add: self.add,
                soon: std::ptr::null(),
                soon_k: 0,
            };
            // SAFETY: the tile is within the operands and the result, says the caller; the level is available.
            unsafe { if whole { (self.kernel.run)(&tile) } else { (self.kernel.rest)(&tile) } };
            done += cols;
        }
    }
}

/// Whether every tap of every window is inside.
fn all_inside(axis: &Axis) -> bool {
    axis.taps == 0 || (0..axis.taps).all(|tap| axis.windows_inside(tap) == (0..axis.count))
}

/// The image as the windows of a strip see it.
struct Seen<T> {
    /// The first tap of the strip's first window.
    start: *const T,
    /// From one line of windows to the next, and from one window.
    down: usize,
    across: usize,
    /// From one tap to the next along each axis.
    taps: [usize; 3],
}

/// `y`: the products of all patches with `filter`, of `n` columns, and the epilogue. Answers whether this is a way to do it; if not
/// nothing was done.
///
/// # Panics
/// As [`Product::run`](crate::gemm::Product::run).
pub(super) fn windows<S: Element, F: Operand<S> + Sync>(
    patches: &Patches<'_, S>,
    filter: &F,
    n: usize,
    y: &mut [S],
    rows: Rows,
    epilogue: Epilogue<'_, S>,
) -> bool {
    let [deep, high, wide] = patches.axes;
    let k = deep.taps * high.taps * wide.taps * patches.depth;
    let (m, line) = (rows.count(), wide.count);
    if !S::DIRECT || line < FEW || k == 0 || m == 0 || n == 0 || patches.pixels().is_some() {
        return false;
    }
    let output = Output::new(y, 1, rows, n, false, epilogue);
    let Some((c, c_row)) = output.in_place(0, 0, 0) else { return false };
    let in_place = [deep, high, wide].iter().all(all_inside);
    let kernel = S::Acc::kernel(line, n, filter.view(0).is_some_and(|view| view.outer == 1));
    let mut scratch = Scratch::take();
    let q = Ready(whole_vectors(filter, n, k, kernel.nr, &mut scratch));
    let planes = m / (line * high.count);
    let work = work(m, k, n);
    // Strips of equal numbers of lines, and enough of them for all threads.
    let mut strips = high.count.div_ceil((STRIP / line).max(1));
    while planes * strips < parallel::parts(work) && strips < high.count {
        strips = (2 * strips).min(high.count);
    }
    let lines = high.count.div_ceil(strips);
    let strips = high.count.div_ceil(lines);
    let c = Shared(c);
    parallel::indices(planes * strips, work, &|unit| {
        let (plane, first) = (unit / strips, unit % strips * lines);
        let lines = first..high.count.min(first + lines);
        let (mut padded, mut listed) = (Scratch::take(), Scratch::take());
        let seen = match in_place {
            true => seen(patches, plane, lines.start),
            false => pad(patches, plane, lines.clone(), &mut padded),
        };
        let row = (plane * high.count + lines.start) * line;
        let height = heights(line, kernel.mr);
        for k0 in (0..k).step_by(K_BLOCK) {
            let k_now = k0..k.min(k0 + K_BLOCK);
            let list = listed.slice::<Run>(k_now.len());
            let mut count = 0;
            for (place, run) in list.iter_mut().zip(patches.runs(k_now.clone())) {
                let at: usize = run.taps.iter().zip(seen.taps).map(|(tap, step)| tap * step).sum();
                *place = Run { at: at + run.skip, k: run.within.1 - run.within.0 };
                count += 1;
            }
            let tiles = Tiles {
                kernel,
                runs: &list[..count],
                p_outer: seen.across,
                p_k: 1,
                q: q.block(&k_now),
                c_row,
                add: k0 > 0,
            };
            for j in 0..n.div_ceil(kernel.nr) {
                for (i, w) in (0..lines.len()).flat_map(|i| (0..line).step_by(height).map(move |w| (i, w))) {
                    let p = seen.start.wrapping_add(i * seen.down + w * seen.across);
                    let c = c.at((row + i * line + w) * c_row);
                    // SAFETY: the windows of the tile are on one line, all their taps inside the image or its padded copy;
                    // rows of the result are this task's own, within what `Output` checked, and equally far apart.
                    unsafe { tiles.run(height.min(line - w), p, j, n, c) };
                }
            }
        }
        // SAFETY: the rows of this task alone.
        unsafe { output.finish(0, row, lines.len() * line, 0, n) };
    });
    true
}

/// The image in place, all of whose windows are inside, from a line of windows of one plane on.
fn seen<S: Element>(patches: &Patches<'_, S>, plane: usize, line: usize) -> Seen<S::Acc> {
    let [deep, high, wide] = patches.axes;
    let (image, d) = (plane / deep.count, plane % deep.count);
    let across = wide.extent * patches.channels;
    // Inside, so not negative.
    let (d, h, w) = (deep.place(d, 0) as usize, high.place(line, 0) as usize, wide.place(0, 0) as usize);
    let at = ((image * deep.extent + d) * high.extent + h) * across + w * patches.channels + patches.first;
    Seen {
        start: patches.data[at..].as_ptr().cast(),
        down: high.stride * across,
        across: wide.stride * patches.channels,
        taps: [
            deep.dilation * high.extent * across,
            high.dilation * across,
            wide.dilation * patches.channels,
        ],
    }
}

/// A copy of what the windows of some lines see, with zeros for what lies outside.
fn pad<S: Element>(
    patches: &Patches<'_, S>,
    plane: usize,
    lines: Range<usize>,
    scratch: &mut Scratch,
) -> Seen<S::Acc> {
    let [deep, high, wide] = patches.axes;
    let depth = patches.depth;
    let span = |axis: &Axis, count: usize| (count - 1) * axis.stride + (axis.taps - 1) * axis.dilation + 1;
    let (tall, broad) = (span(&high, lines.len()), span(&wide, wide.count));
    let line = broad * depth;
    let copy = scratch.slice::<S::Acc>(deep.taps * tall * line);
    let (image, d) = (plane / deep.count, plane % deep.count);
    let (top, left) = (high.place(lines.start, 0), wide.place(0, 0));
    // The columns that are inside: from here, so many.
    let skip = (-left).clamp(0, broad as isize) as usize;
    let from = (left + skip as isize).max(0) as usize;
    let width = wide.extent.saturating_sub(from).min(broad - skip);
    for (at, out) in copy.chunks_exact_mut(line).enumerate() {
        let d = deep.inside(d, at / tall);
        let h = usize::try_from(top + (at % tall) as isize).ok().filter(|h| *h < high.extent);
        let (Some(d), Some(h)) = (d, h) else {
            out.fill(S::Acc::ZERO);
            continue;
        };
        let row = ((image * deep.extent + d) * high.extent + h) * wide.extent + from;
        out[..skip * depth].fill(S::Acc::ZERO);
        out[(skip + width) * depth..].fill(S::Acc::ZERO);
        let out = &mut out[skip * depth..][..width * depth];
        // Pixels lie together unless some of their channels are left out.
        let together = if depth == patches.channels { width } else { 1 };
        for (out, w) in out.chunks_exact_mut((together * depth).max(1)).zip(0..) {
            let x = &patches.data[(row + w) * patches.channels + patches.first..][..out.len()];
            for (to, x) in out.iter_mut().zip(x) {
                *to = x.widen();
            }
        }
    }
    Seen {
        start: copy.as_ptr(),
        down: high.stride * line,
        across: wide.stride * depth,
        taps: [tall * line, high.dilation * line, wide.dilation * depth],
    }
}

/// `dfilter`: the products of the transposed patches with `dy`, of `n` columns. Answers whether this is a way to do it; if not
/// nothing was done.
///
/// # Panics
/// As [`Product::run`](crate::gemm::Product::run).
pub(super) fn filter_grad<S: Element, D: Operand<S> + Sync>(
    patches: &Patches<'_, S>,
    dy: &D,
    n: usize,
    pixels: usize,
    dfilter: &mut [S],
    rows: Rows,
) -> bool {
    let [deep, high, wide] = patches.axes;
    // Rows of a tile are channels of one tap, or of all taps along a line if these lie together for every window.
    let merged = patches.merged() && all_inside(&wide);
    let (along, taps) = if merged { (wide.taps, 1) } else { (1, wide.taps) };
    let (depth, taps) = (along * patches.depth, deep.taps * high.taps * taps);
    let m = taps * depth;
    if !S::DIRECT
        || depth < FEW_ROWS
        || wide.count < FEW
        || pixels == 0
        || m == 0
        || n == 0
        || patches.pixels().is_some()
    {
        return false;
    }
    let output = Output::new(dfilter, 1, rows, n, false, Epilogue::none());
    let Some((c, c_row)) = output.in_place(0, 0, 0) else { return false };
    let kernel = S::Acc::kernel(depth, n, dy.view(0).is_some_and(|view| view.outer == 1));
    let height = heights(depth, kernel.mr);
    let (chunks, of_tap) = (pixels.div_ceil(K_BLOCK), depth.div_ceil(height));
    let round = (PARTIALS / (m * n)).clamp(1, chunks);
    let work = work(m, pixels, n);
    // A few pixels have few chunks: then the rows are shared out, too.
    let parts = parallel::parts(work).div_ceil(chunks.min(round)).min(taps * of_tap);
    let mut scratch = Scratch::take();
    let partials = scratch.slice::<S::Acc>(round * m * n);
    let c = Shared(c);
    for first in (0..chunks).step_by(round) {
        let count = round.min(chunks - first);
        let shared = Shared(partials.as_mut_ptr());
        let share = work / chunks * count;
        parallel::indices(count * parts, share, &|unit| {
            let (chunk, part) = (unit / parts, unit % parts);
            let k = (first + chunk) * K_BLOCK..pixels.min((first + chunk + 1) * K_BLOCK);
            let (mut packed, mut listed) = (Scratch::take(), Scratch::take());
            let q = some_vectors(dy, n, k.clone(), kernel.nr, &mut packed);
            let tiles = taps * of_tap;
            let mut of = usize::MAX;
            let mut count = 0;
            let list = listed.slice::<Run>(3 * k.len());
            for tile in part * tiles / parts..(part + 1) * tiles / parts {
                let (tap, row) = (tile / of_tap, tile % of_tap * height);
                if tap != of {
                    (of, count) = (tap, lines(patches, tap * along, k.clone(), list));
                }
                let tiles = Tiles {
                    kernel,
                    runs: &list[..count],
                    p_outer: 1,
                    p_k: wide.stride * patches.channels,
                    q,
                    c_row: n,
                    add: false,
                };
                let p = patches.data[(patches.first + row).min(patches.data.len())..].as_ptr().cast();
                let c = shared.at(chunk * m * n + (tap * depth + row) * n);
                for j in 0..n.div_ceil(kernel.nr) {
                    // SAFETY: `lines` found the pixels of this tap inside the image, and these are channels of it; each
                    // tile of a chunk has rows of its own in `partials`.
                    unsafe { tiles.run(height.min(depth - row), p, j, n, c) };
                }
            }
        });
        let partials = &partials[..count * m * n];
        let adds = parallel::together(m, parallel::multiply_adds(4 * partials.len()));
        parallel::indices(m.div_ceil(adds), parallel::multiply_adds(4 * partials.len()), &|part| {
            for row in part * adds..m.min((part + 1) * adds) {
                // SAFETY: a row of the result, which `Output` checked, that only this task uses.
                let out = unsafe { std::slice::from_raw_parts_mut(c.at(row * c_row), n) };
                for (chunk, partial) in partials.chunks_exact(m * n).enumerate() {
                    let partial = &partial[row * n..][..n];
                    if first + chunk == 0 {
                        out.copy_from_slice(partial);
                    } else {
                        out.iter_mut().zip(partial).for_each(|(sum, x)| *sum += *x);
                    }
                }
            }
        });
    }
    true
}

/// The runs of one tap over some windows of all images, and how many there are: the places of channel `first`, relative to it.
fn lines<S: Element>(patches: &Patches<'_, S>, tap: usize, windows: Range<usize>, list: &mut [Run]) -> usize {
    let [deep, high, wide] = patches.axes;
    let taps = [tap / wide.taps / high.taps, tap / wide.taps % high.taps, tap % wide.taps];
    let inside = wide.windows_inside(taps[2]);
    let mut count = 0usize;
    let mut push = |at: usize, k: usize| {
        if k == 0 {
            return;
        }
        if let Some(last) = count.checked_sub(1).and_then(|last| list.get_mut(last))
            && at == Run::ZEROS
            && last.at == Run::ZEROS
        {
            last.k += k;
            return;
        }
        list[count] = Run { at, k };
        count += 1;
    };
    let mut at = windows.start;
    while at < windows.end {
        let (image, [d, h, w]) = patches.window(at);
        let some = w..wide.count.min(w + windows.end - at);
        at += some.len();
        let (Some(d), Some(h)) = (deep.inside(d, taps[0]), high.inside(h, taps[1])) else {
            push(Run::ZEROS, some.len());
            continue;
        };
        let (from, to) = (inside.start.clamp(some.start, some.end), inside.end.clamp(some.start, some.end));
        let to = to.max(from);
        push(Run::ZEROS, from - some.start);
        if to > from {
            let row = ((image * deep.extent + d) * high.extent + h) * wide.extent;
            push((row + wide.place(from, taps[2]) as usize) * patches.channels, to - from);
        }
        push(Run::ZEROS, some.end - to);
    }
    count
}
