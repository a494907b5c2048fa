//! One file for each thing that the macros reject, with what the compiler then says.
//!
//! A rejected function stays as it is, so these need nothing but the macros. `TRYBUILD=overwrite` writes the texts anew.
//! They are of Rust 1.95; only that of `trait_method` quotes the compiler at length.

#[test]
fn rejections() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
