//! Gather, scatter, segment reductions and counts: kernels that follow index arrays.
//!
//! Indices are checked before anything is written. Where several updates meet at one place they are applied
//! in the order of the indices, whatever the number of threads.

mod count;
mod gather;
mod reduce;
mod scatter;
#[cfg(test)]
mod tests;

pub use count::{BinValue, Tally, bincount, histogram_fixed_width};
pub use gather::{GatherShape, gather, gather_nd};
pub use reduce::{
    SegmentMax, SegmentMin, SegmentOp, SqrtN, segment_count, segment_reduce, unsorted_segment_reduce,
};
pub use scatter::{ScatterElement, ScatterOp, scatter_nd};

/// An integer type of indices.
pub trait Index: Copy + Send + Sync {
    /// The value, in a type that holds every index type's values.
    fn value(self) -> i64;
}

macro_rules! index {
    ($($t:ty)*) => {$(
        impl Index for $t {
            #[inline(always)]
            fn value(self) -> i64 {
                self.into()
            }
        }
    )*};
}

index!(u8 i16 i32 i64);

/// An index that points outside, or breaks an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadIndex {
    /// Its position in the flat array of indices.
    pub position: usize,
    /// Its value.
    pub value: i64,
}

/// Fails at the first of `indices` outside `0..n`.
fn check<I: Index>(indices: &[I], n: usize) -> Result<(), BadIndex> {
    match indices.iter().position(|i| outside(i.value(), n)) {
        Some(position) => Err(BadIndex { position, value: indices[position].value() }),
        None => Ok(()),
    }
}

#[inline(always)]
fn outside(value: i64, n: usize) -> bool {
    // A negative number is a huge unsigned one.
    value.cast_unsigned() >= n as u64
}

/// Fails at the first component of an index vector that is outside its extent. `indices` holds vectors of
/// `dims.len()` components.
fn check_vectors<I: Index>(indices: &[I], dims: &[usize]) -> Result<(), BadIndex> {
    if dims.is_empty() {
        return Ok(());
    }
    for (row, vector) in indices.chunks_exact(dims.len()).enumerate() {
        for (k, (i, &n)) in vector.iter().zip(dims).enumerate() {
            if outside(i.value(), n) {
                return Err(BadIndex { position: row * dims.len() + k, value: i.value() });
            }
        }
    }
    Ok(())
}

/// The flat place of a checked index vector among slices of `dims`.
#[inline(always)]
fn flat<I: Index>(vector: &[I], dims: &[usize]) -> usize {
    vector.iter().zip(dims).fold(0, |at, (i, &n)| at * n + i.value() as usize)
}
