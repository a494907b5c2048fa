//! What one turn of a loop over tensors costs, as a graph and op by op: the difference between many turns and few.
//!
//! `cargo run --release -p tenfold-examples --example turns`

#![allow(clippy::print_stdout, reason = "an example speaks to a person")]

use std::time::Instant;
use tenfold as tf;
use tf::Tensor;

/// Counts.
#[tf::function]
fn count(n: &Tensor) -> Tensor {
    let mut i = tf::constant(0);
    while &i < n {
        i += 1;
    }
    i
}

/// Logistic growth: a few ops on a scalar, and a branch.
#[tf::function]
fn grow(n: &Tensor) -> Tensor {
    let (mut i, mut x) = (tf::constant(0), tf::constant(0.25));
    while &i < n {
        x = if x > 0.5 { 3.7 * &x * (1.0 - &x) } else { 3.9 * &x * (1.0 - &x) };
        i += 1;
    }
    x
}

/// A cell over time: two small products a turn.
#[tf::function]
fn cell(n: &Tensor) -> Tensor {
    let (w, mut h) = (tf::ones([8, 8]) * 0.1, tf::ones([1, 8]));
    for _ in 0..n {
        h = h.matmul(&w).tanh();
    }
    h
}

/// Microseconds a turn: the least of several measurements.
fn turn(f: impl Fn(&Tensor) -> Tensor, few: i32, many: i32) -> f64 {
    let (few_turns, many_turns) = (tf::constant(few), tf::constant(many));
    let time = |n: &Tensor| {
        let start = Instant::now();
        f(n);
        start.elapsed().as_secs_f64()
    };
    time(&few_turns);
    let least = |n: &Tensor| (0..15).map(|_| time(n)).fold(f64::INFINITY, f64::min);
    (least(&many_turns) - least(&few_turns)) / f64::from(many - few) * 1e6
}

fn main() {
    let many = if std::env::var_os("TENFOLD_SHORT").is_some() { 200 } else { 20_000 };
    println!("{:28} {:>12} {:>12}", "microseconds a turn", "as a graph", "op by op");
    for (name, f) in [
        ("count to n", count as fn(&Tensor) -> Tensor),
        ("logistic growth, a branch", grow),
        ("a product of 1x8 and 8x8", cell),
    ] {
        let traced = turn(f, 10, many);
        tf::run_functions_eagerly(true);
        let eager = turn(f, 10, many / 10);
        tf::run_functions_eagerly(false);
        println!("{name:28} {traced:12.3} {eager:12.3}");
    }
}
