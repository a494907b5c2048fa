//! A tensor in the guard of an arm.

use tenfold as tf;

#[tf::function]
fn f(name: &str, x: &tf::Tensor) -> tf::Tensor {
    match name {
        "double" if x.sum() > 0.0 => x * 2.0,
        _ => -x,
    }
}

fn main() {}
