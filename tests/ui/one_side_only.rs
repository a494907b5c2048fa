//! A variable without a value before the `if` gets one on one side only.

use tenfold as tf;

#[tf::function]
fn f(x: &tf::Tensor) -> tf::Tensor {
    let y;
    if x.sum() > 0.0 {
        y = x * 2.0;
    }
    y
}

fn main() {}
