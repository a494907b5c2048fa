//! What a parallel region costs: `cargo run --release -p tenfold-kernels --example threads`.
//!
//! The median of single calls, in microseconds: empty regions, two halves of some work, at once one after the other and after a
//! pause of a millisecond, and 200 µs of work in 20 chunks beside busy threads.

#![allow(clippy::print_stdout, reason = "a program")]

use std::hint::spin_loop;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tenfold_kernels::parallel::pieces;

fn work(microseconds: f64) {
    let start = Instant::now();
    while start.elapsed().as_secs_f64() * 1e6 < microseconds {
        spin_loop();
    }
}

/// A region of `chunks` chunks of so much work each.
fn region(chunks: usize, microseconds: f64) {
    let mut out = [0u8; 64];
    let nanoseconds = (chunks as f64 * microseconds * 1e3) as usize;
    pieces(&mut out[..chunks], 1, nanoseconds, &|_, _| work(microseconds));
}

fn each(calls: usize, pause: Duration, f: impl Fn()) -> Vec<f64> {
    let mut times: Vec<f64> = (0..calls)
        .map(|_| {
            if !pause.is_zero() {
                std::thread::sleep(pause);
            }
            let start = Instant::now();
            f();
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times
}

fn report(name: &str, times: &[f64]) {
    let at = |q: f64| times[((times.len() - 1) as f64 * q) as usize];
    let mean = times.iter().sum::<f64>() / times.len() as f64;
    println!(
        "{name:44} mean {mean:8.2}, median {:8.2}, 99 % {:8.2}, worst {:8.1}",
        at(0.5),
        at(0.99),
        at(1.0)
    );
}

fn main() {
    let millisecond = Duration::from_millis(1);
    for microseconds in [0.0, 2.5, 5.0, 10.0, 20.0, 100.0] {
        // Work of nothing counts as worth sharing here, or the region would not be.
        let f = || match microseconds {
            0.0 => pieces(&mut [0u8; 2], 1, 1_000_000, &|_, _| ()),
            _ => region(2, microseconds),
        };
        report(&format!("2 × {microseconds} µs"), &each(3000, Duration::ZERO, f));
        report(&format!("2 × {microseconds} µs after a pause"), &each(100, millisecond, f));
    }
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for busy in 0..3 {
            if busy > 0 {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        spin_loop();
                    }
                });
            }
            let f = || region(20, 10.0);
            report(&format!("20 × 10 µs beside {busy} busy threads"), &each(3000, Duration::ZERO, f));
            report(
                &format!("200 µs on one thread beside {busy} busy threads"),
                &each(2000, Duration::ZERO, || work(200.0)),
            );
        }
        stop.store(true, Ordering::Relaxed);
    });
}
