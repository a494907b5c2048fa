//! The value of an `if` over a tensor is a value of the host.

use tenfold as tf;

#[tf::function]
fn f(x: &tf::Tensor) -> tf::Tensor {
    let scale = if x.sum() > 0.0 { 2.0 } else { 3.0 };
    x * scale
}

fn main() {}
