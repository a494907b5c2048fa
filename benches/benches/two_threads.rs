//! Two threads that call one function at once, against one thread alone: how many calls there are in a second.
//!
//! `cargo bench -p benches --bench two_threads`. The threads share the function and its variables and have arguments of their
//! own. Turns of one thread and of two alternate; what is shown are medians. A ratio of 2 means that nothing is in the way,
//! on two processors or more; where one call shares its own work among threads (the last column says how many it may use) there is less left to win.

#![allow(clippy::print_stdout, reason = "it prints its findings")]

use std::hint::black_box;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tenfold as tf;
use tf::{Tensor, Variable};

#[derive(tf::Module)]
struct Mlp {
    layers: Vec<(Variable, Variable)>,
}

impl Mlp {
    fn new(sizes: &[usize]) -> Mlp {
        let layer = |w: &[usize]| (Variable::new(tf::ones([w[0], w[1]])), Variable::new(tf::zeros([w[1]])));
        Mlp { layers: sizes.windows(2).map(layer).collect() }
    }
}

#[tf::function]
fn call1(x: &Tensor) -> Tensor {
    x * 2.0 + 1.0
}

#[tf::function]
fn infer(model: &Mlp, x: &Tensor) -> Tensor {
    let mut x = x.clone();
    for (i, (w, b)) in model.layers.iter().enumerate() {
        x = x.matmul(w) + b;
        if i + 1 < model.layers.len() {
            x = x.relu();
        }
    }
    tf::softmax(&x, -1)
}

const TURN: Duration = Duration::from_millis(250);
const TURNS: usize = 5;

/// Calls per second of so many threads, each with a call of its own.
fn rate(threads: usize, make: &(dyn Fn() -> Box<dyn Fn()> + Sync)) -> f64 {
    let (begin, over) = (Barrier::new(threads + 1), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let work = || {
            let call = make();
            (0..200).for_each(|_| call());
            begin.wait();
            let (start, mut calls) = (Instant::now(), 0u64);
            while !over.load(Relaxed) {
                (0..16).for_each(|_| call());
                calls += 16;
            }
            calls as f64 / start.elapsed().as_secs_f64()
        };
        let all: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        begin.wait();
        std::thread::sleep(TURN);
        over.store(true, Relaxed);
        all.into_iter().map(|t| t.join().unwrap_or(f64::NAN)).sum()
    })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn row(name: &str, make: &(dyn Fn() -> Box<dyn Fn()> + Sync)) {
    let (mut alone, mut both) = (vec![], vec![]);
    for _ in 0..TURNS {
        alone.push(rate(1, make));
        both.push(rate(2, make));
    }
    let (alone, both) = (median(alone), median(both));
    let ratio = both / alone;
    println!("{name:<28} {alone:>12.0} {both:>12.0} {ratio:>7.2} {:>8}", tf::threads::get());
}

fn main() {
    println!("{:<28} {:>12} {:>12} {:>7} {:>8}", "calls per second", "one thread", "two", "ratio", "team");
    let only = std::env::args().nth(1).filter(|a| !a.starts_with('-'));
    let wanted = |name: &str| only.as_ref().is_none_or(|only| name.contains(only.as_str()));
    let model: &'static Mlp = Box::leak(Box::new(Mlp::new(&[784, 128, 64, 10])));
    for team in [1, 0] {
        tf::threads::set(team);
        for n in [16, 256, 1024] {
            let name = format!("x*2+1 of {n}");
            if wanted(&name) {
                row(&name, &|| {
                    let x = tf::ones([n]);
                    Box::new(move || drop(black_box(call1(&x))))
                });
            }
        }
        for batch in [1, 8, 32] {
            let name = format!("mlp 784-128-64-10, batch {batch}");
            if wanted(&name) {
                row(&name, &|| {
                    let x = tf::ones([batch, 784]);
                    Box::new(move || drop(black_box(infer(model, &x))))
                });
            }
        }
    }
}
