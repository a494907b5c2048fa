use tenfold_macros::function;

struct Tensor;

struct Layer;

impl Layer {
    #[function]
    fn call(self: Box<Self>, _: &Tensor) {}
}

fn main() {}
