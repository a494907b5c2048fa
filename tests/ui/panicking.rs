//! `panic!` under a tensor condition.

use tenfold as tf;

#[tf::function]
fn f(x: &tf::Tensor) -> tf::Tensor {
    if x.sum() < 0.0 {
        panic!("negative");
    }
    x.sqrt()
}

fn main() {}
