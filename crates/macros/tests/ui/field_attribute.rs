use tenfold_macros::Module;

#[derive(Module)]
struct Layer {
    #[module(ignore)]
    _calls: usize,
    #[module(skip = "always")]
    _name: String,
}

fn main() {}
