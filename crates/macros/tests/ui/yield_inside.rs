use tenfold_macros::function;

struct Tensor;

#[function]
fn f(x: &Tensor) {
    let _ = || yield x;
}

fn main() {}
