use tenfold_macros::function;

struct Tensor;

async fn load() -> Tensor {
    Tensor
}

#[function]
fn f(_: &Tensor) -> Tensor {
    load().await
}

fn main() {}
