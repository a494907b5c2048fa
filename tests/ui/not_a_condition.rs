//! A condition that is neither `bool` nor a tensor.

use tenfold as tf;

#[tf::function]
fn f(x: &tf::Tensor) -> tf::Tensor {
    if x.rank() { x * 2.0 } else { x * 3.0 }
}

fn main() {}
