use tenfold_macros::Module;

#[derive(Module)]
union Bits {
    _a: u32,
    _b: f32,
}

fn main() {}
