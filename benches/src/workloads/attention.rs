//! W9: a pre-norm transformer block of 8 heads over 8 sequences of 128, its mean square, and 16 gradients.

use super::Arrays;
use super::model::Dense;
use crate::harness::Case;
use std::hint::black_box;
use tenfold as tf;
use tf::{Module, Tensor, Variable};

#[derive(tf::Module)]
struct Norm {
    gamma: Variable,
    beta: Variable,
}

impl Norm {
    fn call(&self, x: &Tensor) -> Tensor {
        let (mean, variance) = x.moments(-1, true);
        (x - mean) * (variance + 1e-5).rsqrt() * &self.gamma + &self.beta
    }
}

#[derive(tf::Module)]
struct Block {
    query: Dense,
    key: Dense,
    value: Dense,
    output: Dense,
    widen: Dense,
    narrow: Dense,
    norms: [Norm; 2],
}

impl Block {
    fn new(arrays: &Arrays) -> Block {
        let dense = |kernel, bias| Dense::new(arrays, kernel, bias);
        let norm = |gamma, beta| Norm { gamma: arrays.variable(gamma), beta: arrays.variable(beta) };
        Block {
            query: dense("w9.wq", "w9.bq"),
            key: dense("w9.wk", "w9.bk"),
            value: dense("w9.wv", "w9.bv"),
            output: dense("w9.wo", "w9.bo"),
            widen: dense("w9.f1", "w9.fb1"),
            narrow: dense("w9.f2", "w9.fb2"),
            norms: [norm("w9.ln1g", "w9.ln1b"), norm("w9.ln2g", "w9.ln2b")],
        }
    }
    fn call(&self, x: &Tensor) -> Tensor {
        let x = x.reshape([-1, 256]);
        let h = self.norms[0].call(&x);
        let heads = |layer: &Dense| layer.call(&h).reshape([8, 128, 8, 32]).transpose([0, 2, 1, 3]);
        let (q, k, v) = (heads(&self.query), heads(&self.key), heads(&self.value));
        let attention = (q.matmul_with(&k, false, true) * 32f64.powf(-0.5)).softmax(-1);
        let mixed = attention.matmul(&v).transpose([0, 2, 1, 3]).reshape([-1, 256]);
        let x = x + self.output.call(&mixed);
        let wide = self.widen.call(&self.norms[1].call(&x)).gelu_approximate();
        &x + self.narrow.call(&wide)
    }
}

fn step(model: &Block, x: &Tensor) -> (Tensor, Vec<Tensor>) {
    let tape = tf::GradientTape::new();
    let loss = model.call(x).square().mean();
    let gradients = tape.gradient(&loss, &model.trainable_variables());
    (loss, gradients)
}

#[tf::function]
fn step_graph(model: &Block, x: &Tensor) -> (Tensor, Vec<Tensor>) {
    step(model, x)
}

pub(super) fn cases(arrays: &Arrays) -> tf::Result<Vec<Case>> {
    type Step = fn(&Block, &Tensor) -> (Tensor, Vec<Tensor>);
    let mut cases = Vec::new();
    for (mode, step) in [("eager", step as Step), ("graph", step_graph as Step)] {
        let (model, x) = (Block::new(arrays), arrays.tensor("w9.x"));
        let loss = step(&model, &x).0.item()?;
        let case = Case::calls("block", mode, move || {
            black_box(step(&model, &x));
        });
        cases.push(case.loss(loss));
    }
    Ok(cases)
}
