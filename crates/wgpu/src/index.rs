//! Index arithmetic as text: walks over several arrays with strides, in as few dimensions as they need.

use crate::error::GpuResult;
use crate::pipeline::word;
use crate::plan::count;
use std::fmt::Write;

/// A loop over `shape`, and where each of several arrays is at its points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Walk {
    pub shape: Vec<usize>,
    pub strides: Vec<Vec<isize>>,
}

impl Walk {
    /// The walk without dimensions of size 1, neighbours merged where every array allows it. The order of the points
    /// stays.
    pub fn collapse(mut self) -> Walk {
        let mut axis = 0;
        while axis < self.shape.len() {
            if self.shape[axis] == 1 {
                self.remove(axis);
                continue;
            }
            let size = self.shape[axis] as isize;
            let merges = axis > 0 && self.strides.iter().all(|s| s[axis - 1] == s[axis] * size);
            if merges {
                self.shape[axis] *= self.shape[axis - 1];
                self.remove(axis - 1);
            } else {
                axis += 1;
            }
        }
        self
    }

    fn remove(&mut self, axis: usize) {
        self.shape.remove(axis);
        self.strides.iter_mut().for_each(|s| {
            s.remove(axis);
        });
    }

    /// Number of points.
    pub fn points(&self) -> usize {
        self.shape.iter().product()
    }

    /// The parameter words of the walk: the sizes, then the strides of each array; strides wrap around as u32, and so
    /// do the sums, which makes negative steps work.
    pub fn words(&self) -> GpuResult<Vec<u32>> {
        let mut words: Vec<u32> = self.shape.iter().map(|n| count(*n)).collect::<GpuResult<_>>()?;
        words.extend(self.strides.iter().flatten().map(|s| *s as u32));
        Ok(words)
    }

    /// Number of parameter words for a rank and a number of arrays.
    pub fn word_count(&self) -> usize {
        self.shape.len() * (1 + self.strides.len())
    }
}

/// Text that splits the index `from` into the coordinates of a walk of `rank` dimensions, whose words begin at `first`,
/// and declares the offset `{prefix}{array}` for each of `arrays` arrays.
pub(crate) fn offsets(from: &str, rank: usize, arrays: usize, first: usize, prefix: &str) -> String {
    let mut text = String::new();
    if rank == 0 {
        for array in 0..arrays {
            let _ = writeln!(text, "  let {prefix}{array} = 0u;");
        }
        return text;
    }
    let _ = writeln!(text, "  var {prefix}_t = {from};");
    for axis in (1..rank).rev() {
        let size = word(first + axis);
        let _ =
            writeln!(text, "  let {prefix}_c{axis} = {prefix}_t % {size}; {prefix}_t = {prefix}_t / {size};");
    }
    let _ = writeln!(text, "  let {prefix}_c0 = {prefix}_t;");
    for array in 0..arrays {
        let terms: Vec<String> = (0..rank)
            .map(|axis| format!("{prefix}_c{axis} * {}", word(first + rank * (1 + array) + axis)))
            .collect();
        let _ = writeln!(text, "  let {prefix}{array} = {};", terms.join(" + "));
    }
    text
}

/// Row-major strides of a shape.
pub(crate) fn row_major(shape: &[usize]) -> Vec<isize> {
    let mut strides = vec![0; shape.len()];
    let mut step = 1;
    for (stride, size) in strides.iter_mut().zip(shape).rev() {
        *stride = step;
        step *= *size as isize;
    }
    strides
}

/// Strides that read an array of shape `from` as if broadcast to `to`.
pub(crate) fn broadcast(from: &[usize], to: &[usize]) -> Vec<isize> {
    let mut strides = vec![0; to.len()];
    let skip = to.len() - from.len();
    for (axis, stride) in row_major(from).into_iter().enumerate() {
        if from[axis] != 1 {
            strides[skip + axis] = stride;
        }
    }
    strides
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn walks_collapse_where_all_arrays_allow() {
        let walk = |shape: &[usize], strides: &[&[isize]]| Walk {
            shape: shape.to_vec(),
            strides: strides.iter().map(|s| s.to_vec()).collect(),
        };
        let contiguous = walk(&[2, 3, 4], &[&[12, 4, 1], &[12, 4, 1]]).collapse();
        assert_eq!(contiguous, walk(&[24], &[&[1], &[1]]));
        // A bias over the last axis keeps it apart.
        assert_eq!(
            walk(&[2, 3, 4], &[&[12, 4, 1], &[0, 0, 1]]).collapse(),
            walk(&[6, 4], &[&[4, 1], &[0, 1]])
        );
        // A scalar merges with anything.
        assert_eq!(walk(&[2, 1, 4], &[&[4, 4, 1], &[0, 0, 0]]).collapse(), walk(&[8], &[&[1], &[0]]));
        assert_eq!(walk(&[1, 1], &[&[1, 1]]).collapse(), walk(&[], &[&[]]));
    }

    #[test]
    fn broadcast_strides() {
        assert_eq!(broadcast(&[3, 1], &[2, 3, 4]), [0, 1, 0]);
        assert_eq!(broadcast(&[], &[2, 3]), [0, 0]);
        assert_eq!(row_major(&[2, 3, 4]), [12, 4, 1]);
    }
}
