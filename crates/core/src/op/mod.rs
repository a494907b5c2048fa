//! What an op *is*: one value with every face required.
//!
//! The table of ops is [`crate::ops`]; this module holds the definition ([`OpDef`]), signatures, attributes, kernel
//! families, gradient rules, effects and samples. There is no `Default` and no trait with default methods: an op that
//! lacks a face says so in a sentence that the user will read.

mod attr;
mod copies;
mod cpu;
mod gpu;
mod grad;
mod infer;
mod sample;
mod sig;

pub use attr::{Attr, Attrs};
pub use cpu::{AffineCopy, BlockFn, Call, Copies, Cpu, Finish, Made, Sizes, View, ViewMut};
pub use gpu::{Combine, Gpu, GpuKernel, ReduceKind, ScanKind};
pub use grad::{Backward, Grad, Grads};
pub use infer::{Fault, Infer, Metas, rule};
pub use sample::{Data, Outcome, Sample, bools, err, floats, ints, ok};
pub use sig::{AttrKind, Class, Input, Sig};

pub(crate) use copies::{Steps, sizes, steps, steps_of};
#[allow(unused_imports, reason = "the table's comparisons use it through a macro")]
pub(crate) use cpu::Truth;
pub(crate) use cpu::{Lane, block, block_out, blocks, cloned, epilogue, half_tested_through, half_through};
pub(crate) use sig::sig;

use crate::tensor::Tensor;

/// An operation: everything the system knows of it. Equal by address.
pub struct OpDef {
    /// Unique, snake_case.
    pub name: &'static str,
    /// The TensorFlow nodes it reads and writes; attributes keep TensorFlow's names.
    pub tf: &'static [Tf],
    /// Inputs and attributes: arity, names, dtypes. Checked at the door.
    pub sig: Sig,
    /// Whether calls may be merged, dropped or moved.
    pub effect: Effect,
    /// The dtypes and shapes of the results: the only place where they are decided.
    pub infer: fn(&Infer<'_>) -> Result<Metas, Fault>,
    /// How the CPU computes it.
    pub cpu: Cpu,
    /// How the GPU computes it, or why it does not.
    pub gpu: Gpu,
    /// Its gradient, or why it has none.
    pub grad: Grad,
    /// How closely two implementations must agree.
    pub exact: Exact,
    /// The same function made of smaller ops, when the op is a composite with a kernel of its own: fallback and test
    /// oracle.
    pub composed: Option<fn(&[Tensor], &Attrs) -> Tensor>,
    /// Inputs that every face is tried with.
    pub samples: fn() -> Vec<Sample>,
}

impl PartialEq for OpDef {
    fn eq(&self, other: &OpDef) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Eq for OpDef {}

impl std::hash::Hash for OpDef {
    fn hash<H: std::hash::Hasher>(&self, h: &mut H) {
        std::ptr::hash(self, h);
    }
}

impl std::fmt::Debug for OpDef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// A TensorFlow node of an op.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tf {
    /// The node's op name: `RealDiv`.
    pub node: &'static str,
    /// Inputs of ours that are attributes there, or the other way round, in a sentence; empty if it is the same.
    pub differs: &'static str,
}

impl Tf {
    /// A node with the same inputs and attributes.
    pub const fn same(node: &'static str) -> Tf {
        Tf { node, differs: "" }
    }
    /// A node whose inputs or attributes differ as the sentence says.
    pub const fn differs(node: &'static str, how: &'static str) -> Tf {
        Tf { node, differs: how }
    }
}

/// What running an op does besides computing its results.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Effect {
    /// Nothing: may be merged, dropped, folded.
    Pure,
    /// It can fail at run time, depending on values: keeps its place, is never dropped.
    MayFail,
    /// Reads a variable: may be dropped, not moved over a write, not merged across one.
    Reads,
    /// Writes a variable: keeps its place.
    Writes,
    /// Draws from random state: keeps its place.
    Random,
    /// Prints or asserts: keeps its place.
    Io,
}

impl Effect {
    /// Whether a call may be dropped when nobody uses its results.
    pub fn droppable(self) -> bool {
        matches!(self, Effect::Pure | Effect::Reads)
    }
}

/// How closely results of two devices (or of TensorFlow) agree with the CPU's.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Exact {
    /// Every bit: integers, moves, selections, correctly rounded functions.
    Bits,
    /// Within so many units in the last place of the result's dtype, or of the largest input for sums.
    Ulp(u32),
    /// A relative tolerance for f32 (other dtypes scaled by their precision).
    Relative(f64),
}
