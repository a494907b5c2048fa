//! What parallel regions cost when everything is warm: no allocation, and no processor while there is nothing to do.
//!
//! One test in a binary of its own, so that nothing else allocates or computes beside it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tenfold_kernels::gemm::{Epilogue, GemmShape, gemm};
use tenfold_kernels::reduce::{Extents, Sum, reduce};
use tenfold_kernels::{parallel, threads};

struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is passed to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise, passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise, passed on.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Allocations of the whole process, all threads together, while `f` runs.
fn allocations(f: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    f();
    ALLOCATIONS.load(Ordering::Relaxed) - before
}

#[test]
fn warm_regions_allocate_nothing_and_an_idle_team_sleeps() {
    let mut out = vec![0f32; 200_000];
    let mut regions = || {
        parallel::pieces(&mut out, 1000, 1_000_000, &|first, out| {
            out.iter_mut().for_each(|x| *x += first as f32);
        });
        parallel::indices(64, 1_000_000, &|i| {
            std::hint::black_box(i);
        });
    };
    for threads in [1, 2, 3, 8] {
        threads::insisting(threads, || {
            (0..50).for_each(|_| regions());
            // A thread that has only just been started still allocates.
            std::thread::sleep(Duration::from_millis(50));
            let counted = allocations(|| (0..500).for_each(|_| regions()));
            assert_eq!(counted, 0, "{threads} threads");
        });
    }

    // Kernels on top: their scratch memory is each thread's own and is there after some calls, whoever gets which part.
    let shape = GemmShape::new(300, 700, 200);
    let (a, b, mut c) = (vec![1f32; 300 * 700], vec![2f32; 700 * 200], vec![0f32; 300 * 200]);
    let extents = Extents::new(&[300, 200], &[0]);
    let mut sums = vec![0f32; 200];
    let mut kernels = || {
        gemm(&shape, &a, &b, &mut c, Epilogue::none());
        reduce::<Sum, f32>(&extents, &c, &mut sums);
    };
    threads::insisting(2, || {
        (0..300).for_each(|_| kernels());
        assert_eq!(allocations(|| (0..300).for_each(|_| kernels())), 0);
    });
    assert_eq!(sums[7], 300.0 * 1400.0);

    // User and system time in hundredths of a second.
    let used = || {
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
        let fields: Vec<&str> = stat[stat.rfind(')').unwrap()..].split_whitespace().collect();
        fields[12].parse::<u64>().unwrap() + fields[13].parse::<u64>().unwrap()
    };
    if cfg!(target_os = "linux") {
        let before = used();
        std::thread::sleep(Duration::from_millis(300));
        assert!(used() - before <= 2, "an idle team uses the processor");
    }
}
