//! A number of the host is changed in a loop over a tensor.

use tenfold as tf;

#[tf::function]
fn f(x: &tf::Tensor) -> tf::Tensor {
    let mut x = x.clone();
    let mut turns = 0;
    while x.sum() < 100.0 {
        x = x * 2.0;
        turns += 1;
    }
    x * turns
}

fn main() {}
