use tenfold_macros::function;

struct Tensor;

#[function]
unsafe fn f(_: &Tensor) {}

fn main() {}
