//! Strided copies: transposing, broadcasting, slicing, reversing.
//!
//! Axes that continue each other are merged. What then remains are runs of neighbours, repeated elements, and squares that
//! are turned in registers.

use crate::gemm::transpose;
use crate::parallel;
use bytemuck::Pod;
use smallvec::SmallVec;

/// One loop of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loop {
    /// How many turns.
    pub count: usize,
    /// From one turn to the next in the input; 0 repeats, negative reverses.
    pub from: isize,
    /// From one turn to the next in the output.
    pub to: isize,
}

/// Copies the elements of some nested loops, outermost first, which start at `x[from]` and `out[to]`. No element of the
/// output is written twice.
///
/// # Panics
/// If a loop leaves its slice.
pub fn copy<T: Pod + Send + Sync>(
    loops: impl IntoIterator<Item = Loop>,
    from: isize,
    x: &[T],
    to: isize,
    out: &mut [T],
) {
    let mut nest: SmallVec<[Loop; 6]> = SmallVec::new();
    for now in loops {
        match nest.last_mut() {
            _ if now.count == 0 => return,
            _ if now.count == 1 => {}
            // An outer turn begins where the inner ones end: one longer loop.
            Some(outer)
                if continues(outer.from, now.from, now.count) && continues(outer.to, now.to, now.count) =>
            {
                *outer = Loop { count: outer.count * now.count, ..now };
            }
            _ => nest.push(now),
        }
    }
    let to = usize::try_from(to).expect("a copy starts inside its output");
    let Some((&outer, inner)) = nest.split_first() else {
        out[to] = x[usize::try_from(from).expect("a copy starts inside its input")];
        return;
    };
    // Pieces of the outermost loop can be shared if they are apart in the output.
    let forward = inner.iter().all(|l| l.to >= 0);
    let extent = 1 + inner.iter().map(|l| (l.count - 1) * l.to.unsigned_abs()).sum::<usize>();
    if !forward || outer.to < extent as isize {
        return block(&nest, from, x, to as isize, out);
    }
    let (step, elements) = (outer.to as usize, nest.iter().map(|l| l.count).product::<usize>());
    // Some 10 bytes a nanosecond.
    let work = elements * size_of::<T>() / 10;
    // Whole squares for each piece.
    let together = parallel::together(outer.count, work).next_multiple_of(SQUARES);
    let out = &mut out[to..][..(outer.count - 1) * step + extent];
    parallel::pieces(out, together * step, work, &|first, out| {
        let done = first / step;
        let mut nest = nest.clone();
        nest[0].count = together.min(outer.count - done);
        block(&nest, from + done as isize * outer.from, x, 0, out);
    });
}

/// Turns of the outermost loop that stay together.
const SQUARES: usize = 16;

fn continues(outer: isize, inner: isize, count: usize) -> bool {
    inner.checked_mul(count as isize) == Some(outer)
}

/// Copies all of a nest of one loop or more on this thread.
fn block<T: Pod>(nest: &[Loop], from: isize, x: &[T], to: isize, out: &mut [T]) {
    let Some((&last, outer)) = nest.split_last() else { return };
    // Neighbours in the output that are not neighbours in the input, under a loop over neighbours in the input: squares.
    if last.to == 1 && last.from > 1 && size_of::<T>() >= 4 {
        let turned = outer.iter().rposition(|l| l.from == 1 && l.to >= last.count as isize);
        if let Some(at) = turned {
            let mut others: SmallVec<[Loop; 6]> = outer.into();
            let along = others.remove(at);
            return each(&others, from, to, &mut |from, to| {
                square(along, last, &x[from as usize..], &mut out[to as usize..]);
            });
        }
    }
    each(outer, from, to, &mut |from, to| run(last, from, x, to, out));
}

/// Calls `f` with where each turn of the nest starts.
fn each(nest: &[Loop], from: isize, to: isize, f: &mut dyn FnMut(isize, isize)) {
    match nest.split_first() {
        None => f(from, to),
        Some((now, inner)) => {
            for turn in 0..now.count as isize {
                each(inner, from + turn * now.from, to + turn * now.to, f);
            }
        }
    }
}

/// The innermost loop.
fn run<T: Pod>(now: Loop, from: isize, x: &[T], to: isize, out: &mut [T]) {
    let Loop { count, from: step, to: stride } = now;
    match (step, stride) {
        (1, 1) => out[to as usize..][..count].copy_from_slice(&x[from as usize..][..count]),
        (0, 1) => out[to as usize..][..count].fill(x[from as usize]),
        (2.., 1) => {
            let x = x[from as usize..].iter().step_by(step as usize);
            out[to as usize..][..count].iter_mut().zip(x).for_each(|(out, x)| *out = *x);
        }
        _ => {
            for i in 0..count as isize {
                out[(to + i * stride) as usize] = x[(from + i * step) as usize];
            }
        }
    }
}

/// Two loops, one over neighbours in the input, one over neighbours in the output.
fn square<T: Pod>(along: Loop, last: Loop, x: &[T], out: &mut [T]) {
    let (rows, k, stride, width) = (last.count, along.count, last.from as usize, along.to as usize);
    // Bits are moved, not computed with.
    match size_of::<T>() {
        4 => transpose::<f32>(bytemuck::cast_slice(x), stride, rows, k, width, bytemuck::cast_slice_mut(out)),
        _ => transpose::<f64>(bytemuck::cast_slice(x), stride, rows, k, width, bytemuck::cast_slice_mut(out)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threads::insisting;

    /// Every loop in order, one element at a time.
    fn plain<T: Pod>(loops: &[Loop], from: isize, x: &[T], to: isize, out: &mut [T]) {
        each(loops, from, to, &mut |from, to| out[to as usize] = x[from as usize]);
    }

    /// The loops of a transposition of `shape`.
    fn transposed(shape: &[usize], perm: &[usize]) -> Vec<Loop> {
        let stride = |sizes: &[usize]| sizes.iter().product::<usize>() as isize;
        let now: Vec<usize> = perm.iter().map(|&axis| shape[axis]).collect();
        let loops = perm.iter().enumerate().map(|(at, &axis)| Loop {
            count: shape[axis],
            from: stride(&shape[axis + 1..]),
            to: stride(&now[at + 1..]),
        });
        loops.collect()
    }

    fn check<T: Pod + Send + Sync + PartialEq + std::fmt::Debug>(
        loops: &[Loop],
        (from, to): (isize, isize),
        len: usize,
        value: impl Fn(usize) -> T,
    ) {
        let x: Vec<T> = (0..len).map(&value).collect();
        let mut want = vec![value(1); len];
        let mut found = [want.clone(), want.clone(), want.clone()];
        plain(loops, from, &x, to, &mut want);
        for (threads, found) in (1..).zip(&mut found) {
            insisting(threads, || copy(loops.iter().copied(), from, &x, to, found));
            assert_eq!(*found, want, "{loops:?} on {threads} threads");
        }
    }

    #[test]
    fn every_element_finds_its_place() {
        let shapes: [(&[usize], &[usize]); 8] = [
            (&[7, 5], &[1, 0]),
            (&[64, 100], &[1, 0]),
            (&[33, 1000], &[1, 0]),
            (&[3, 40, 20], &[2, 1, 0]),
            (&[6, 30, 4, 16], &[0, 2, 1, 3]),
            (&[6, 30, 4, 16], &[0, 2, 3, 1]),
            (&[1, 1], &[1, 0]),
            (&[2, 0, 3], &[2, 1, 0]),
        ];
        for (shape, perm) in shapes {
            let (loops, len) = (transposed(shape, perm), shape.iter().product::<usize>().max(8));
            check(&loops, (0, 0), len, |i| i as f32);
            check(&loops, (0, 0), len, |i| f64::from_bits(0x7ff0_0000_0000_0001 + i as u64).to_bits());
            check(&loops, (0, 0), len, |i| i as u16);
            check(&loops, (0, 0), len, |i| i as u8);
        }
        let of = |count, from, to| Loop { count, from, to };
        // Repeated, reversed, with steps on both sides, backwards in the output, a single element.
        check(&[of(9, 0, 50), of(50, 1, 1)], (0, 0), 500, |i| i as u32);
        check(&[of(9, 1, 50), of(50, 0, 1)], (0, 0), 500, |i| i as u32);
        check(&[of(9, -50, 50), of(50, -1, 1)], (449, 0), 500, |i| i as u32);
        check(&[of(20, 13, 17), of(4, 3, 4)], (2, 1), 500, |i| i as i64);
        check(&[of(20, 13, -17), of(4, 1, 1)], (2, 400), 500, |i| i as i64);
        check(&[of(20, 1, 24), of(22, 20, 1)], (3, 2), 500, |i| i as f32);
        check(&[], (3, 2), 5, |i| i as u8);
    }
}
