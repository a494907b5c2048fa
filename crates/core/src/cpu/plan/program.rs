//! A fused group: a little program over blocks that stay in the first-level cache.
//!
//! Each instruction is the block function that eager uses for its op, so a group gives eager's bits. Operands are blocks
//! of inputs, of registers, or of outputs already written. An operand that repeats its elements (a number, a row) lies
//! spread in a register of its own: a constant since the plan was made, another one since the beginning of the call where
//! one spread serves all blocks.
//!
//! One of the few files with `unsafe`: threads write disjoint blocks of the outputs through raw pointers.

use crate::cpu::elementwise::{BLOCK, CHUNK, Lie, lie, load, repeat, work};
use crate::cpu::reduce::{Max, Mean, Min, Monoid, Reduction, Sum, reduce_rows};
use crate::cpu::scratch::Scratch;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::op::{BlockFn, OpDef, Sizes, View};
use crate::ops;
use smallvec::SmallVec;
use std::ops::Range;
use tenfold_kernels::ahead::{PAST, Past, ahead};
use tenfold_kernels::chain::{Chain, Element, MOST_OPERANDS, MOST_RESULTS};
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
    /// The new value of a variable, of those the one at this position.
    Store(usize),
}

/// How an instruction uses an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// Element by element.
    Along,
    /// One element for all.
    First,
    /// One element for each row of the result.
    Row,
}

/// What an instruction does with its blocks.
#[derive(Clone)]
pub(super) enum Kind {
    /// A block function.
    Block(BlockFn),
    /// Sums and products of elements of this type in one pass.
    Chain(Chain, DType),
    /// A reduction of rows of so many elements.
    Reduce(RowFn),
    /// One element for each row, repeated over the row; elements of this size.
    Spread(usize),
}

/// Rows, the elements of each, and the results.
type RowFn = fn(&[u8], usize, &mut [u8]);

impl Kind {
    /// The reduction of rows that an op is.
    pub(super) fn reduce(op: &OpDef, dtype: DType) -> Result<Kind> {
        fn rows<O, T>(x: &[u8], columns: usize, out: &mut [u8])
        where
            T: bytemuck::Pod + Send + Sync,
            O: Reduction<T, Monoid: Monoid<Acc = T>>,
        {
            reduce_rows::<O, T>(bytemuck::cast_slice(x), columns, bytemuck::cast_slice_mut(out));
        }
        macro_rules! of {
            ($($op:ident $reduction:ident),*) => { match dtype {
                $(DType::F32 if *op == ops::$op => rows::<$reduction, f32> as RowFn,)*
                $(DType::F64 if *op == ops::$op => rows::<$reduction, f64>,)*
                _ => return Err(Error::internal(op.name, "not a reduction, in a fused group")),
            } };
        }
        // A sum to one element for each row is that reduction.
        Ok(Kind::Reduce(of!(
            REDUCE_SUM Sum, SUM_TO_SHAPE Sum, REDUCE_MEAN Mean, REDUCE_MAX Max, REDUCE_MIN Min
        )))
    }
}

/// One call.
pub(super) struct Instruction {
    pub(super) kind: Kind,
    pub(super) inputs: SmallVec<[Reg; 4]>,
    /// The results of a chain before its last.
    pub(super) results: SmallVec<[Reg; 2]>,
    pub(super) output: Reg,
    /// Whether its result is one element a row.
    pub(super) by_row: bool,
    /// How each operand is used.
    pub(super) uses: SmallVec<[Use; 4]>,
    /// About how many times as long it takes as a product does.
    pub(super) weight: usize,
}

/// An operand of a group, when the group is compiled.
pub(super) struct Operand<'a> {
    pub(super) dtype: DType,
    pub(super) shape: Sizes,
    /// The elements, if they are known.
    pub(super) constant: Option<&'a [u8]>,
    /// Whether it is seen as one element a row.
    pub(super) by_row: bool,
}

/// How an input becomes blocks.
enum Source {
    /// Its blocks are the operands.
    Same,
    /// One element, which is all that is used of it.
    One,
    /// The same block again and again, known since the plan was made.
    Known(Vec<u64>),
    /// Rows of so many elements, a whole number of which makes a block: spread once for each part, in this register.
    Rows(usize, usize),
    /// Collected for each block, in this register.
    Strided(Sizes, usize),
}

struct Input {
    dtype: DType,
    size: usize,
    shape: Sizes,
    source: Source,
    by_row: bool,
}

/// What a group does, before it is known how its operands lie.
pub(super) struct Code {
    /// The graph's nodes that it computes.
    pub(super) nodes: Vec<u32>,
    /// What it loops over.
    pub(super) shape: Sizes,
    /// The elements of a row, where rows are reduced; else 0.
    pub(super) row: usize,
    /// Of each output: the size of an element, and whether it has one a row.
    pub(super) outputs: Vec<(usize, bool)>,
    pub(super) registers: usize,
    pub(super) instructions: Vec<Instruction>,
    /// How many of the last outputs are new values of variables: these may be the memory of an input.
    pub(super) stores: usize,
    /// The registers that are copied into some of them at the end of each block: all instructions of the block have read
    /// what is overwritten by then.
    pub(super) copies: Vec<(usize, usize)>,
}

/// Where an instruction finds or puts a block.
#[derive(Clone, Copy, Debug)]
struct Lane {
    /// Which of the places of a part: inputs, registers, outputs.
    base: u16,
    /// The bytes of an element.
    size: u8,
    /// The bytes from one element to the next as blocks go on: 0 where each block is at the same place.
    step: u8,
    /// Whether it has one element for each row.
    narrow: bool,
}

/// An instruction, once it is known how operands lie.
struct Call {
    kind: Kind,
    operands: SmallVec<[Lane; 4]>,
    results: SmallVec<[Lane; 2]>,
    output: Lane,
    /// Whether rows of the result are computed one by one.
    by_rows: bool,
    /// Of a chain by rows: the operands that are one element for each row.
    uses: SmallVec<[Use; 4]>,
}

/// The elements of a block: the first, how many, and the same of rows.
#[derive(Clone, Copy)]
struct Block {
    at: usize,
    len: usize,
    row_at: usize,
    rows: usize,
}

impl Block {
    #[inline(always)]
    fn bytes(&self, lane: &Lane) -> usize {
        (if lane.narrow { self.rows } else { self.len }) * lane.size as usize
    }
}

/// The places of so many lanes need no memory of their own.
const LANES: usize = 48;

/// The places of a part.
struct Bases(SmallVec<[*mut u8; LANES]>);

impl Bases {
    /// The address of a lane's block.
    #[inline(always)]
    fn of(&self, lane: &Lane, block: &Block) -> *mut u8 {
        let at = if lane.narrow { block.row_at } else { block.at };
        self.0[lane.base as usize].wrapping_add(at * lane.step as usize)
    }
}

/// A compiled group.
pub(super) struct Program {
    /// The graph's nodes that it computes.
    nodes: Vec<u32>,
    shape: Sizes,
    row: usize,
    outputs: Vec<(usize, bool)>,
    calls: Vec<Call>,
    /// Registers that are copied to outputs at the end of each block.
    copies: Vec<(Lane, Lane)>,
    /// The same with large outputs, which are written past the caches.
    past: Vec<(Lane, Lane)>,
    elements: usize,
    /// The shape with one element for each row.
    rows: Sizes,
    inputs: Vec<Input>,
    /// Scratch registers of instructions, and with those of operands.
    own: usize,
    registers: usize,
    /// Bytes from one register to the next: some cache lines more than a multiple of a page. So they do not compete for the same
    /// sets of the cache, and what is read is not taken for what was just written to the next one, of whose address a
    /// processor compares the low bits first.
    room: usize,
    /// Elements of a block.
    block: usize,
    /// Elements that a thread claims: whole blocks.
    chunk: usize,
    /// What all instructions weigh together.
    weight: usize,
    /// Whether operands and results are asked for early.
    far: bool,
}

/// Nanoseconds of work that are worth being claimed by themselves.
const CLAIM: usize = 3_000;
/// More claims than this are too many, however heavy the work.
const CLAIMS: usize = 64;
/// The widest element: every scratch register has room for a block of it.
const WIDEST: usize = 8;
/// See `Program::room`. With one line instead of eleven, exp took twice as long where its result was the next register.
const APART: usize = 11 * 64;
/// Bytes that all blocks of a group take together, so that they stay in a first-level cache of 32 KiB.
const CACHE: usize = 24 << 10;

/// Bytes of operands and results from which on they come from memory, not from a cache of the third level, and are asked for
/// early; and how many of them there may be. A layer norm of 32 MiB gained 40 %; Adam's seven streams of 19 MiB lost as much.
const FAR: usize = 24 << 20;
const FEW_STREAMS: usize = 3;

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
    pub(super) fn new(code: Code, operands: &[Operand<'_>]) -> Program {
        let Code { nodes, shape, row, outputs, registers, instructions, stores, copies } = code;
        let elements: usize = shape.iter().product();
        // Large results are made in a register and written past the caches from there.
        let plain = outputs.len() - stores;
        let mut own = registers;
        let mut past: SmallVec<[Option<usize>; 4]> = SmallVec::from_elem(None, plain);
        for (register, (size, by_row)) in past.iter_mut().zip(&outputs) {
            if !by_row && elements.saturating_mul(*size) >= PAST {
                *register = Some(own);
                own += 1;
            }
        }
        let mut registers = own;
        let mut rows = shape.clone();
        if let (Some(last), true) = (rows.last_mut(), row > 0) {
            *last = 1;
        }
        let whole = |x: &Operand<'_>| if x.by_row { &rows } else { &shape };
        let lies: Vec<Lie> = operands.iter().map(|x| lie(&x.shape, whole(x))).collect();
        let wide =
            operands.iter().map(|x| x.dtype.size()).chain(outputs.iter().map(|o| o.0)).max().unwrap_or(4);
        // One element for all takes no room to speak of.
        let wholes = lies.iter().filter(|lie| !matches!(lie, Lie::Scalar)).count();
        let streams = registers + wholes + outputs.len();
        let most = (CACHE / (streams.max(1) * wide)).clamp(256, BLOCK) / 128 * 128;
        // Blocks are whole rows: of a reduction, or of the operand that is repeated by rows, if there is one kind of them.
        let mut unit = row;
        for (x, lie) in operands.iter().zip(&lies).filter(|_| row == 0) {
            let n: usize = x.shape.iter().product();
            if matches!(lie, Lie::Strided(_)) && is_suffix(&x.shape, &shape) && n <= BLOCK && n > 0 {
                unit = if unit == 0 || unit == n { n } else { usize::MAX };
            }
        }
        let block = match unit {
            0 | usize::MAX => most,
            unit => (most / unit).max(1) * unit,
        };
        let mut register = || {
            registers += 1;
            registers - 1
        };
        // Whether only the first element of an input is used.
        let first = |input: usize| {
            let mut uses = instructions.iter().flat_map(|i| i.inputs.iter().zip(&i.uses));
            uses.all(|(reg, how)| *reg != Reg::Input(input) || *how == Use::First)
        };
        let inputs: Vec<Input> = operands
            .iter()
            .zip(lies)
            .enumerate()
            .map(|(at, (x, lie))| {
                let (size, n) = (x.dtype.size(), x.shape.iter().product::<usize>());
                let by_rows = !x.by_row && is_suffix(&x.shape, &shape) && n > 0 && block.is_multiple_of(n);
                let source = match (lie, x.constant) {
                    (Lie::Same, _) => Source::Same,
                    (Lie::Scalar, _) if first(at) => Source::One,
                    (Lie::Scalar, Some(bytes)) => {
                        let mut words = vec![0u64; (block.min(elements.max(1)) * size).div_ceil(8)];
                        repeat(bytes, bytemuck::cast_slice_mut(&mut words));
                        Source::Known(words)
                    }
                    (Lie::Scalar, None) => Source::Rows(1, register()),
                    (Lie::Strided(_), _) if by_rows => Source::Rows(n, register()),
                    (Lie::Strided(strides), _) => Source::Strided(strides, register()),
                };
                Input { dtype: x.dtype, size, shape: x.shape.clone(), source, by_row: x.by_row }
            })
            .collect();
        let room = (block * WIDEST).next_multiple_of(4096) + APART;
        let streams = inputs.iter().filter(|x| matches!(x.source, Source::Same) && !x.by_row).map(|x| x.size);
        let streams = streams.chain(outputs.iter().filter(|o| !o.1).map(|o| o.0));
        let (count, bytes) = streams.fold((0, 0), |(n, sum), size| (n + 1, sum + size));
        let weight = instructions.iter().map(|i| i.weight).sum();
        let claim = CLAIM * 1000 / work(1000, weight).max(1);
        let chunk = CHUNK.min(claim.max(elements / CLAIMS));
        let chunk = (chunk / block).max(1) * block;
        let far = count <= FEW_STREAMS && elements.saturating_mul(bytes) > FAR;
        let lane = |reg: Reg, narrow: bool| {
            let (base, size, walks) = match reg {
                Reg::Input(k) => (k, inputs[k].size, matches!(inputs[k].source, Source::Same)),
                Reg::Scratch(k, size) => (inputs.len() + k, size, false),
                Reg::Output(k) => match past[k] {
                    Some(register) => (inputs.len() + register, outputs[k].0, false),
                    None => (inputs.len() + own + k, outputs[k].0, true),
                },
                Reg::Store(k) => {
                    let k = outputs.len() - stores + k;
                    (inputs.len() + own + k, outputs[k].0, true)
                }
            };
            Lane { base: base as u16, size: size as u8, step: if walks { size as u8 } else { 0 }, narrow }
        };
        let copies = copies
            .into_iter()
            .map(|(from, to)| {
                let to = lane(Reg::Store(to), false);
                (lane(Reg::Scratch(from, to.size as usize), false), to)
            })
            .collect();
        let large = (0..plain).filter(|k| past[*k].is_some());
        let past = large
            .map(|k| {
                let place = Lane {
                    base: (inputs.len() + own + k) as u16,
                    step: outputs[k].0 as u8,
                    ..lane(Reg::Output(k), false)
                };
                (lane(Reg::Output(k), false), place)
            })
            .collect();
        let calls = instructions
            .into_iter()
            .map(|i| {
                // Operands of what is computed of rows, and of their spreading, are one element a row.
                let narrow = match i.kind {
                    Kind::Block(_) | Kind::Chain(..) => i.by_row,
                    Kind::Reduce(..) => false,
                    Kind::Spread(_) => true,
                };
                let operand = |(reg, how): (&Reg, &Use)| lane(*reg, narrow || *how == Use::Row);
                Call {
                    operands: i.inputs.iter().zip(&i.uses).map(operand).collect(),
                    results: i.results.iter().map(|reg| lane(*reg, i.by_row)).collect(),
                    output: lane(i.output, i.by_row),
                    by_rows: i.uses.contains(&Use::Row),
                    kind: i.kind,
                    uses: i.uses,
                }
            })
            .collect();
        Program {
            nodes,
            shape,
            row,
            outputs,
            calls,
            copies,
            past,
            elements,
            rows,
            inputs,
            own,
            registers,
            room,
            block,
            chunk,
            weight,
            far,
        }
    }
    pub(super) fn nodes(&self) -> &[u32] {
        &self.nodes
    }
    /// Runs the program.
    ///
    /// # Safety
    ///
    /// Each input is readable, and each target is `elements` elements of its size, writable, and overlaps no other target
    /// for the time of the call. A target overlaps no input, but a variable's may be the very memory of inputs that have the
    /// shape and element size of the result.
    pub(super) unsafe fn run(&self, inputs: &[Target], targets: &[Target]) {
        if self.elements == 0 {
            return;
        }
        debug_assert!(
            targets.iter().zip(&self.outputs).all(|(t, o)| t.bytes == o.0 * self.count(o.1, self.elements))
        );
        let part = |start: usize, end: usize| {
            // SAFETY: parts are disjoint ranges of elements, and the caller vouches for the rest.
            unsafe { self.part(inputs, targets, start, end) }
        };
        let chunk = self.chunk;
        if self.elements <= chunk {
            return part(0, self.elements);
        }
        parallel::indices(self.elements.div_ceil(chunk), work(self.elements, self.weight), &|k| {
            part(k * chunk, ((k + 1) * chunk).min(self.elements));
        });
    }
    /// How many elements of a value there are for so many of the loop: as many, or one for each row of them.
    #[inline]
    fn count(&self, by_row: bool, elements: usize) -> usize {
        if by_row { elements / self.row } else { elements }
    }
    /// Elements `start..end`, block by block. If rows are reduced, `start` is at the beginning of one.
    ///
    /// # Safety
    ///
    /// As for `run`, and nobody else writes these elements.
    pub(super) unsafe fn part(&self, inputs: &[Target], targets: &[Target], start: usize, end: usize) {
        let mut memory = Scratch::take();
        let scratch = memory.slice::<u8>(self.registers * self.room).as_mut_ptr();
        let register = |k: usize| {
            debug_assert!(k < self.registers);
            // SAFETY: register `k` is inside the scratch memory.
            unsafe { scratch.add(k * self.room) }
        };
        let longest = self.block.min(end - start);
        let mut bases = Bases(SmallVec::new());
        for (x, input) in inputs.iter().zip(&self.inputs) {
            bases.0.push(match &input.source {
                Source::Same | Source::One => x.ptr,
                Source::Known(words) => words.as_ptr().cast_mut().cast(),
                Source::Rows(_, k) | Source::Strided(_, k) => register(*k),
            });
            if let Source::Rows(n, k) = input.source {
                // SAFETY: the input has `n` elements, and the register, which is this input's own, room for a block.
                unsafe {
                    let row = std::slice::from_raw_parts(x.ptr.cast_const(), n * input.size);
                    let len = self.count(input.by_row, longest);
                    let into = std::slice::from_raw_parts_mut(register(k), len * input.size);
                    // Blocks are whole rows of it, so that all of them begin as the first one does.
                    let phase = self.count(input.by_row, start) % n;
                    let begun = if phase == 0 { 0 } else { (n - phase).min(len) };
                    let (end, rest) = into.split_at_mut(begun * input.size);
                    end.copy_from_slice(&row[phase * input.size..][..end.len()]);
                    repeat(row, rest);
                }
            }
        }
        (0..self.own).for_each(|k| bases.0.push(register(k)));
        targets.iter().for_each(|t| bases.0.push(t.ptr));
        let past = (!self.past.is_empty()).then(Past::new);
        let mut at = start;
        while at < end {
            let len = self.block.min(end - at);
            let block = match self.row {
                0 => Block { at, len, row_at: at, rows: len },
                row => Block { at, len, row_at: at / row, rows: len / row },
            };
            for (x, input) in inputs.iter().zip(&self.inputs) {
                if let Source::Strided(strides, k) = &input.source {
                    // SAFETY: as above.
                    unsafe {
                        let (at, len) = (self.count(input.by_row, at), self.count(input.by_row, len));
                        let shape = if input.by_row { &self.rows } else { &self.shape };
                        let bytes = std::slice::from_raw_parts(x.ptr.cast_const(), x.bytes);
                        let into = std::slice::from_raw_parts_mut(register(*k), len * input.size);
                        let view = View { dtype: input.dtype, shape: &input.shape, bytes };
                        load(&view, strides, shape, at, len, into);
                    }
                }
            }
            for (share, call) in self.calls.iter().enumerate() {
                if self.far {
                    self.ask(inputs, targets, at + len..end.min(at + 2 * len), share);
                }
                // SAFETY: the caller's promise.
                unsafe { self.execute(call, &bases, &block) };
            }
            for (from, to) in &self.copies {
                // SAFETY: an instruction of this block wrote the register; the target has the program's elements, of which
                // these are this thread's, and its operands are read.
                unsafe {
                    let (from, into) = (bases.of(from, &block), bases.of(to, &block));
                    std::ptr::copy_nonoverlapping(from.cast_const(), into, block.bytes(to));
                }
            }
            for ((from, to), past) in self.past.iter().zip(past.iter().cycle()) {
                // SAFETY: as above; no input is in the memory of such an output.
                unsafe {
                    let from =
                        std::slice::from_raw_parts(bases.of(from, &block).cast_const(), block.bytes(to));
                    past.copy(from, std::slice::from_raw_parts_mut(bases.of(to, &block), from.len()));
                }
            }
            at += len;
        }
    }
    /// Asks for one share, of as many as there are instructions, of what the next block reads and writes: so it comes from memory
    /// while this block is computed.
    fn ask(&self, inputs: &[Target], targets: &[Target], next: Range<usize>, share: usize) {
        let part = |ptr: *mut u8, size: usize| {
            let (from, to) = (next.start * size, next.end * size);
            let each = (to - from).div_ceil(self.calls.len()).next_multiple_of(64);
            let from = (from + share * each).min(to);
            ahead(ptr.wrapping_add(from), each.min(to - from));
        };
        for (x, input) in inputs.iter().zip(&self.inputs) {
            if matches!(input.source, Source::Same) && !input.by_row {
                part(x.ptr, input.size);
            }
        }
        let past = |target: usize| {
            self.past.iter().any(|(_, to)| to.base as usize == self.inputs.len() + self.own + target)
        };
        for (k, (target, (size, by_row))) in targets.iter().zip(&self.outputs).enumerate() {
            if !by_row && !past(k) {
                part(target.ptr, *size);
            }
        }
    }
    /// Runs one instruction on a block.
    ///
    /// # Safety
    ///
    /// As for `part`; the places are this part's.
    #[inline]
    unsafe fn execute(&self, call: &Call, bases: &Bases, block: &Block) {
        let f = match &call.kind {
            Kind::Chain(chain, DType::F64) => {
                // SAFETY: passed on; the elements are of this type.
                return unsafe { self.chain::<f64>(chain, call, bases, block) };
            }
            Kind::Chain(chain, _) => {
                // SAFETY: as above.
                return unsafe { self.chain::<f32>(chain, call, bases, block) };
            }
            other => other,
        };
        let mut operands: [&[u8]; MOST_OPERANDS] = [&[]; MOST_OPERANDS];
        for (operand, lane) in operands.iter_mut().zip(&call.operands) {
            // SAFETY: the block is there: spread or collected before, or written by an earlier instruction, or the caller's.
            *operand =
                unsafe { std::slice::from_raw_parts(bases.of(lane, block).cast_const(), block.bytes(lane)) };
        }
        let operands = &operands[..call.operands.len()];
        // SAFETY: no operand of this instruction is what it writes (see `group.rs`), and only this thread has these elements of
        // the outputs.
        let output = unsafe {
            std::slice::from_raw_parts_mut(bases.of(&call.output, block), block.bytes(&call.output))
        };
        match f {
            Kind::Block(f) => f(operands, output),
            Kind::Spread(size) => {
                let rows = output.chunks_exact_mut(self.row * size).zip(operands[0].chunks_exact(*size));
                rows.for_each(|(row, one)| repeat(one, row));
            }
            Kind::Reduce(f) => f(operands[0], self.row, output),
            Kind::Chain(..) => {}
        }
    }
    /// Runs a chain on a block, row by row if some of its operands are one element a row.
    ///
    /// # Safety
    ///
    /// As for `execute`; elements are of type `T`.
    #[inline]
    unsafe fn chain<T: Element>(&self, chain: &Chain, call: &Call, bases: &Bases, block: &Block) {
        let mut from = [std::ptr::null::<T>(); MOST_OPERANDS];
        for (from, lane) in from.iter_mut().zip(&call.operands) {
            *from = bases.of(lane, block).cast_const().cast();
        }
        let mut into = [std::ptr::null_mut::<T>(); MOST_RESULTS];
        for (into, lane) in into.iter_mut().zip(&call.results) {
            *into = bases.of(lane, block).cast();
        }
        let out = bases.of(&call.output, block).cast::<T>();
        if !call.by_rows {
            let n = if call.output.narrow { block.rows } else { block.len };
            // SAFETY: the block of each operand and result is there, as for any instruction. A result that is the memory of an
            // operand is a variable's, of which no later link reads (see `group.rs`).
            return unsafe { chain.run(&from, &into, out, n) };
        }
        for r in 0..block.rows {
            // SAFETY: as above, for a row; what is one element a row has as many elements as there are rows.
            unsafe { chain.run(&from, &into, out.add(r * self.row), self.row) };
            for (from, how) in from.iter_mut().zip(&call.uses) {
                *from = from.wrapping_add(match how {
                    Use::Row => 1,
                    Use::Along => self.row,
                    Use::First => 0,
                });
            }
            into.iter_mut().for_each(|into| *into = into.wrapping_add(self.row));
        }
    }
}

/// Whether `shape` is the last axes of `whole`, but for sizes of 1 before them.
fn is_suffix(shape: &[usize], whole: &[usize]) -> bool {
    let ones = shape.iter().take_while(|d| **d == 1).count();
    whole.ends_with(&shape[ones..])
}
