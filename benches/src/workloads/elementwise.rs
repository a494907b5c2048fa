//! W4: a chain of thirteen elementwise ops, softmax, layer norm, sums: what memory allows.

use crate::harness::Case;
use std::hint::black_box;
use tenfold as tf;
use tf::{Tensor, Variable};

fn chain(x: &Tensor) -> Tensor {
    0.5 * x * (1.0 + (0.7978845608 * (x + 0.044715 * x * x * x)).tanh()) * x.sigmoid() + x * x
}

#[tf::function]
fn chain_graph(x: &Tensor) -> Tensor {
    chain(x)
}

/// The result goes where the input was, made smaller so that it stays finite.
#[tf::function]
fn chain_in_place(x: &Variable) {
    x.assign(chain(&x.read()) * 0.1);
}

fn softmax(x: &Tensor) -> Tensor {
    x.softmax(-1)
}

#[tf::function]
fn softmax_graph(x: &Tensor) -> Tensor {
    softmax(x)
}

fn layer_norm(x: &Tensor) -> Tensor {
    let (gamma, beta) = (tf::ones([1024]), tf::zeros([1024]));
    let (mean, variance) = x.moments(-1, true);
    (x - mean) * (variance + 1e-5).rsqrt() * gamma + beta
}

#[tf::function]
fn layer_norm_graph(x: &Tensor) -> Tensor {
    layer_norm(x)
}

#[tf::function]
fn sum_graph(x: &Tensor, axis: i64) -> Tensor {
    x.reduce_sum(axis, false)
}

/// A case for a function of one tensor.
fn of(
    variant: &'static str,
    mode: &'static str,
    f: impl Fn(&Tensor) -> Tensor + 'static,
    x: &Tensor,
) -> Case {
    let x = x.clone();
    Case::calls(variant, mode, move || {
        black_box(f(&x));
    })
}

pub(super) fn cases() -> tf::Result<Vec<Case>> {
    let mut cases = Vec::new();
    for (variant, size) in [("chain_16M", 16 << 20), ("chain_64k", 1 << 16)] {
        let x = tf::random::stateless_normal([size], [4, 4]);
        let place = Variable::new(&x);
        cases.push(of(variant, "eager", chain, &x));
        cases.push(of(variant, "graph", chain_graph, &x));
        cases.push(Case::calls(variant, "graph, in place", move || chain_in_place(&place)));
    }
    let x = tf::random::stateless_normal([4096, 1024], [4, 5]);
    let square = tf::random::stateless_normal([4096, 4096], [4, 6]);
    cases.push(of("softmax", "eager", softmax, &x));
    cases.push(of("softmax", "graph", softmax_graph, &x));
    cases.push(of("layer_norm", "eager", layer_norm, &x));
    cases.push(of("layer_norm", "graph", layer_norm_graph, &x));
    for (axis, variant) in [(0, "sum_axis0"), (1, "sum_axis1")] {
        cases.push(of(variant, "eager", move |x| x.reduce_sum(axis, false), &square));
        cases.push(of(variant, "graph", move |x| sum_graph(x, axis), &square));
    }
    Ok(cases)
}
