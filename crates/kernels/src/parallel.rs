//! Sharing work among threads through two functions that are compiled once.
//!
//! rayon's own are generic in every closure, which for kernels of a dozen element types is most of what the
//! compiler has to do. What is shared, and where it is cut, is the caller's; threads only take the pieces.

/// Runs `a` and `b`, perhaps at the same time.
pub fn join(a: &mut (dyn FnMut() + Send), b: &mut (dyn FnMut() + Send)) {
    rayon::join(a, b);
}

/// Cuts `out` into pieces of at most `task` elements (the last may be shorter) and calls `each` with every
/// piece and the place of its first element. A `task` of 0 or of `out.len()` and more is one piece.
pub fn pieces<T: Send>(out: &mut [T], task: usize, each: &(dyn Fn(usize, &mut [T]) + Sync)) {
    fn halve<T: Send>(first: usize, out: &mut [T], task: usize, each: &(dyn Fn(usize, &mut [T]) + Sync)) {
        if out.len() <= task {
            each(first, out);
            return;
        }
        let half = out.len().div_ceil(task) / 2 * task;
        let (left, right) = out.split_at_mut(half);
        join(&mut || halve(first, left, task, each), &mut || halve(first + half, right, task, each));
    }
    halve(0, out, if task == 0 { usize::MAX } else { task }, each);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_is_in_one_piece() {
        for len in [0, 1, 5, 64, 1000] {
            for task in [0, 1, 7, 64, 5000] {
                let mut out = vec![0usize; len];
                pieces(&mut out, task, &|first, out| {
                    assert!(task == 0 || out.len() <= task && first.is_multiple_of(task));
                    for (i, out) in out.iter_mut().enumerate() {
                        *out += first + i + 1;
                    }
                });
                assert!(out.iter().enumerate().all(|(i, &x)| x == i + 1), "{len} by {task}");
            }
        }
    }

    #[test]
    fn both_sides_of_a_join_run() {
        let (mut a, mut b) = (0, 0);
        join(&mut || a += 1, &mut || b += 2);
        assert_eq!((a, b), (1, 2));
    }
}
