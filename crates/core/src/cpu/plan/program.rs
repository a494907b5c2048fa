//! A fused group: a little program over blocks that stay in the first-level cache.
//!
//! Each instruction is the block function that eager uses for its op, so a group gives eager's bits. Operands are blocks
//! of inputs (loaded through their strides where they are broadcast), of registers, or of outputs already written.
//!
//! One of the few files with `unsafe`: threads write disjoint blocks of the outputs through raw pointers.

use crate::cpu::elementwise::{BLOCK, CHUNK, Lie, lie, load, work};
use crate::cpu::scratch::Scratch;
use crate::dtype::DType;
use crate::op::{BlockFn, Sizes, View};
use smallvec::SmallVec;
use tenfold_kernels::parallel;

/// Where an instruction finds or puts a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reg {
    /// The input at this position.
    Input(usize),
    /// A scratch register, and the size of its elements.
    Scratch(usize, usize),
    /// The output at this position.
    Output(usize),
}

/// One block function call.
pub(super) struct Instruction {
    pub(super) f: BlockFn,
    pub(super) inputs: SmallVec<[Reg; 3]>,
    pub(super) output: Reg,
}

/// How an input lies under the loop.
pub(super) struct Source {
    pub(super) dtype: DType,
    pub(super) shape: Sizes,
    pub(super) lie: Lie,
}

/// A compiled group.
pub(super) struct Program {
    nodes: Vec<u32>,
    shape: Sizes,
    elements: usize,
    sources: Vec<Source>,
    /// The size of an element of each register: inputs' and scratch and outputs.
    output_sizes: Vec<usize>,
    scratch: usize,
    instructions: Vec<Instruction>,
}

/// The widest element: every scratch register has room for a block of it.
const WIDEST: usize = 8;

/// A pointer that threads share because they write disjoint parts.
#[derive(Clone, Copy)]
pub(super) struct Target {
    pub(super) ptr: *mut u8,
    pub(super) bytes: usize,
}

// SAFETY: see `Program::run`: every block of a target is written by one thread.
unsafe impl Send for Target {}
// SAFETY: as above.
unsafe impl Sync for Target {}

impl Program {
    pub(super) fn new(
        nodes: Vec<u32>,
        shape: Sizes,
        inputs: &[(DType, Sizes)],
        output_sizes: Vec<usize>,
        scratch: usize,
        instructions: Vec<Instruction>,
    ) -> Program {
        let sources = inputs
            .iter()
            .map(|(dtype, s)| Source { dtype: *dtype, shape: s.clone(), lie: lie(s, &shape) })
            .collect();
        let elements = shape.iter().product();
        Program { nodes, shape, elements, sources, output_sizes, scratch, instructions }
    }
    pub(super) fn nodes(&self) -> &[u32] {
        &self.nodes
    }
    /// Runs the program.
    ///
    /// # Safety
    ///
    /// Each target is `elements` elements of its size, writable, and overlaps no input and no other target for the time
    /// of the call.
    pub(super) unsafe fn run(&self, inputs: &[&[u8]], targets: &[Target]) {
        if self.elements == 0 {
            return;
        }
        debug_assert!(targets.iter().zip(&self.output_sizes).all(|(t, s)| t.bytes == s * self.elements));
        let part = |start: usize, end: usize| {
            // SAFETY: parts are disjoint ranges of elements, and the caller vouches for the rest.
            unsafe { self.part(inputs, targets, start, end) }
        };
        if self.elements <= CHUNK {
            return part(0, self.elements);
        }
        let work = work(self.elements, self.instructions.len());
        parallel::indices(self.elements.div_ceil(CHUNK), work, &|k| {
            part(k * CHUNK, ((k + 1) * CHUNK).min(self.elements));
        });
    }
    /// Elements `start..end`, block by block.
    ///
    /// # Safety
    ///
    /// As for `run`, and nobody else writes these elements.
    unsafe fn part(&self, inputs: &[&[u8]], targets: &[Target], start: usize, end: usize) {
        let mut memory = Scratch::take();
        let registers = self.scratch + inputs.len();
        let room = BLOCK * WIDEST;
        let scratch = memory.slice::<u8>(registers * room).as_mut_ptr();
        let register = |k: usize| {
            debug_assert!(k < registers);
            // SAFETY: register `k` is inside the scratch memory.
            unsafe { scratch.add(k * room) }
        };
        let mut at = start;
        while at < end {
            let len = BLOCK.min(end - at);
            // Broadcast operands are spread into registers of their own; a scalar once for all blocks.
            for (k, (x, source)) in inputs.iter().zip(&self.sources).enumerate() {
                let size = source.dtype.size();
                // SAFETY: register `scratch + k` is this input's own, and has room for a block.
                let into = unsafe { std::slice::from_raw_parts_mut(register(self.scratch + k), room) };
                match &source.lie {
                    Lie::Same => {}
                    Lie::Scalar if at == start => {
                        into[..len * size].chunks_exact_mut(size).for_each(|e| e.copy_from_slice(&x[..size]));
                    }
                    Lie::Scalar => {}
                    Lie::Strided(strides) => {
                        let view = View { dtype: source.dtype, shape: source.shape.clone(), bytes: x };
                        load(&view, strides, &self.shape, at, len, into);
                    }
                }
            }
            for instruction in &self.instructions {
                let mut operands: SmallVec<[&[u8]; 3]> = SmallVec::new();
                for reg in &instruction.inputs {
                    operands.push(match *reg {
                        Reg::Input(k) => {
                            let size = self.sources[k].dtype.size();
                            match self.sources[k].lie {
                                Lie::Same => &inputs[k][at * size..(at + len) * size],
                                // SAFETY: the register was filled above.
                                _ => unsafe {
                                    std::slice::from_raw_parts(register(self.scratch + k), len * size)
                                },
                            }
                        }
                        // SAFETY: an earlier instruction of this block wrote it.
                        Reg::Scratch(k, size) => unsafe {
                            std::slice::from_raw_parts(register(k), len * size)
                        },
                        Reg::Output(k) => {
                            let size = self.output_sizes[k];
                            // SAFETY: an earlier instruction of this block wrote it.
                            unsafe { std::slice::from_raw_parts(targets[k].ptr.add(at * size), len * size) }
                        }
                    });
                }
                let output = match instruction.output {
                    // SAFETY: no operand of this instruction is the register that it writes (see `build`).
                    Reg::Scratch(k, size) => unsafe {
                        std::slice::from_raw_parts_mut(register(k), len * size)
                    },
                    Reg::Output(k) => {
                        let size = self.output_sizes[k];
                        // SAFETY: the caller's promise; only this thread has these elements.
                        unsafe { std::slice::from_raw_parts_mut(targets[k].ptr.add(at * size), len * size) }
                    }
                    Reg::Input(_) => continue,
                };
                (instruction.f)(&operands, output);
            }
            at += len;
        }
    }
}
