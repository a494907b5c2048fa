use tenfold_macros::function;

struct Tensor;

#[function(inline = 0)]
fn f(_: &Tensor) {}

fn main() {}
