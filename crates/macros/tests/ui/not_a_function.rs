use tenfold_macros::function;

struct Tensor;

#[function]
struct Model;

fn main() {}
