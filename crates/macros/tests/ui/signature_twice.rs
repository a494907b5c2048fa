use tenfold_macros::function;

struct Tensor;

#[function(signature = [x: [batch]], x: [_])]
fn f(x: &Tensor) {
    let _ = x;
}

fn main() {}
