use tenfold_macros::function;

struct Tensor;

#[function]
fn f(_: &Tensor, _by: impl Into<f32>) {}

fn main() {}
