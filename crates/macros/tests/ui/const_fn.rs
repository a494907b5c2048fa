use tenfold_macros::function;

struct Tensor;

#[function]
const fn f(_: &Tensor) {}

fn main() {}
