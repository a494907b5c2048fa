use tenfold_macros::Module;

#[derive(Module)]
#[module(name = "x", rename(all))]
struct Layer {
    _calls: usize,
}

fn main() {}
