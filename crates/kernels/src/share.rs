//! Sharing work out among rayon's threads: by halves, without allocating, and never in a way that changes bits.

use std::ops::Range;

/// Multiply-adds, or as much other work, below which waking a thread costs more than it gives: about 50 microseconds.
const PARALLEL_WORK: usize = 5_000_000;
/// Work of one task: enough to pay for being stolen.
const TASK_WORK: usize = 1_500_000;

/// How many tasks work is worth, counted in vectorised multiply-adds. Results must not depend on the answer.
pub fn tasks(work: usize) -> usize {
    if work < PARALLEL_WORK {
        return 1;
    }
    let threads = rayon::current_num_threads();
    if threads == 1 { 1 } else { (work / TASK_WORK).clamp(1, 4 * threads) }
}

/// Calls `job` for every index, in up to `tasks` tasks.
pub fn share_out(range: Range<usize>, tasks: usize, job: &(impl Fn(usize) + Sync)) {
    if tasks <= 1 || range.len() <= 1 {
        range.for_each(job);
    } else {
        let middle = range.start + range.len() / 2;
        let (left, right) = (tasks / 2, tasks - tasks / 2);
        rayon::join(
            || share_out(range.start..middle, left, job),
            || share_out(middle..range.end, right, job),
        );
    }
}

/// Calls `job` for every row of `row` elements of `out` with its index, in up to `tasks` tasks.
pub fn share_rows<T: Send>(out: &mut [T], row: usize, tasks: usize, job: &(impl Fn(usize, &mut [T]) + Sync)) {
    fn halves<T: Send>(
        out: &mut [T],
        row: usize,
        first: usize,
        tasks: usize,
        job: &(impl Fn(usize, &mut [T]) + Sync),
    ) {
        let rows = out.len() / row;
        if tasks <= 1 || rows <= 1 {
            for (i, out) in out.chunks_exact_mut(row).enumerate() {
                job(first + i, out);
            }
        } else {
            let (left, right) = out.split_at_mut(rows / 2 * row);
            rayon::join(
                || halves(left, row, first, tasks / 2, job),
                || halves(right, row, first + rows / 2, tasks - tasks / 2, job),
            );
        }
    }
    if !out.is_empty() {
        assert!(row > 0 && out.len().is_multiple_of(row), "whole rows");
        halves(out, row, 0, tasks, job);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn every_index_and_every_row_is_served_once() {
        for (count, parts) in [(0, 1), (1, 4), (7, 3), (100, 8), (5, 100)] {
            let seen: Vec<AtomicUsize> = (0..count).map(|_| AtomicUsize::new(0)).collect();
            share_out(0..count, parts, &|i| {
                seen[i].fetch_add(1, Ordering::Relaxed);
            });
            assert!(seen.iter().all(|n| n.load(Ordering::Relaxed) == 1));

            let mut rows = vec![0; 3 * count];
            share_rows(&mut rows, 3, parts, &|i, row| row.iter_mut().for_each(|x| *x += i + 1));
            assert!(rows.iter().enumerate().all(|(i, x)| *x == i / 3 + 1));
        }
    }

    #[test]
    fn small_work_stays_on_one_thread() {
        assert_eq!(tasks(1000), 1);
        assert!(tasks(usize::MAX) >= 1);
    }
}
