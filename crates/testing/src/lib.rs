//! What Tenfold's tests are made of, never published: readers of the vectors recorded from TensorFlow, comparisons
//! that say where two results differ, and the table that calls Tenfold's functions by TensorFlow's names.

#![forbid(unsafe_code)]

pub mod cases;
pub mod compare;
pub mod fixtures;
pub mod numeric;
pub mod programs;
pub mod suite;
