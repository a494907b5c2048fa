//! W10: an LSTM and a tanh RNN over 64 steps as a plain `for` over the rows of a tensor, with gradients.

use super::Arrays;
use crate::harness::Case;
use std::hint::black_box;
use tenfold as tf;
use tf::{Module, Tensor, TensorArray, Variable};

const STEPS: usize = 64;
const BATCH: usize = 32;
const UNITS: usize = 128;

/// Weights of inputs, of the state, and a bias.
#[derive(tf::Module)]
struct Cell {
    inputs: Variable,
    state: Variable,
    bias: Variable,
}

impl Cell {
    /// What the inputs give to the gates, for all steps at once.
    fn rows(&self, x: &Tensor, gates: usize) -> Tensor {
        let rows = x.reshape([-1, UNITS as i64]).matmul(&self.inputs) + &self.bias;
        rows.reshape([STEPS, BATCH, gates * UNITS])
    }
}

#[tf::function]
fn lstm(cell: &Cell, x: &Tensor) -> (Tensor, Vec<Tensor>) {
    let tape = tf::GradientTape::new();
    let mut h = tf::zeros([BATCH, UNITS]);
    let mut c = tf::zeros([BATCH, UNITS]);
    let mut hs = TensorArray::new(tf::f32, STEPS, [BATCH, UNITS]);
    for (i, row) in tf::rows(&cell.rows(x, 4)).enumerate() {
        let gates = (row + h.matmul(&cell.state)).split(4, 1);
        c = gates[1].sigmoid() * c + gates[0].sigmoid() * gates[2].tanh();
        h = gates[3].sigmoid() * c.tanh();
        hs = hs.write(&i, &h);
    }
    let loss = hs.stack().square().mean();
    let gradients = tape.gradient(&loss, &cell.trainable_variables());
    (loss, gradients)
}

#[tf::function]
fn rnn(cell: &Cell, x: &Tensor) -> (Tensor, Vec<Tensor>) {
    let tape = tf::GradientTape::new();
    let mut h = tf::zeros([BATCH, UNITS]);
    let mut hs = TensorArray::new(tf::f32, STEPS, [BATCH, UNITS]);
    for (i, row) in tf::rows(&cell.rows(x, 1)).enumerate() {
        h = (row + h.matmul(&cell.state)).tanh();
        hs = hs.write(&i, &h);
    }
    let loss = hs.stack().square().mean();
    let gradients = tape.gradient(&loss, &cell.trainable_variables());
    (loss, gradients)
}

pub(super) fn cases(arrays: &Arrays) -> tf::Result<Vec<Case>> {
    type Step = fn(&Cell, &Tensor) -> (Tensor, Vec<Tensor>);
    let cell = |names: [&str; 3]| {
        let [inputs, state, bias] = names.map(|name| arrays.variable(name));
        Cell { inputs, state, bias }
    };
    let mut cases = Vec::new();
    for (variant, step, names) in [
        ("lstm", lstm as Step, ["w10.wx", "w10.wh", "w10.b"]),
        ("rnn", rnn as Step, ["w10.rx", "w10.rh", "w10.rb"]),
    ] {
        let (cell, x) = (cell(names), arrays.tensor("w10.x"));
        let loss = step(&cell, &x).0.item()?;
        let case = Case::calls(variant, "loop", move || {
            black_box(step(&cell, &x));
        });
        cases.push(case.loss(loss));
    }
    Ok(cases)
}
