//! `tf.gather` and `tf.gather_nd`: slices picked by index.

use super::super::parallel;
use super::{BadIndex, Index, check, check_vectors, flat};

/// The extents of a gather: parameters [batch, outer, n, inner], indices [batch, m], results
/// [batch, outer, m, inner].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GatherShape {
    /// The product of the batch axes (1 without).
    pub batch: usize,
    /// The product of the axes between the batch and the gathered one.
    pub outer: usize,
    /// The gathered axis.
    pub n: usize,
    /// The product of the axes after it.
    pub inner: usize,
    /// Indices in each batch.
    pub m: usize,
}

/// `tf.gather`: copies the slices at `indices`.
///
/// # Errors
/// The first index outside `0..n`; nothing is written then.
pub fn gather<T: Copy + Send + Sync, I: Index>(
    params: &[T],
    indices: &[I],
    shape: GatherShape,
    out: &mut [T],
) -> Result<(), BadIndex> {
    let GatherShape { batch, outer, n, inner, m } = shape;
    assert_eq!(params.len(), batch * outer * n * inner, "parameters");
    assert_eq!(indices.len(), batch * m, "indices");
    assert_eq!(out.len(), batch * outer * m * inner, "results");
    check(indices, n)?;
    // Slice `row` of the results, counted over batch, outer and m together.
    let from = |row: usize| {
        let (block, i) = (row / m, row % m);
        let index = indices[block / outer * m + i].value() as usize;
        (block * n + index) * inner
    };
    copy_slices(params, from, inner, out);
    Ok(())
}

/// `tf.gather_nd`: copies the slices at index vectors.
///
/// `params` is [batch, dims.., inner], `indices` [batch, m, dims.len()], `out` [batch, m, inner].
///
/// # Errors
/// The first component outside its extent; nothing is written then.
pub fn gather_nd<T: Copy + Send + Sync, I: Index>(
    params: &[T],
    indices: &[I],
    batch: usize,
    m: usize,
    dims: &[usize],
    inner: usize,
    out: &mut [T],
) -> Result<(), BadIndex> {
    let (depth, n) = (dims.len(), dims.iter().product::<usize>());
    assert_eq!(params.len(), batch * n * inner, "parameters");
    assert_eq!(indices.len(), batch * m * depth, "indices");
    assert_eq!(out.len(), batch * m * inner, "results");
    check_vectors(indices, dims)?;
    let from = |row: usize| (row / m * n + flat(&indices[row * depth..][..depth], dims)) * inner;
    copy_slices(params, from, inner, out);
    Ok(())
}

/// `out`'s slice `row` is the `inner` elements of `params` at `from(row)`.
fn copy_slices<T: Copy + Send + Sync>(
    params: &[T],
    from: impl Fn(usize) -> usize + Sync,
    inner: usize,
    out: &mut [T],
) {
    if out.is_empty() {
        return;
    }
    // Some 2 ns to find a slice, a tenth for an element of it.
    let slices = out.len() / inner;
    let work = 2 * slices + out.len() / 10;
    parallel::pieces(out, parallel::together(slices, work) * inner, work, &|first, out| {
        let rows = first / inner..;
        if inner == 1 {
            out.iter_mut().zip(rows).for_each(|(out, row)| *out = params[from(row)]);
        } else {
            let slices = out.chunks_exact_mut(inner).zip(rows);
            slices.for_each(|(out, row)| out.copy_from_slice(&params[from(row)..][..inner]));
        }
    });
}
