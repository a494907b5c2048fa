//! What the compiler says to mistakes under tensor conditions, one file for each: at the user's own tokens.
//!
//! `TRYBUILD=overwrite` writes the texts anew. They are of Rust 1.95.

#[test]
fn mistakes_under_tensor_conditions() {
    trybuild::TestCases::new().compile_fail("ui/*.rs");
}
