//! A number of the host is changed under a tensor condition.

use tenfold as tf;

#[tf::function]
fn f(x: &tf::Tensor) -> tf::Tensor {
    let mut count = 0;
    if x.sum() > 0.0 {
        count += 1;
    }
    x * count
}

fn main() {}
