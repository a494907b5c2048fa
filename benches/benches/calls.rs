//! What a call costs before anything is computed: the door, the tape, a cached graph with few and with many steps.

use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use tenfold as tf;
use tf::{Tensor, Variable};

#[tf::function]
fn one_step(x: &Tensor) -> Tensor {
    x + 1.0
}

/// Sixteen products that no pass may merge into one step.
#[tf::function]
fn sixteen_steps(x: &Tensor) -> Tensor {
    let mut y = x.clone();
    for _ in 0..16 {
        y = y.matmul(x);
    }
    y
}

#[tf::function]
fn count(v: &Variable) {
    v.assign_add(1.0);
}

fn calls(c: &mut Criterion) {
    let (a, b, m) = (tf::ones([16]), tf::ones([16]), tf::eye(4));
    let v = Variable::new(tf::ones([16]));
    c.bench_function("door: add of 16", |bench| bench.iter(|| black_box(&a + &b)));
    c.bench_function("door and tape: add of 16 and its gradient", |bench| {
        bench.iter(|| {
            let tape = tf::GradientTape::new();
            tape.watch(&a);
            black_box(tape.gradient(&(&a + &b), &a))
        })
    });
    c.bench_function("cached call: one step", |bench| bench.iter(|| black_box(one_step(&a))));
    c.bench_function("cached call: sixteen steps", |bench| bench.iter(|| black_box(sixteen_steps(&m))));
    c.bench_function("cached call: a variable in place", |bench| bench.iter(|| count(&v)));
}

criterion_group!(benches, calls);
criterion_main!(benches);
