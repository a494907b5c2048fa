use tenfold_macros::function;

struct Tensor;

#[function(signature = [x: [batch, -1]])]
fn f(x: &Tensor) {
    let _ = x;
}

fn main() {}
