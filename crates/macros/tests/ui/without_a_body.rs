use tenfold_macros::function;

struct Tensor;

trait Layer {
    #[function]
    fn call(&self, _: &Tensor);
}

fn main() {}
