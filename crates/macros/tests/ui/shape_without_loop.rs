use tenfold_macros::function;

struct Tensor;

#[function]
fn f(x: &Tensor, n: usize) {
    #[shape(y: [_])]
    let y = x;
    #[shape(y: 3)]
    for _ in 0..n {}
}

fn main() {}
