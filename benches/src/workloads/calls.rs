//! W2: what a call of a cached graph costs when there is nothing to compute.

#![allow(clippy::too_many_arguments, reason = "eight arguments are what is measured")]

use crate::harness::Case;
use std::hint::black_box;
use tenfold as tf;
use tf::Tensor;

#[tf::function]
fn one(x: &Tensor) -> Tensor {
    x * 2.0 + 1.0
}

#[tf::function]
fn eight(
    a: &Tensor,
    b: &Tensor,
    c: &Tensor,
    d: &Tensor,
    e: &Tensor,
    f: &Tensor,
    g: &Tensor,
    h: &Tensor,
) -> Tensor {
    (a + b + c + d + e + f + g + h) * 2.0 + 1.0
}

pub(super) fn cases() -> tf::Result<Vec<Case>> {
    let x = tf::ones([16]);
    let all: [Tensor; 8] = std::array::from_fn(|_| tf::ones([16]));
    Ok(vec![
        Case::calls("call1", "graph", move || {
            black_box(one(&x));
        }),
        Case::calls("call8", "graph", move || {
            let [a, b, c, d, e, f, g, h] = &all;
            black_box(eight(a, b, c, d, e, f, g, h));
        }),
    ])
}
