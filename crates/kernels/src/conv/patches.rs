//! The operands of convolutions: patches and filters as matrices that exist only while they are packed.

use crate::gemm::{Element, Operand, Real, View, strided_panel};
use crate::window::Axis;
use std::ops::Range;

/// The patches of an image: a row for each window of each image, in row-major order, along which run the taps in
/// row-major order and within them the channels `first..first + depth` of `channels`.
#[derive(Clone, Copy)]
pub(super) struct Patches<'a, S> {
    pub(super) data: &'a [S],
    pub(super) channels: usize,
    pub(super) first: usize,
    pub(super) depth: usize,
    pub(super) axes: [Axis; 3],
}

/// A stretch of a patch that lies together in memory: one tap, or all taps along the last axis.
#[derive(Clone, Copy)]
pub(super) struct Run {
    /// The tap it starts with.
    pub(super) taps: [usize; 3],
    /// How many of the elements after that tap's first are left out.
    pub(super) skip: usize,
    /// The elements of the patch.
    pub(super) within: (usize, usize),
}

impl<'a, S: Element> Patches<'a, S> {
    /// Whether all taps along the last axis lie together.
    pub(super) fn merged(&self) -> bool {
        self.axes[2].dilation == 1 && self.depth == self.channels
    }

    /// The runs of a part of a patch.
    pub(super) fn runs(&self, part: Range<usize>) -> impl Iterator<Item = Run> + use<S> {
        let merged = self.merged();
        let [_, high, wide] = self.axes.map(|axis| axis.taps);
        let (len, across) = if merged { (wide * self.depth, 1) } else { (self.depth, wide) };
        let runs = if part.is_empty() { 0..0 } else { part.start / len..part.end.div_ceil(len) };
        runs.map(move |run| {
            let (start, end) = ((run * len).max(part.start), ((run + 1) * len).min(part.end));
            let taps = [run / across / high, run / across % high, run % across];
            Run { taps, skip: start - run * len, within: (start - part.start, end - part.start) }
        })
    }

    /// Image and window of a row.
    pub(super) fn window(&self, row: usize) -> (usize, [usize; 3]) {
        let [_, high, wide] = self.axes.map(|axis| axis.count);
        let (line, w) = (row / wide, row % wide);
        let (plane, h) = (line / high, line % high);
        (plane / self.axes[0].count, [plane % self.axes[0].count, h, w])
    }

    /// The line of the image that a tap of a window is on, if it is inside.
    fn line(&self, image: usize, window: [usize; 3], taps: [usize; 3]) -> Option<&'a [S]> {
        let d = self.axes[0].inside(window[0], taps[0])?;
        let h = self.axes[1].inside(window[1], taps[1])?;
        let [deep, high, wide] = self.axes.map(|axis| axis.extent);
        let len = wide * self.channels;
        Some(&self.data[((image * deep + d) * high + h) * len..][..len])
    }

    /// Copies a run of each window in `rows` to places `stride` apart, with zeros for what lies outside.
    fn copy_run(&self, rows: Range<usize>, run: &Run, stride: usize, out: &mut [S::Acc]) {
        let mut at = rows.start;
        while at < rows.end {
            // Windows of one line at a time: they are found once, and most of them lie inside altogether.
            let (image, window) = self.window(at);
            let windows = window[2]..self.axes[2].count.min(window[2] + rows.end - at);
            let out = &mut out[(at - rows.start) * stride..];
            at += windows.len();
            match self.line(image, window, run.taps) {
                Some(line) => self.copy_from_line(line, windows, run, stride, out),
                None => {
                    for out in out.chunks_mut(stride).take(windows.len()) {
                        out[run.within.0..run.within.1].fill(S::Acc::ZERO);
                    }
                }
            }
        }
    }

    /// Copies a run of each of some windows along one line.
    fn copy_from_line(
        &self,
        line: &[S],
        windows: Range<usize>,
        run: &Run,
        stride: usize,
        out: &mut [S::Acc],
    ) {
        let len = run.within.1 - run.within.0;
        // The run of window `w` starts at `first + w * step` of the line.
        let step = self.axes[2].stride * self.channels;
        let first =
            self.axes[2].place(0, run.taps[2]) * self.channels as isize + (self.first + run.skip) as isize;
        let whole_from = if first < 0 { first.unsigned_abs().div_ceil(step) } else { 0 };
        let room = line.len() as isize - len as isize - first;
        let whole_to = if room < 0 { 0 } else { room as usize / step + 1 };
        let mut outs = out.chunks_mut(stride);
        for w in windows {
            let Some(out) = outs.next() else { return };
            let out = &mut out[run.within.0..run.within.1];
            if (whole_from..whole_to).contains(&w) {
                let start = (first + (w * step) as isize) as usize;
                for (to, x) in out.iter_mut().zip(&line[start..start + len]) {
                    *to = x.widen();
                }
            } else {
                self.copy_part(line, first + (w * step) as isize, w, run, out);
            }
        }
    }

    /// Copies what there is of a run that starts at `start` of its line, with zeros for the rest.
    fn copy_part(&self, line: &[S], start: isize, w: usize, run: &Run, out: &mut [S::Acc]) {
        out.fill(S::Acc::ZERO);
        if self.merged() || self.axes[2].inside(w, run.taps[2]).is_some() {
            let before = (-start).clamp(0, out.len() as isize) as usize;
            let from = usize::try_from(start + before as isize).ok().and_then(|start| line.get(start..));
            for (to, x) in out[before..].iter_mut().zip(from.unwrap_or(&[])) {
                *to = x.widen();
            }
        }
    }

    /// Patches take the broadcast side, which copies them as they lie; pixels take what the engine thinks best.
    pub(super) fn side(&self) -> Option<bool> {
        if self.pixels().is_some() { None } else { Some(false) }
    }

    /// The pixels themselves, if every window is one pixel in its place.
    pub(super) fn pixels(&self) -> Option<&'a [S]> {
        let plain =
            |axis: &Axis| axis.taps == 1 && axis.stride == 1 && axis.first == 0 && axis.count == axis.extent;
        self.axes.iter().all(plain).then(|| self.data.get(self.first..).unwrap_or(&[]))
    }
}

impl<S: Element> Operand<S> for Patches<'_, S> {
    fn view(&self, _: usize) -> Option<View<'_, S>> {
        Some(View { data: self.pixels()?, outer: self.channels, k: 1 })
    }

    fn runs_along_k(&self) -> bool {
        true
    }

    fn copy_rows(&self, _: usize, rows: Range<usize>, k: Range<usize>, stride: usize, out: &mut [S::Acc]) {
        for run in self.runs(k) {
            self.copy_run(rows.clone(), &run, stride, out);
        }
    }
}

/// The transpose of patches: an outer index for each tap and channel, k along the windows of all images.
pub(super) struct PatchesTransposed<'a, S>(pub(super) Patches<'a, S>);

impl<S: Element> Operand<S> for PatchesTransposed<'_, S> {
    fn view(&self, _: usize) -> Option<View<'_, S>> {
        Some(View { data: self.0.pixels()?, outer: 1, k: self.0.channels })
    }

    fn runs_along_k(&self) -> bool {
        false
    }

    fn copy_rows(
        &self,
        batch: usize,
        rows: Range<usize>,
        k: Range<usize>,
        stride: usize,
        out: &mut [S::Acc],
    ) {
        for (row, out) in rows.zip(out.chunks_mut(stride)) {
            self.copy_panel(batch, row..row + 1, k.clone(), 1, out);
        }
    }

    fn copy_panel(&self, _: usize, outer: Range<usize>, k: Range<usize>, width: usize, out: &mut [S::Acc]) {
        for run in self.0.runs(outer) {
            self.0.copy_run(k.clone(), &run, width, out);
        }
    }
}

/// A filter as the right operand of an input gradient: an outer index for each channel of the input, k along some of
/// its taps, each axis from its last one down, and within them the output channels `first..first + depth`.
pub(super) struct FilterTaps<'a, S> {
    pub(super) data: &'a [S],
    /// Taps of the whole filter.
    pub(super) size: [usize; 3],
    /// The tap that k starts with.
    pub(super) last: [usize; 3],
    /// From one tap to the next, downwards.
    pub(super) step: [usize; 3],
    /// How many taps k has.
    pub(super) taps: [usize; 3],
    /// Channels of the input, in a group.
    pub(super) rows: usize,
    /// Channels of the output, in all groups.
    pub(super) channels: usize,
    pub(super) first: usize,
    pub(super) depth: usize,
}

impl<S: Element> FilterTaps<'_, S> {
    /// The parts of k that lie together: where they start in the filter for input channel 0, and which they are.
    fn runs(&self, k: Range<usize>) -> impl Iterator<Item = (usize, Range<usize>)> {
        let taps = if k.is_empty() { 0..0 } else { k.start / self.depth..k.end.div_ceil(self.depth) };
        taps.map(move |tap| {
            let (start, end) = ((tap * self.depth).max(k.start), ((tap + 1) * self.depth).min(k.end));
            let digits =
                [tap / self.taps[2] / self.taps[1], tap / self.taps[2] % self.taps[1], tap % self.taps[2]];
            let [d, h, w] = [0, 1, 2].map(|at| self.last[at] - digits[at] * self.step[at]);
            let place = ((d * self.size[1] + h) * self.size[2] + w) * self.rows * self.channels;
            (place + self.first + start - tap * self.depth, start - k.start..end - k.start)
        })
    }
}

impl<S: Element> Operand<S> for FilterTaps<'_, S> {
    fn view(&self, _: usize) -> Option<View<'_, S>> {
        None
    }

    fn runs_along_k(&self) -> bool {
        true
    }

    fn copy_rows(&self, _: usize, rows: Range<usize>, k: Range<usize>, stride: usize, out: &mut [S::Acc]) {
        for (row, out) in rows.zip(out.chunks_mut(stride)) {
            for (start, part) in self.runs(k.clone()) {
                let from = &self.data[start + row * self.channels..];
                for (to, x) in out[part].iter_mut().zip(from) {
                    *to = x.widen();
                }
            }
        }
    }

    fn copy_panel(&self, _: usize, outer: Range<usize>, k: Range<usize>, width: usize, out: &mut [S::Acc]) {
        for (start, part) in self.runs(k) {
            let data = &self.data[start + outer.start * self.channels..];
            let from = View { data, outer: self.channels, k: 1 };
            strided_panel(from, outer.len(), part.len(), width, &mut out[part.start * width..]);
        }
    }
}
