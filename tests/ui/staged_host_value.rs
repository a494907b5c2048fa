//! The number of a staged turn is a tensor, and what the loop carries is made of tensors.

use tenfold as tf;

#[tf::function]
fn f(x: &tf::Tensor) -> tf::Tensor {
    let mut count = 0;
    #[tf::stage]
    for _ in 0..10 {
        count += 1;
    }
    x * count as f64
}

fn main() {}
