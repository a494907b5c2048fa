//! The sides have results of different types.

use tenfold as tf;

#[tf::function]
fn f(x: &tf::Tensor) -> tf::Tensor {
    let y = if x.sum() > 0.0 { x * 2.0 } else { 1.0 };
    y
}

fn main() {}
