use tenfold_macros::function;

struct Tensor;

struct Counter(u32);

impl Counter {
    #[function]
    fn count(&mut self, _: &Tensor) {
        self.0 += 1;
    }
}

fn main() {}
