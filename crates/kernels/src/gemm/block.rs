//! One block of a product: operands are packed or read in place, and the micro-kernel goes over the tiles.
//!
//! Reading in place saves the copy; packing pays where an element is read often and its neighbours lie far apart. None of
//! it changes a bit.

use super::K_BLOCK;
use super::element::Element;
use super::kernel::{Kernel, Run, Tile};
use super::operand::Operand;
use crate::parallel;
use crate::scratch::Scratch;
use std::ops::Range;

/// Most rows of the broadcast side in use at a time: with `K_BLOCK`, a quarter of a 1 MiB L2 for `f32`.
pub(super) const P_BLOCK: usize = 120;
/// Packed rows lie a cache line further apart than a power of two, or they would compete for the same sets of L1.
const ROW_PAD: usize = 16;
/// The distance in bytes at which addresses compete for the same set of L1.
const L1_WAY: usize = 4096;
/// With so few rows of the broadcast side, it is not read often enough to be worth packing.
const FEW: usize = 48;
/// With so few tiles along the broadcast side, the vector side is not read often enough to be worth packing.
const FEW_TILES: usize = 4;
/// Rows of the vector side that lie no further apart than so many bytes are read in place: a page holds several.
const NEAR: usize = 1024;
/// Rows of the vector side that lie less than a page apart are read in place by no more than so many tiles: 180·512·512 ran at
/// 191 GFLOP/s with the vector side packed and at 230 without. Rows a whole page apart compete for the same lines: 64·512·1024 ran
/// at 188 packed and, with operands that were in no cache, at 115 in place. So did products of more rows, at 170 and 193, which
/// read them again and again.
const PAGE: usize = 4096;
const MANY_TILES: usize = 20;
/// The same as `NEAR` for the broadcast side, whose tiles take less of a line: the filter gradient of a 3×3 convolution of 64 channels
/// went from 77 to 82 % of the peak, on two threads from 56 to 80 %.
const NEAR_BROADCAST: usize = 256;
/// Rows of either side that are so few are read in place however far apart they lie: they stay in L1 and in its pages.
const SHORT: usize = 64;

/// So many k of all panels are copied at a time; they divide a block of the sums.
const FEW_K: usize = 8;
const _: () = assert!(K_BLOCK.is_multiple_of(FEW_K));

/// Distances in the result along the broadcast and the vector side.
#[derive(Clone, Copy)]
pub(super) struct Strided {
    pub(super) p: usize,
    pub(super) q: usize,
}

/// Where sums go.
pub(super) struct Target<T> {
    pub(super) c: *mut T,
    pub(super) add: bool,
}

/// Items of an operand that tiles can read: item (i, k) of group g at `start + g * group + i * outer + k * k`.
#[derive(Clone, Copy)]
pub(crate) struct Readable<T> {
    pub(crate) start: *const T,
    pub(crate) group: usize,
    pub(crate) outer: usize,
    pub(crate) k: usize,
}

/// The operand in place for `outer` and `k`, if it is a plain matrix of the computing type of which `pays` says that
/// packing it does not pay, from its distances. Its groups have `group` items.
fn in_place<S: Element, O: Operand<S>>(
    operand: &O,
    batch: usize,
    outer: &Range<usize>,
    k: &Range<usize>,
    group: usize,
    pays: impl Fn(usize, usize) -> bool,
) -> Option<Readable<S::Acc>> {
    let view = operand.view(batch).filter(|view| S::DIRECT && pays(view.outer, view.k))?;
    let first = outer.start * view.outer + k.start * view.k;
    let last = (outer.end - 1) * view.outer + (k.end - 1) * view.k;
    assert!(first <= last && last < view.data.len(), "operand of a product is too short");
    let start = view.data[first..].as_ptr().cast();
    Some(Readable { start, group: group * view.outer, outer: view.outer, k: view.k })
}

/// Whether a vector side whose items lie together, and its rows so many bytes apart, is as good as packed for so many tiles
/// along the broadcast side.
pub(super) fn lies_well(tiles: usize, apart: usize) -> bool {
    tiles <= FEW_TILES || apart <= NEAR || apart < PAGE && tiles <= MANY_TILES
}

/// Writes the sums over `k` of the items of P times the items of Q, and calls `done` with items of P, counted from the first of
/// `p.1`, when their sums are complete. `ready` is all of Q, made ready before; `q.1` then begins with one of its panels.
///
/// # Safety
/// `to.c` with the strides `c` starts a result of `p.1.len()` by `q.1.len()` elements that only this call uses.
#[allow(clippy::too_many_arguments)]
pub(super) unsafe fn sums<S: Element, P: Operand<S>, Q: Operand<S>>(
    kernel: Kernel<S::Acc>,
    batch: usize,
    (p, p_items): (&P, Range<usize>),
    (q, q_items): (&Q, Range<usize>),
    k: Range<usize>,
    c: Strided,
    to: Target<S::Acc>,
    ready: Option<Whole<S::Acc>>,
    done: &dyn Fn(Range<usize>),
) {
    let size = size_of::<S::Acc>();
    let (p_len, q_len) = (p_items.len(), q_items.len());
    let (p_tiles, q_tiles) = (p_len.div_ceil(kernel.mr), q_len.div_ceil(kernel.nr));
    let (mut p_scratch, mut q_scratch) = (None, None);
    let p_block = p_len.div_ceil(p_len.div_ceil(P_BLOCK));
    for k0 in k.clone().step_by(K_BLOCK) {
        let k_now = k0..k.end.min(k0 + K_BLOCK);
        let kc = k_now.len();
        let add = to.add || k0 > k.start;
        let q_place = match ready {
            Some(all) => Some(all.block(&k_now, q_items.start / kernel.nr)),
            None => in_place(q, batch, &q_items, &k_now, kernel.nr, |outer, k| {
                outer == 1 && (lies_well(p_tiles, k * size) || kc <= SHORT)
            }),
        };
        let q_read = q_place.unwrap_or_else(|| {
            pack_vectors(q, batch, &q_items, &k_now, kernel.nr, q_scratch.get_or_insert_with(Scratch::take))
        });
        for i0 in (0..p_len).step_by(p_block) {
            let p_now = p_items.start + i0..p_items.end.min(p_items.start + i0 + p_block);
            // Tiles of equal height rather than a low one at the end.
            let height = p_now.len().div_ceil(p_now.len().div_ceil(kernel.mr));
            let p_place = in_place(p, batch, &p_now, &k_now, height, |outer, k| {
                let once = p_len <= FEW || q_tiles == 1;
                once || k == 1 && !(outer * size).is_multiple_of(L1_WAY)
                    || outer == 1 && (kc <= SHORT || q_tiles <= 2 || k * size <= NEAR_BROADCAST)
            });
            let p_read = p_place.unwrap_or_else(|| {
                let scratch = p_scratch.get_or_insert_with(Scratch::take);
                pack_broadcast(p, batch, &p_now, &k_now, height, scratch)
            });
            let run = [Run { at: 0, k: kc }];
            // While the tiles of a panel are computed the next panel comes nearer, a part with each.
            let packed = q_read.k == kernel.nr;
            let ahead = if packed { kernel.nr.div_ceil(p_now.len().div_ceil(height)) } else { 0 };
            let tiles = Tiles { kernel, height, p: p_read, q: q_read, run, ahead, c, add };
            // SAFETY: `in_place` checked the operands in place, and packed panels are whole; the rows are within the
            // caller's result; the kernel's instruction set was chosen as available.
            unsafe { tiles.run(p_now.len(), q_len, to.c.add(i0 * c.p)) };
            if k_now.end == k.end {
                done(i0..i0 + p_now.len());
            }
        }
    }
}

/// The tiles of a block whose operands are ready.
struct Tiles<T> {
    kernel: Kernel<T>,
    /// Rows of a tile.
    height: usize,
    p: Readable<T>,
    q: Readable<T>,
    /// All of k.
    run: [Run; 1],
    /// How much of the next panel of Q each tile of this one fetches, for each k; 0 if Q is not packed.
    ahead: usize,
    c: Strided,
    add: bool,
}

impl<T> Tiles<T> {
    /// All tiles of `p_len` by `q_len` items.
    ///
    /// # Safety
    /// The operands have so many items, and so has the result at `to`, which only this call uses.
    unsafe fn run(&self, p_len: usize, q_len: usize, to: *mut T) {
        let Kernel { nr, .. } = self.kernel;
        let (down, whole) = (p_len.div_ceil(self.height), q_len / nr);
        let tile = |i: usize, j: usize| {
            let (row, col) = (i * self.height, j * nr);
            // SAFETY: the tile is within the operands and the result, says the caller.
            unsafe {
                (self.kernel.run)(
                    &self.tile(
                        i,
                        self.height.min(p_len - row),
                        j,
                        0,
                        nr,
                        self.at(to, row, col),
                        // After the last panel the next rows begin with the first one again.
                        self.panel(if j + 1 < whole { j + 1 } else { 0 })
                            .wrapping_add(i * self.ahead * self.run[0].k),
                    ),
                )
            }
        };
        if self.run[0].k <= SHORT {
            // Little is computed for each element of the result: it is written along its rows.
            (0..down).for_each(|i| (0..whole).for_each(|j| tile(i, j)));
        } else {
            (0..whole).for_each(|j| (0..down).for_each(|i| tile(i, j)));
        }
        let mut done = 0;
        while whole * nr + done < q_len {
            let cols = self.kernel.rest_nr.min(q_len - whole * nr - done);
            for i in 0..down {
                let (row, col) = (i * self.height, whole * nr + done);
                let rows = self.height.min(p_len - row);
                // SAFETY: as above.
                unsafe {
                    let q = self.panel(whole);
                    (self.kernel.rest)(&self.tile(i, rows, whole, done, cols, self.at(to, row, col), q));
                }
            }
            done += cols;
        }
    }

    /// Where panel `j` of Q begins.
    fn panel(&self, j: usize) -> *const T {
        self.q.start.wrapping_add(j * self.q.group)
    }

    fn at(&self, to: *mut T, row: usize, col: usize) -> *mut T {
        to.wrapping_add(row * self.c.p + col * self.c.q)
    }

    /// Tile `i` along P, and of Q `cols` items of panel `j` from `from` on.
    #[allow(clippy::too_many_arguments)]
    fn tile(
        &self,
        i: usize,
        rows: usize,
        j: usize,
        from: usize,
        cols: usize,
        c: *mut T,
        soon: *const T,
    ) -> Tile<'_, T> {
        Tile {
            rows,
            cols,
            runs: &self.run,
            p: self.p.start.wrapping_add(i * self.p.group),
            p_outer: self.p.outer,
            p_k: self.p.k,
            q: self.panel(j).wrapping_add(from),
            q_k: self.q.k,
            c,
            c_p: self.c.p,
            c_q: self.c.q,
            add: self.add,
            soon,
            soon_k: self.ahead,
        }
    }
}

/// All items of an operand on the vector side for all of `k`, ready to be read: one block of k after the other, so that what is
/// in use together lies together.
#[derive(Clone, Copy)]
pub(crate) struct Whole<T> {
    place: Readable<T>,
    /// Elements of one k over all panels, and of one panel; not if the operand is read in place.
    packed: Option<(usize, usize)>,
}

impl<T> Whole<T> {
    /// What [`pack_whole`] made.
    ///
    /// # Panics
    /// Unless it has room for whole panels, and no more.
    pub(super) fn of(panels: &[T], items: usize, k: usize, nr: usize) -> Whole<T> {
        let all = items.next_multiple_of(nr);
        assert_eq!(panels.len(), all * k, "elements of a packed operand, {k} by {items}");
        let place = Readable { start: panels.as_ptr(), group: 0, outer: 1, k: nr };
        Whole { place, packed: Some((all, nr)) }
    }

    /// What tiles read from panel `first` on for `k`, the whole of a block of the sums.
    pub(crate) fn block(&self, k: &Range<usize>, first: usize) -> Readable<T> {
        let (at, group) = match self.packed {
            Some((all, nr)) => (k.start * all, nr * k.len()),
            None => (k.start * self.place.k, self.place.group),
        };
        Readable { start: self.place.start.wrapping_add(at + first * group), group, ..self.place }
    }
}

/// All items of an operand on the vector side for all of `k`: where they lie, if that is as good as packed, or else packed
/// once, by all threads.
pub(crate) fn whole_vectors<S: Element, Q: Operand<S>>(
    q: &Q,
    items: usize,
    k: usize,
    nr: usize,
    scratch: &mut Scratch,
) -> Whole<S::Acc> {
    let near = |outer, step| outer == 1 && (step * size_of::<S::Acc>() <= NEAR || k <= SHORT);
    if let Some(place) = in_place(q, 0, &(0..items), &(0..k), nr, near) {
        return Whole { place, packed: None };
    }
    pack_whole(q, items, k, nr, scratch.slice(items.next_multiple_of(nr) * k))
}

/// Packs all items of an operand on the vector side for all of `k`, by all threads. The panels live as long as the result is used.
///
/// # Panics
/// Unless there is room for whole panels, and no more.
pub(super) fn pack_whole<S: Element, Q: Operand<S>>(
    q: &Q,
    items: usize,
    k: usize,
    nr: usize,
    panels: &mut [S::Acc],
) -> Whole<S::Acc> {
    let whole = Whole::of(panels, items, k, nr);
    let all = items.next_multiple_of(nr);
    let to = Shared(panels.as_mut_ptr());
    // A few k of all items to a task: a matrix whose items lie together is then read from one end to the other.
    let work = parallel::multiply_adds(all * k * 8);
    parallel::indices(k.div_ceil(FEW_K), work, &|task| {
        let some = task * FEW_K..k.min((task + 1) * FEW_K);
        let block = some.start / K_BLOCK * K_BLOCK;
        let group = nr * K_BLOCK.min(k - block);
        for (panel, first) in (0..items).step_by(nr).enumerate() {
            let at = block * all + panel * group + (some.start - block) * nr;
            // SAFETY: the place of these k in this panel, within `panels` and this task's own.
            let to = unsafe { std::slice::from_raw_parts_mut(to.get().add(at), some.len() * nr) };
            q.copy_panel(0, first..items.min(first + nr), some.clone(), nr, to);
        }
    });
    whole
}

/// Items of an operand on the vector side for some of `k`, where they lie if that is as good as packed.
pub(crate) fn some_vectors<S: Element, Q: Operand<S>>(
    q: &Q,
    items: usize,
    k: Range<usize>,
    nr: usize,
    scratch: &mut Scratch,
) -> Readable<S::Acc> {
    let near = |outer, k| outer == 1 && k * size_of::<S::Acc>() <= NEAR;
    let place = in_place(q, 0, &(0..items), &k, nr, near);
    place.unwrap_or_else(|| pack_vectors(q, 0, &(0..items), &k, nr, scratch))
}

/// Copies items as panels of `width`, one behind the other. Of a matrix whose items lie together, a few k of all panels at a
/// time: its rows are read from one end to the other, where reading each panel for itself would take a piece of every row.
fn copy_panels<S: Element, O: Operand<S>>(
    operand: &O,
    batch: usize,
    items: &Range<usize>,
    k: &Range<usize>,
    width: usize,
    panels: &mut [S::Acc],
) {
    let along = operand.view(batch).is_some_and(|view| view.outer == 1);
    let step = if along { FEW_K } else { k.len() };
    for from in k.clone().step_by(step) {
        let some = from..k.end.min(from + step);
        let (low, high) = ((from - k.start) * width, (some.end - k.start) * width);
        for (first, panel) in items.clone().step_by(width).zip(panels.chunks_exact_mut(k.len() * width)) {
            operand.copy_panel(
                batch,
                first..items.end.min(first + width),
                some.clone(),
                width,
                &mut panel[low..high],
            );
        }
    }
}

/// Packs items of the vector side as panels of `nr`.
fn pack_vectors<S: Element, Q: Operand<S>>(
    q: &Q,
    batch: usize,
    items: &Range<usize>,
    k: &Range<usize>,
    nr: usize,
    scratch: &mut Scratch,
) -> Readable<S::Acc> {
    let group = nr * k.len();
    let panels = scratch.slice::<S::Acc>(items.len().div_ceil(nr) * group);
    copy_panels(q, batch, items, k, nr, panels);
    Readable { start: panels.as_ptr(), group, outer: 1, k: nr }
}

/// Packs items of the broadcast side: as rows if they lie along k, or as panels of `height`.
fn pack_broadcast<S: Element, P: Operand<S>>(
    p: &P,
    batch: usize,
    items: &Range<usize>,
    k: &Range<usize>,
    height: usize,
    scratch: &mut Scratch,
) -> Readable<S::Acc> {
    if p.runs_along_k() {
        let row = k.len() + ROW_PAD;
        let rows = scratch.slice::<S::Acc>(items.len() * row);
        p.copy_rows(batch, items.clone(), k.clone(), row, rows);
        Readable { start: rows.as_ptr(), group: height * row, outer: row, k: 1 }
    } else {
        let group = height * k.len();
        let panels = scratch.slice::<S::Acc>(items.len().div_ceil(height) * group);
        copy_panels(p, batch, items, k, height, panels);
        Readable { start: panels.as_ptr(), group, outer: 1, k: height }
    }
}

/// Pointers that tasks may share.
pub(super) struct Shared<P>(pub(super) P);

// SAFETY: the elements are numbers; the tasks write disjoint ones, and none that others read, which the place that makes a
// `Shared` has to see to.
unsafe impl<P> Sync for Shared<P> {}

impl<P: Copy> Shared<P> {
    pub(super) fn get(&self) -> P {
        self.0
    }
}
