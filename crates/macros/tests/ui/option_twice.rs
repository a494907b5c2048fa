use tenfold_macros::function;

struct Tensor;

#[function(inline = false, inline = true)]
fn f(_: &Tensor) {}

fn main() {}
