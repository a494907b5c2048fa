use tenfold_macros::function;

struct Tensor;

#[function]
fn f(_: &mut Tensor, _log: Option<&mut Vec<f32>>) {}

fn main() {}
