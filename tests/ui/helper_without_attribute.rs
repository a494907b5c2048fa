//! A helper without the attribute branches on a tensor.

use tenfold as tf;

fn helper(x: &tf::Tensor) -> tf::Tensor {
    if x.sum() > 0.0 { x * 2.0 } else { x * 3.0 }
}

#[tf::function]
fn f(x: &tf::Tensor) -> tf::Tensor {
    helper(x)
}

fn main() {}
