//! Something is sent under a tensor condition.

use std::sync::mpsc::Sender;
use tenfold as tf;

fn sender() -> Sender<i32> {
    std::sync::mpsc::channel().0
}

#[tf::function]
fn f(x: &tf::Tensor) -> tf::Tensor {
    let out = sender();
    if x.sum() > 0.0 {
        out.send(1).unwrap();
    }
    x * 2.0
}

fn main() {}
