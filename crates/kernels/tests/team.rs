//! What a parallel region promises whatever else is going on: every chunk once, panics at the caller, no deadlock, no wait
//! for what nobody has begun.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use tenfold_kernels::parallel::{indices, pieces};
use tenfold_kernels::threads::{get, insisting};

/// Work that is worth sharing by its own account.
const MUCH: usize = 10_000_000;

/// So many rounds; few where they are interpreted.
fn rounds(many: usize) -> usize {
    if cfg!(miri) { many.div_ceil(60) } else { many }
}

/// Every index once.
fn check(count: usize) {
    let seen: Vec<AtomicUsize> = (0..count).map(|_| AtomicUsize::new(0)).collect();
    indices(count, MUCH, &|i| {
        seen[i].fetch_add(1, Ordering::Relaxed);
    });
    assert!(seen.iter().all(|n| n.load(Ordering::Relaxed) == 1));
}

#[test]
fn chunks_run_on_so_many_threads_and_no_more() {
    for threads in [1, 2, 3, 8] {
        let names = Mutex::new(HashSet::new());
        insisting(threads, || {
            for _ in 0..20 {
                indices(64, MUCH, &|_| {
                    names.lock().unwrap().insert(thread::current().id());
                    thread::sleep(Duration::from_micros(200));
                });
            }
        });
        assert_eq!(names.into_inner().unwrap().len(), threads);
    }
}

#[test]
fn a_panic_reaches_the_caller_and_the_team_goes_on() {
    for round in 0..rounds(50) {
        insisting(4, || {
            let failed = catch_unwind(AssertUnwindSafe(|| {
                indices(100, MUCH, &|i| assert!(i != 40 + round % 20, "chunk {i}"));
            }));
            let payload = failed.expect_err("a chunk panicked");
            let text = payload.downcast_ref::<String>().unwrap();
            assert!(text.contains(&format!("chunk {}", 40 + round % 20)), "{text}");
            check(100);
        });
    }
}

#[test]
fn the_caller_does_what_nobody_has_begun_and_waits_for_what_somebody_has() {
    insisting(2, || {
        let me = thread::current().id();
        let (mine, theirs, caught) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
        indices(100, MUCH, &|_| {
            if thread::current().id() != me {
                theirs.fetch_add(1, Ordering::Relaxed);
                caught.store(true, Ordering::Relaxed);
                thread::sleep(Duration::from_millis(50));
            } else {
                // The first chunk lets the helper take one; then the helper is as good as gone.
                let start = Instant::now();
                while !caught.load(Ordering::Relaxed) && start.elapsed() < Duration::from_secs(5) {
                    thread::yield_now();
                }
                mine.fetch_add(1, Ordering::Relaxed);
            }
        });
        assert_eq!(theirs.load(Ordering::Relaxed), 1, "one chunk was the helper's");
        assert_eq!(mine.load(Ordering::Relaxed), 99);
    });
}

#[test]
fn regions_inside_regions_and_from_many_threads_at_once_do_not_block_each_other() {
    let barrier = Barrier::new(6);
    thread::scope(|scope| {
        for caller in 0..6usize {
            let barrier = &barrier;
            scope.spawn(move || {
                barrier.wait();
                let work = || {
                    for round in 0..rounds(200) {
                        check(10 + round % 50);
                        let sum = AtomicUsize::new(0);
                        indices(8, MUCH, &|_| {
                            indices(8, MUCH, &|i| {
                                sum.fetch_add(i, Ordering::Relaxed);
                            })
                        });
                        assert_eq!(sum.into_inner(), 8 * 28);
                    }
                };
                // Half of them wait for the team, half do without.
                if caller.is_multiple_of(2) { insisting(3, work) } else { work() }
            });
        }
    });
}

/// A helper that is kept from running, because its processor has other work, costs little: the caller does the rest.
#[test]
fn busy_processors_only_slow_down() {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(2, |n| n.get()) {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        let mut out = vec![0u64; 4096];
        for round in 0..100u64 {
            pieces(&mut out, 64, MUCH, &|_, out| out.iter_mut().for_each(|x| *x += round));
        }
        stop.store(true, Ordering::Relaxed);
        assert!(out.iter().all(|&x| x == 99 * 100 / 2));
    });
}

/// What threads write in a region is seen by the caller after it and by helpers in the next one.
#[test]
fn regions_hand_their_results_on() {
    insisting(3, || {
        let mut x = vec![1u32; 300];
        for _ in 0..rounds(3_000) {
            let before = x.clone();
            pieces(&mut x, 7, MUCH, &|first, x| {
                for (i, x) in x.iter_mut().enumerate() {
                    let at = first + i;
                    *x = before[(at + 13) % 300].wrapping_mul(3) ^ before[(at + 200) % 300];
                }
            });
            let here: Vec<u32> = (0..300)
                .map(|at| before[(at + 13) % 300].wrapping_mul(3) ^ before[(at + 200) % 300])
                .collect();
            assert_eq!(x, here);
        }
    });
    assert!(get() >= 1);
}
