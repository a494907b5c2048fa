//! W3: what it takes to trace a training step, to compile it, and to run it once: MLP 784-256-256-10, Adam, batch 64, then 48.

use super::model::{Dense, adam, classify};
use crate::harness::Case;
use std::hint::black_box;
use std::time::Instant;
use tenfold as tf;
use tf::Tensor;
use tf::optimizers::Adam;
use tf::random::stateless_normal;

#[derive(tf::Module)]
struct Mlp {
    layers: [Dense; 3],
}

impl Mlp {
    fn new() -> Mlp {
        let dense = |inputs: usize, units: usize| {
            let kernel = stateless_normal([inputs, units], [3, inputs as i64]) / (inputs as f64).sqrt();
            Dense::with(kernel, tf::zeros([units]))
        };
        Mlp { layers: [dense(784, 256), dense(256, 256), dense(256, 10)] }
    }
    fn call(&self, x: &Tensor) -> Tensor {
        let [first, second, output] = &self.layers;
        output.call(&second.call(&first.call(x).relu()).relu())
    }
}

#[tf::function]
fn step(model: &Mlp, adam: &Adam, x: &Tensor, y: &Tensor) -> Tensor {
    classify(model, adam, y, || model.call(x))
}

pub(super) fn cases() -> tf::Result<Vec<Case>> {
    let batch = |n: usize| (stateless_normal([n, 784], [3, 1]), tf::zeros([n]).cast(tf::i32));
    let [large, small] = [batch(64), batch(48)];
    let first = large.clone();
    // A new model is a new trace; dropping the old ones keeps the cache as a program's first call finds it.
    let fresh = || {
        step::clear_cache();
        (Mlp::new(), adam())
    };
    Ok(vec![
        Case::once("first_call", "graph", move || {
            let (model, adam) = fresh();
            let started = Instant::now();
            black_box(step(&model, &adam, &first.0, &first.1));
            started.elapsed().as_secs_f64()
        }),
        Case::once("retrace", "graph", move || {
            let (model, adam) = fresh();
            step(&model, &adam, &large.0, &large.1);
            let started = Instant::now();
            black_box(step(&model, &adam, &small.0, &small.1));
            started.elapsed().as_secs_f64()
        }),
    ])
}
