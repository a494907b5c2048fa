use tenfold_macros::function;

struct Tensor;

#[function(signature = [x: float32[batch]])]
fn f(x: &Tensor) {
    let _ = x;
}

fn main() {}
