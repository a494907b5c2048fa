use tenfold_macros::function;

struct Tensor;

#[function(max_trace = 3, relax_shapes)]
fn f(_: &Tensor) {}

fn main() {}
