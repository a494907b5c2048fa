use tenfold_macros::function;

struct Tensor;

#[function(fastmath)]
async fn f(_: &mut Tensor) -> &'static Tensor {
    &Tensor
}

fn main() {}
