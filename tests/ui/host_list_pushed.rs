//! A list of the host grows under a tensor condition.

use tenfold as tf;

#[tf::function]
fn f(x: &tf::Tensor) -> tf::Tensor {
    let mut names: Vec<String> = vec![];
    if x.sum() > 0.0 {
        names.push("positive".to_string());
    }
    x * names.len() as f64
}

fn main() {}
