//! Writes random programs with control flow over tensors as plain Rust, for `tests/random_control.rs` to compile.
//!
//! `TENFOLD_CONTROL_PROGRAMS` and `TENFOLD_CONTROL_SEED` ask for more of them, or for others.

#[path = "build/control.rs"]
mod control;

use std::path::Path;

/// So many are compiled and run each time.
const PROGRAMS: u64 = 32;

fn main() {
    let number = |name: &str, otherwise: u64| {
        println!("cargo:rerun-if-env-changed={name}");
        std::env::var(name).map_or(otherwise, |text| text.parse().expect("a number"))
    };
    let (programs, seed) = (number("TENFOLD_CONTROL_PROGRAMS", PROGRAMS), number("TENFOLD_CONTROL_SEED", 1));
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=build/control.rs");
    let folder = std::env::var("OUT_DIR").expect("cargo says where to write");
    std::fs::write(Path::new(&folder).join("random_control.rs"), control::programs(programs, seed))
        .expect("the output folder can be written to");
}
