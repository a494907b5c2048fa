//! A staged loop over what a graph cannot count.

use tenfold as tf;

#[tf::function]
fn f(x: &tf::Tensor) -> tf::Tensor {
    let mut x = x.clone();
    #[tf::stage]
    for c in 'a'..'e' {
        x = x * 2.0;
    }
    x
}

fn main() {}
