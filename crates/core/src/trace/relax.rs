//! `relax_shapes`: from the second differing call on, the sizes that differed become symbols.
//!
//! Sizes that were equal to each other in every call seen share one symbol, so that a batch stays one dimension.

use rustc_hash::{FxBuildHasher, FxHashMap};
use std::collections::HashMap;
use std::sync::Mutex;

/// One size of the arguments, flattened: a number or one of the symbols.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Size {
    Fixed(u64),
    Open(usize),
}

/// What was seen under one key without sizes: the calls that widened it.
#[derive(Default)]
pub(crate) struct Relaxed(Mutex<HashMap<Box<[u64]>, Vec<Vec<u64>>, FxBuildHasher>>);

impl Relaxed {
    pub(crate) const fn new() -> Relaxed {
        Relaxed(Mutex::new(HashMap::with_hasher(FxBuildHasher)))
    }
    pub(crate) fn clear(&self) {
        self.0.lock().unwrap_or_else(|p| p.into_inner()).clear();
    }
    /// The sizes that the trace for this call should have. `None`: as they are, because it is the first of its kind.
    pub(crate) fn pattern(&self, words: &[u64], dims: &[(usize, usize)]) -> Option<Vec<Size>> {
        let mut key = words.to_vec();
        let mut sizes = vec![];
        for (at, n) in dims {
            sizes.extend_from_slice(&words[*at..at + n]);
            key[*at..at + n].fill(0);
        }
        let mut seen = self.0.lock().unwrap_or_else(|p| p.into_inner());
        let seen = seen.entry(key.into()).or_default();
        if seen.is_empty() {
            seen.push(sizes);
            return None;
        }
        if !covers(&generalise(seen), &sizes) {
            seen.push(sizes);
        }
        Some(generalise(seen))
    }
}

fn generalise(seen: &[Vec<u64>]) -> Vec<Size> {
    let mut symbols: FxHashMap<Vec<u64>, usize> = FxHashMap::default();
    let column = |i: usize| seen.iter().map(|s| s[i]).collect::<Vec<u64>>();
    (0..seen[0].len())
        .map(|i| {
            let column = column(i);
            if column.iter().all(|n| *n == column[0]) {
                return Size::Fixed(column[0]);
            }
            let next = symbols.len();
            Size::Open(*symbols.entry(column).or_insert(next))
        })
        .collect()
}

/// Whether one set of sizes fits a pattern: the fixed ones are equal, and each symbol has one size.
fn covers(pattern: &[Size], sizes: &[u64]) -> bool {
    let mut bound: FxHashMap<usize, u64> = FxHashMap::default();
    pattern.iter().zip(sizes).all(|(p, n)| match p {
        Size::Fixed(m) => m == n,
        Size::Open(symbol) => bound.entry(*symbol).or_insert(*n) == n,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differed_is_open_and_equal_sizes_stay_equal() {
        let r = Relaxed::new();
        let dims = [(0, 2), (3, 1)];
        assert_eq!(r.pattern(&[1, 3, 9, 1], &dims), None);
        let batch = [Size::Open(0), Size::Fixed(3), Size::Open(0)];
        assert_eq!(r.pattern(&[2, 3, 9, 2], &dims).unwrap(), batch);
        assert_eq!(r.pattern(&[7, 3, 9, 7], &dims).unwrap(), batch);
        // A call in which the two sizes differ splits the symbol.
        assert_eq!(r.pattern(&[7, 3, 9, 1], &dims).unwrap(), [Size::Open(0), Size::Fixed(3), Size::Open(1)]);
        // Something else than a size differs: another kind.
        assert_eq!(r.pattern(&[7, 3, 8, 1], &dims), None);
    }
}
