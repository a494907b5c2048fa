use tenfold_macros::function;

struct Tensor;

#[function]
extern "C" fn f(_: &Tensor) {}

fn main() {}
