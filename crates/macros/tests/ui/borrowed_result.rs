use tenfold_macros::function;

struct Tensor;

#[function]
fn f(x: &Tensor) -> Option<&Tensor> {
    Some(x)
}

fn main() {}
