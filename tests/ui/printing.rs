//! `println!` under a tensor condition.

use tenfold as tf;

#[tf::function]
fn f(x: &tf::Tensor) -> tf::Tensor {
    if x.sum() > 0.0 {
        println!("positive");
    }
    x * 2.0
}

fn main() {}
