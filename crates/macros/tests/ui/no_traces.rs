use tenfold_macros::function;

struct Tensor;

#[function(max_traces = 0)]
fn f(_: &Tensor) {}

fn main() {}
