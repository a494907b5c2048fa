use tenfold_macros::function;

struct Tensor;

#[function]
fn f(_: &Tensor) -> impl Clone {
    1
}

fn main() {}
