//! `tf::run_functions_eagerly` is a switch for the whole program, so its test has a program of its own.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::atomic::{AtomicUsize, Ordering};
use tenfold as tf;
use tf::Tensor;

#[test]
fn the_very_body_runs_at_each_call() {
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    #[tf::function]
    fn f(x: &Tensor) -> Tensor {
        RUNS.fetch_add(1, Ordering::Relaxed);
        assert_eq!(x.is_symbolic(), !tf::functions_run_eagerly());
        x + 1.0
    }
    let x = tf::constant(1.0);
    for _ in 0..3 {
        f(&x);
    }
    assert_eq!(RUNS.load(Ordering::Relaxed), 1);
    tf::run_functions_eagerly(true);
    for _ in 0..3 {
        assert_eq!(f(&x).item::<f32>().unwrap(), 2.0);
    }
    assert_eq!(RUNS.load(Ordering::Relaxed), 4);
    tf::run_functions_eagerly(false);
    f(&x);
    assert_eq!((RUNS.load(Ordering::Relaxed), f::trace_count()), (4, 1));
}
