use tenfold_macros::function;

struct Tensor;

#[function]
fn f(x: Tensor, n: usize) -> Tensor {
    let mut y = x;
    #[shape(z: [_], y: [_])]
    for _ in 0..n {
        y = y;
    }
    #[shape(y: [_])]
    for _ in 0..n {}
    y
}

fn main() {}
