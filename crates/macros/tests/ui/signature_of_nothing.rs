use tenfold_macros::function;

struct Tensor;

#[function(signature = [y: [batch, 3]])]
fn f(x: &Tensor) {
    let _ = x;
}

fn main() {}
