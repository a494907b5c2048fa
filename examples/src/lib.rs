//! What the examples share: the digits, and pictures.

#![forbid(unsafe_code)]

pub mod data;
pub mod plot;

/// Whether to do little work: `TENFOLD_SHORT=1`, as the gate does.
pub fn short() -> bool {
    std::env::var_os("TENFOLD_SHORT").is_some_and(|v| v == "1")
}
