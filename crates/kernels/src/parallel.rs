//! Regions that threads share: indices, and the pieces of a slice.
//!
//! Where work is cut is the caller's, and follows from shapes alone; threads only take the pieces, so their number
//! changes no bit. Every call says about how many nanoseconds the work takes one thread: what is not worth another
//! thread stays on this one (see `team.rs`). A panic in a piece reaches the caller.

use crate::team::{TEAM, WORTH_HOT};
use crate::threads;
use std::marker::PhantomData;

/// Nanoseconds of work of a chunk: enough to pay for being claimed, and little enough that threads end together.
const CHUNK: usize = 8_000;
/// Chunks of a region, if they are longer then: enough for threads of different speeds.
const CHUNKS: usize = 128;

/// Calls `each` with every index below `count`. All of them take one thread about `nanoseconds`.
pub fn indices(count: usize, nanoseconds: usize, each: &(dyn Fn(usize) + Sync)) {
    let together = together(count, nanoseconds);
    if together == 1 {
        return TEAM.run(threads::get(), count, nanoseconds, each);
    }
    TEAM.run(threads::get(), count.div_ceil(together), nanoseconds, &|chunk| {
        (chunk * together..count.min((chunk + 1) * together)).for_each(each);
    });
}

/// How many of `count` equal items, `nanoseconds` of work together, make one chunk.
pub fn together(count: usize, nanoseconds: usize) -> usize {
    let chunks = chunks(nanoseconds).min(CHUNKS);
    // Threads that insist on sharing have something to share.
    let chunks = if crate::team::insisted() > 0 { CHUNKS } else { chunks };
    count.div_ceil(chunks).max(1)
}

/// Cuts `out` into pieces of at most `task` elements (the last may be shorter) and calls `each` with every
/// piece and the place of its first element. A `task` of 0 or of `out.len()` and more is one piece. All of it takes one
/// thread about `nanoseconds`.
pub fn pieces<T: Send>(
    out: &mut [T],
    task: usize,
    nanoseconds: usize,
    each: &(dyn Fn(usize, &mut [T]) + Sync),
) {
    let len = out.len();
    if task == 0 || task >= len {
        return each(0, out);
    }
    let shared = Shared(out.as_mut_ptr(), PhantomData);
    TEAM.run(threads::get(), len.div_ceil(task), nanoseconds, &|piece| {
        let first = piece * task;
        // SAFETY: pieces are disjoint parts of `out`, which is borrowed for as long as the region runs, and each is given
        // out once.
        let piece = unsafe { std::slice::from_raw_parts_mut(shared.at(first), task.min(len - first)) };
        each(first, piece);
    });
}

/// Calls `each` with every row of `row` elements of `out` and its index. All rows take one thread about `nanoseconds`.
///
/// # Panics
/// If `out` is not whole rows.
pub fn rows<T: Send>(out: &mut [T], row: usize, nanoseconds: usize, each: &(dyn Fn(usize, &mut [T]) + Sync)) {
    if out.is_empty() {
        return;
    }
    assert!(row > 0 && out.len().is_multiple_of(row), "whole rows");
    pieces(out, together(out.len() / row, nanoseconds) * row, nanoseconds, &|first, out| {
        for (i, out) in out.chunks_exact_mut(row).enumerate() {
            each(first / row + i, out);
        }
    });
}

/// Nanoseconds that so many vectorised multiply-adds of `f32` take one thread.
pub fn multiply_adds(count: usize) -> usize {
    count / 50
}

/// Into how many parts work may be cut that can be cut anywhere: 1 if it is not worth a second thread.
pub fn parts(nanoseconds: usize) -> usize {
    let threads = if crate::team::inside() { 1 } else { threads::get() };
    match threads {
        1 => 1,
        _ if crate::team::insisted() > 0 => 4 * threads,
        _ => chunks(nanoseconds).min(4 * threads),
    }
}

/// How many chunks work makes: two at least if it is worth a second thread.
fn chunks(nanoseconds: usize) -> usize {
    (nanoseconds / CHUNK).max(if nanoseconds < WORTH_HOT { 1 } else { 2 })
}

/// The start of a slice whose parts threads write.
struct Shared<'a, T>(*mut T, PhantomData<&'a mut [T]>);

// SAFETY: threads get disjoint parts, and the elements may be sent between them.
unsafe impl<T: Send> Sync for Shared<'_, T> {}

impl<T> Shared<'_, T> {
    /// The address of an element of the slice.
    fn at(&self, index: usize) -> *mut T {
        self.0.wrapping_add(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threads::insisting;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn every_element_is_in_one_piece() {
        for threads in [1, 3] {
            for len in [0, 1, 5, 64, 1000] {
                for task in [0, 1, 7, 64, 5000] {
                    let mut out = vec![0usize; len];
                    insisting(threads, || {
                        pieces(&mut out, task, 1_000_000, &|first, out| {
                            assert!(task == 0 || out.len() <= task && first.is_multiple_of(task));
                            for (i, out) in out.iter_mut().enumerate() {
                                *out += first + i + 1;
                            }
                        });
                    });
                    assert!(out.iter().enumerate().all(|(i, &x)| x == i + 1), "{len} by {task}");
                }
            }
        }
    }

    #[test]
    fn every_index_and_every_row_is_served_once() {
        for (count, work) in [(0, 0), (1, 1 << 20), (7, 1 << 14), (1000, 1 << 20), (100_000, usize::MAX)] {
            let seen: Vec<AtomicUsize> = (0..count).map(|_| AtomicUsize::new(0)).collect();
            indices(count, work, &|i| {
                seen[i].fetch_add(1, Ordering::Relaxed);
            });
            assert!(seen.iter().all(|n| n.load(Ordering::Relaxed) == 1), "{count} {work}");

            let mut out = vec![0; 3 * count.min(5000)];
            rows(&mut out, 3, work, &|i, row| row.iter_mut().for_each(|x| *x += i + 1));
            assert!(out.iter().enumerate().all(|(i, x)| *x == i / 3 + 1));
        }
    }
}
