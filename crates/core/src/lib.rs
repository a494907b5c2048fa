//! Placeholder text replaced by the crate documentation.

mod cpu;
