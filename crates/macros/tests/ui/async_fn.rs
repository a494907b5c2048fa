use tenfold_macros::function;

struct Tensor;

#[function]
async fn f(_: &Tensor) {}

fn main() {}
