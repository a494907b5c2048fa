use tenfold_macros::function;

struct Tensor;

#[function]
fn f(_: &Tensor, names: &[String]) {
    #[stage]
    for _ in names {}
}

fn main() {}
