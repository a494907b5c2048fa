//! Patterns that a tensor cannot be matched with.

use tenfold as tf;

#[tf::function]
fn f(k: &tf::Tensor, x: &tf::Tensor) -> tf::Tensor {
    match k {
        0 => x.clone(),
        1..=3 => x * 2.0,
        _ => -x,
    }
}

fn main() {}
