//! W6: a training step of a dense network 784-512-512-10.

use super::model::{Dense, adam, classify};
use super::{Arrays, fifth};
use crate::harness::Case;
use std::hint::black_box;
use tenfold as tf;
use tf::Tensor;
use tf::optimizers::Adam;

#[derive(tf::Module)]
struct Mlp {
    first: Dense,
    second: Dense,
    output: Dense,
}

impl Mlp {
    fn new(arrays: &Arrays) -> Mlp {
        Mlp {
            first: Dense::new(arrays, "w6.w1", "w6.b1"),
            second: Dense::new(arrays, "w6.w2", "w6.b2"),
            output: Dense::new(arrays, "w6.w3", "w6.b3"),
        }
    }
    fn call(&self, x: &Tensor) -> Tensor {
        let x = self.first.call(x).relu();
        let x = self.second.call(&x).relu();
        self.output.call(&x)
    }
}

fn step(model: &Mlp, adam: &Adam, x: &Tensor, y: &Tensor) -> Tensor {
    classify(model, adam, y, || model.call(x))
}

#[tf::function]
fn step_graph(model: &Mlp, adam: &Adam, x: &Tensor, y: &Tensor) -> Tensor {
    step(model, adam, x, y)
}

pub(super) fn cases(arrays: &Arrays) -> tf::Result<Vec<Case>> {
    let mut cases = Vec::new();
    for (variant, batch) in [("batch32", 32), ("batch512", 512)] {
        let (x, y) = (arrays.tensor(&format!("w6.x{batch}")), arrays.tensor(&format!("w6.y{batch}")));
        type Step = fn(&Mlp, &Adam, &Tensor, &Tensor) -> Tensor;
        for (mode, step) in [("eager", step as Step), ("graph", step_graph as Step)] {
            let (model, adam, x, y) = (Mlp::new(arrays), adam(), x.clone(), y.clone());
            let loss = fifth(|| step(&model, &adam, &x, &y))?;
            let case = Case::calls(variant, mode, move || {
                black_box(step(&model, &adam, &x, &y));
            });
            cases.push(case.loss(loss));
        }
    }
    Ok(cases)
}
