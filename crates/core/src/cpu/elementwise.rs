//! Running a block function over broadcast operands.

use crate::cpu::scratch::Scratch;
use crate::dtype::DType;
use crate::op::{BlockFn, Call, Fault, Sizes, View, ViewMut};
use tenfold_kernels::ahead::{PAST, Past};
use tenfold_kernels::parallel;

/// Elements of one block: a few blocks stay in the first-level cache.
pub(crate) const BLOCK: usize = 1024;
/// Elements of a chunk that a thread claims: some blocks.
pub(crate) const CHUNK: usize = 8 * BLOCK;

/// About how many nanoseconds functions of this weight together take one thread over so many elements.
pub(crate) fn work(elements: usize, weight: usize) -> usize {
    elements.saturating_mul(weight) / 10
}

/// How an operand's elements lie under the output's.
pub(crate) enum Lie {
    /// One for one.
    Same,
    /// One element for all.
    Scalar,
    /// Strides in elements for each axis of the output, 0 where it is repeated.
    Strided(Sizes),
}

pub(crate) fn lie(shape: &[usize], out: &[usize]) -> Lie {
    if shape == out {
        return Lie::Same;
    }
    if shape.iter().all(|d| *d == 1) {
        return Lie::Scalar;
    }
    let skip = out.len() - shape.len();
    let mut strides = Sizes::from_elem(0, out.len());
    let mut step = 1;
    for (i, d) in shape.iter().enumerate().rev() {
        strides[skip + i] = if *d == 1 { 0 } else { step };
        step *= d;
    }
    Lie::Strided(strides)
}

/// `output = f(inputs)`, element by element. The split into blocks and threads changes no bit.
pub(crate) fn run(f: BlockFn, inputs: &[View<'_>], output: &mut ViewMut<'_>) {
    let size = output.dtype.size();
    let n = output.bytes.len() / size;
    if n == 0 {
        return;
    }
    let lies: smallvec::SmallVec<[Lie; 3]> = inputs.iter().map(|x| lie(x.shape, output.shape)).collect();
    if lies.iter().all(|l| matches!(l, Lie::Same)) && n <= CHUNK {
        let slices: smallvec::SmallVec<[&[u8]; 3]> = inputs.iter().map(|x| x.bytes).collect();
        return f(&slices, output.bytes);
    }
    let shape = &output.shape;
    let large = output.bytes.len() >= PAST;
    let part = |first: usize, chunk: &mut [u8]| {
        let mut memory = Scratch::take();
        let room = BLOCK * 8;
        let (result, registers) = memory.slice::<u8>((1 + inputs.len()) * room).split_at_mut(room);
        let past = large.then(Past::new);
        // Scalars are spread once for all blocks.
        for ((x, lie), into) in inputs.iter().zip(&lies).zip(registers.chunks_mut(room)) {
            if matches!(lie, Lie::Scalar) {
                let each = x.dtype.size();
                repeat(&x.bytes[..each], &mut into[..BLOCK.min(n) * each]);
            }
        }
        for (b, block) in chunk.chunks_mut(BLOCK * size).enumerate() {
            let start = first / size + b * BLOCK;
            let len = block.len() / size;
            for ((x, lie), into) in inputs.iter().zip(&lies).zip(registers.chunks_mut(room)) {
                if let Lie::Strided(strides) = lie {
                    load(x, strides, shape, start, len, into);
                }
            }
            let slices: smallvec::SmallVec<[&[u8]; 3]> = inputs
                .iter()
                .zip(&lies)
                .zip(registers.chunks(room))
                .map(|((x, lie), register)| {
                    let each = x.dtype.size();
                    match lie {
                        Lie::Same => &x.bytes[start * each..(start + len) * each],
                        _ => &register[..len * each],
                    }
                })
                .collect();
            match &past {
                Some(past) => {
                    let result = &mut result[..block.len()];
                    f(&slices, result);
                    past.copy(result, block);
                }
                None => f(&slices, block),
            }
        }
    };
    parallel::pieces(output.bytes, CHUNK * size, work(n, 1), &part);
}

/// Fills `into` with `row` again and again.
pub(crate) fn repeat(row: &[u8], into: &mut [u8]) {
    match row.len() {
        1 => into.fill(row[0]),
        2 => fill::<u16>(row, into),
        4 => fill::<u32>(row, into),
        8 => fill::<u64>(row, into),
        n => {
            let mut done = n.min(into.len());
            into[..done].copy_from_slice(&row[..done]);
            // What is there is copied as one: it doubles each time.
            while done < into.len() {
                let more = done.min(into.len() - done);
                into.copy_within(..more, done);
                done += more;
            }
        }
    }
}

fn fill<S: bytemuck::Pod>(value: &[u8], into: &mut [u8]) {
    let value: S = bytemuck::pod_read_unaligned(value);
    let whole = into.len() / size_of::<S>() * size_of::<S>();
    bytemuck::cast_slice_mut::<u8, S>(&mut into[..whole]).fill(value);
}

/// Runs the block function that `lookup` has for the call's dtypes: for kernels that check values first.
pub(crate) fn run_call(
    call: &mut Call<'_, '_>,
    lookup: fn(&[DType], DType) -> Option<BlockFn>,
) -> Result<(), Fault> {
    let dtypes: smallvec::SmallVec<[DType; 3]> = call.inputs.iter().map(|x| x.dtype).collect();
    let f = lookup(&dtypes, call.outputs[0].dtype)
        .ok_or_else(|| Fault::new(format!("there is no CPU kernel for {}", dtypes[0])))?;
    run(f, call.inputs, &mut call.outputs[0]);
    Ok(())
}

/// Collects `len` elements from position `start` of the output's order into `into`.
pub(crate) fn load(
    x: &View<'_>,
    strides: &[usize],
    shape: &[usize],
    start: usize,
    len: usize,
    into: &mut [u8],
) {
    match x.dtype.size() {
        1 => gather::<u8>(x.cast(), strides, shape, start, bytemuck::cast_slice_mut(&mut into[..len])),
        2 => gather::<u16>(x.cast(), strides, shape, start, bytemuck::cast_slice_mut(&mut into[..len * 2])),
        4 => gather::<u32>(x.cast(), strides, shape, start, bytemuck::cast_slice_mut(&mut into[..len * 4])),
        _ => gather::<u64>(x.cast(), strides, shape, start, bytemuck::cast_slice_mut(&mut into[..len * 8])),
    }
}

fn gather<S: bytemuck::Pod>(x: &[S], strides: &[usize], shape: &[usize], start: usize, mut into: &mut [S]) {
    let mut index = Sizes::from_elem(0, shape.len());
    let mut rest = start;
    for (i, d) in shape.iter().enumerate().rev() {
        index[i] = rest % d;
        rest /= d;
    }
    let last = shape.len() - 1;
    while !into.is_empty() {
        let run = (shape[last] - index[last]).min(into.len());
        let from: usize = index.iter().zip(strides).map(|(i, s)| i * s).sum();
        let (now, later) = into.split_at_mut(run);
        match strides[last] {
            0 => now.fill(x[from]),
            _ => now.copy_from_slice(&x[from..from + run]),
        }
        into = later;
        index[last] += run;
        for i in (0..=last).rev() {
            if index[i] < shape[i] {
                break;
            }
            index[i] = 0;
            if i > 0 {
                index[i - 1] += 1;
            }
        }
    }
}
