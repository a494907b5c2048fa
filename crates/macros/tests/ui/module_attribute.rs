use tenfold_macros::Module;

#[derive(Module)]
#[module(name = "x")]
struct Layer {
    #[module(ignore)]
    _calls: usize,
}

fn main() {}
