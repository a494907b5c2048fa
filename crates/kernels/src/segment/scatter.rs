//! Updates of slices at index vectors.

use half::{bf16, f16};

use super::super::parallel;
use super::{BadIndex, Index, check_vectors, flat};

/// How an update meets what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScatterOp {
    /// Replaces it; of several updates the last stays.
    Update,
    /// Adds; integers wrap.
    Add,
    /// Subtracts; integers wrap.
    Sub,
    /// Multiplies; integers wrap.
    Mul,
    /// Replaces it if strictly less (so NaN neither goes nor comes, as in TensorFlow).
    Min,
    /// Replaces it if strictly greater.
    Max,
}

/// An element type that updates can be combined in: arithmetic of one step, rounded to the type.
pub trait ScatterElement: Copy + PartialOrd + Send + Sync {
    /// `self + other`.
    fn plus(self, other: Self) -> Self;
    /// `self - other`.
    fn minus(self, other: Self) -> Self;
    /// `self · other`.
    fn times(self, other: Self) -> Self;
}

macro_rules! scatter_element {
    ($($t:ty)*, |$a:ident, $b:ident| $plus:expr, $minus:expr, $times:expr) => {$(
        impl ScatterElement for $t {
            #[inline(always)]
            fn plus(self, other: Self) -> Self {
                let ($a, $b) = (self, other);
                $plus
            }
            #[inline(always)]
            fn minus(self, other: Self) -> Self {
                let ($a, $b) = (self, other);
                $minus
            }
            #[inline(always)]
            fn times(self, other: Self) -> Self {
                let ($a, $b) = (self, other);
                $times
            }
        }
    )*};
}

scatter_element!(f16 bf16 f32 f64, |a, b| a + b, a - b, a * b);
scatter_element!(i8 i16 i32 i64 u8 u16 u32 u64, |a, b| a.wrapping_add(b), a.wrapping_sub(b), a.wrapping_mul(b));

/// `tf.scatter_nd`, `tf.tensor_scatter_nd_*` and `ResourceScatter*`: combines `updates`, [m, inner], into
/// `out`, [dims.., inner], at `indices`, [m, dims.len()], in their order.
///
/// # Errors
/// The first component outside its extent; nothing is written then.
pub fn scatter_nd<T: ScatterElement, I: Index>(
    op: ScatterOp,
    indices: &[I],
    dims: &[usize],
    updates: &[T],
    inner: usize,
    out: &mut [T],
) -> Result<(), BadIndex> {
    let depth = dims.len();
    let slices = dims.iter().product::<usize>();
    assert_eq!(out.len(), slices * inner, "elements");
    let by_updates = updates.len().checked_div(inner).unwrap_or(0);
    let m = indices.len().checked_div(depth).unwrap_or(by_updates);
    assert_eq!(indices.len(), m * depth, "indices");
    assert_eq!(updates.len(), m * inner, "updates");
    check_vectors(indices, dims)?;
    let to = |i: usize| Some(flat(&indices[i * depth..][..depth], dims));
    match op {
        ScatterOp::Update => by_index(m, to, updates, inner, out, |_, new| new),
        ScatterOp::Add => by_index(m, to, updates, inner, out, T::plus),
        ScatterOp::Sub => by_index(m, to, updates, inner, out, T::minus),
        ScatterOp::Mul => by_index(m, to, updates, inner, out, T::times),
        ScatterOp::Min => by_index(m, to, updates, inner, out, |old, new| if new < old { new } else { old }),
        ScatterOp::Max => by_index(m, to, updates, inner, out, |old, new| if new > old { new } else { old }),
    }
    Ok(())
}

/// Combines slice `i` of `updates` into slice `to(i)` of `out`, for each i in order; `None` drops it.
///
/// Threads own ranges of `out` and each goes through all indices, so the order at every place is kept.
pub(super) fn by_index<A: Copy + Send, T: Copy + Sync>(
    m: usize,
    to: impl Fn(usize) -> Option<usize> + Sync,
    updates: &[T],
    inner: usize,
    out: &mut [A],
    combine: impl Fn(A, T) -> A + Sync,
) {
    const OWNERS: usize = 4;
    if out.is_empty() {
        return;
    }
    let slices = out.len() / inner;
    let own = |first: usize, out: &mut [A]| {
        for i in 0..m {
            let Some(at) = to(i).and_then(|slice| slice.checked_sub(first)).map(|slice| slice * inner) else {
                continue;
            };
            if let Some(out) = out.get_mut(at..at + inner) {
                for (out, &new) in out.iter_mut().zip(&updates[i * inner..][..inner]) {
                    *out = combine(*out, new);
                }
            }
        }
    };
    // Some 2 ns for an index, a tenth for an element; owners of short slices would mostly read indices.
    let work = 2 * m + m * inner / 10;
    let alone = inner < 16 || slices < 2 * OWNERS;
    let task = if alone { 0 } else { slices.div_ceil(OWNERS) * inner };
    parallel::pieces(out, task, work, &|first, out| own(first / inner, out));
}
