//! W1: what an eager op costs when there is nothing to compute.

use crate::harness::Case;
use std::hint::black_box;
use tenfold as tf;
use tf::{Tensor, Variable};

/// Twenty ops forward (mul, nine times mul and tanh, sum), and back.
fn chain(v: &Variable, b: &Tensor) -> Tensor {
    let tape = tf::GradientTape::new();
    let mut y = v * b;
    for _ in 0..9 {
        y = (y * b).tanh();
    }
    tape.gradient(&y.sum(), v)
}

pub(super) fn cases() -> tf::Result<Vec<Case>> {
    let (a, b, m) = (tf::ones([16]), tf::ones([16]), tf::eye(8));
    let (v, w) = (Variable::new(&a), b.clone());
    Ok(vec![
        Case::calls("add16", "eager", move || {
            black_box(&a + &b);
        }),
        Case::calls("matmul8", "eager", move || {
            black_box(m.matmul(&m));
        }),
        Case::calls("tape_per_op", "eager", move || {
            black_box(chain(&v, &w));
        })
        .per(20.0),
    ])
}
