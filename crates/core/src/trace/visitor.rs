//! Walking arguments and results: the exact cache key, the tensors in order, and, when asked, names for people.

use crate::device::Device;
use crate::dtype::DType;
use crate::error::{Error, raise};
use crate::shape::Meta;
use crate::tensor::Tensor;
use crate::variable::Variable;
use smallvec::SmallVec;
use std::fmt::{Display, Write};
use std::slice::Iter;

/// What stands at one place of the arguments, for retrace reports and lists of signatures.
#[derive(Clone, Debug, PartialEq)]
pub struct Leaf {
    /// Where: `x`, `model.layers.0.kernel`.
    pub path: String,
    /// As a person would write it: `f32[2, 3]`, `3i64`.
    pub text: String,
    /// What kind of thing.
    pub kind: LeafKind,
}

/// What kind of thing a leaf of the arguments is, and what of it is in the cache key.
#[derive(Clone, Debug, PartialEq)]
pub enum LeafKind {
    /// A tensor: dtype and shape.
    Tensor(Meta),
    /// A variable, by identity.
    Variable(u64),
    /// A host value: type and bits.
    Value,
    /// An object with state of its own, by identity.
    Identity(u64),
    /// A list, a map, an option, an enum: length or variant.
    Structure,
}

/// The dimensions that a signature leaves open or fixes for the tensor at one path.
#[derive(Clone, Copy, Debug)]
pub struct TensorSpec {
    /// The path: `x`, `batch.0`.
    pub path: &'static str,
    /// The dtype, if the signature fixes it.
    pub dtype: Option<DType>,
    /// Each dimension.
    pub dims: &'static [DimSpec],
}

/// One dimension of a [`TensorSpec`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum DimSpec {
    /// Any size, equal wherever the name stands.
    Named(&'static str),
    /// Any size.
    Any,
    /// This size.
    Fixed(usize),
}

/// A number for a kind of value: equal names, equal numbers.
pub(crate) const fn tag(name: &str) -> u64 {
    let (bytes, mut hash, mut i) = (name.as_bytes(), 0xcbf2_9ce4_8422_2325u64, 0);
    while i < bytes.len() {
        hash = (hash ^ bytes[i] as u64).wrapping_mul(0x0100_0000_01b3);
        i += 1;
    }
    hash
}

const TENSOR: u64 = tag("Tensor");
const OPEN: u64 = tag("Tensor with a signature");
const VARIABLE: u64 = tag("Variable");

/// Collects what [`Structure::visit`](super::Structure::visit) shows it.
#[derive(Default)]
pub struct Visitor {
    /// The exact key.
    pub(crate) words: Vec<u64>,
    /// Dtype, rank and sizes of the tensors that a signature leaves open: not in the key, but in what a plan is for.
    pub(crate) sizes: Vec<u64>,
    /// Where in `words` the sizes of each tensor stand, and how many.
    pub(crate) dims: Vec<(usize, usize)>,
    pub(crate) tensors: Vec<Tensor>,
    /// The number of tensors of each argument.
    pub(crate) counts: SmallVec<[usize; 8]>,
    /// Paths of the tensors; only with names.
    pub(crate) paths: Vec<String>,
    /// The device of the first tensor.
    pub(crate) device: Option<Device>,
    /// The device of the first variable.
    pub(crate) variable_device: Option<Device>,
    pub(crate) specs: &'static [TensorSpec],
    path: String,
    named: bool,
    pub(crate) leaves: Vec<Leaf>,
    pub(crate) variables: Vec<(String, Variable)>,
}

impl Visitor {
    /// A visitor that also keeps paths and texts.
    pub(crate) fn named(specs: &'static [TensorSpec]) -> Visitor {
        Visitor { named: true, specs, ..Visitor::default() }
    }
    /// Empties it, keeping its memory.
    pub(crate) fn clear(&mut self, specs: &'static [TensorSpec]) {
        self.words.clear();
        self.sizes.clear();
        self.dims.clear();
        self.tensors.clear();
        self.counts.clear();
        self.paths.clear();
        self.path.clear();
        self.leaves.clear();
        self.variables.clear();
        (self.device, self.variable_device, self.specs) = (None, None, specs);
    }
    fn leaf(&mut self, kind: LeafKind, text: impl FnOnce() -> String) {
        if self.named {
            self.leaves.push(Leaf { path: self.path.clone(), text: text(), kind });
        }
    }
    /// A tensor: dtype and shape enter the key, the value does not.
    pub fn tensor(&mut self, x: &Tensor) {
        let meta = x.meta();
        if self.tensors.is_empty() {
            self.device = Some(x.device());
        }
        match self.specs.iter().find(|s| s.path == self.path) {
            None => {
                self.words.extend([TENSOR, (meta.dtype as u64) << 32 | meta.shape.rank() as u64]);
                self.dims.push((self.words.len(), meta.shape.rank()));
                self.words.extend(meta.shape.iter().map(|d| d.key()));
            }
            Some(spec) => {
                let dtype = if spec.dtype.is_some() { u64::MAX } else { meta.dtype as u64 };
                self.words.extend([OPEN, dtype]);
                self.dims.push((self.words.len(), 0));
                self.sizes.push((meta.dtype as u64) << 32 | meta.shape.rank() as u64);
                self.sizes.extend(meta.shape.iter().map(|d| d.key()));
            }
        }
        self.tensors.push(x.clone());
        if self.named {
            self.paths.push(self.path.clone());
        }
        self.leaf(LeafKind::Tensor(meta.clone()), || meta.to_string());
    }
    /// A variable: its identity enters the key; a trace refers to it.
    pub fn variable(&mut self, v: &Variable) {
        if self.variable_device.is_none() {
            self.variable_device = Some(v.device());
        }
        self.words.extend([VARIABLE, v.id()]);
        if self.named {
            self.variables.push((self.path.clone(), v.clone()));
        }
        self.leaf(LeafKind::Variable(v.id()), || format!("variable #{} {}", v.id(), v.meta()));
    }
    /// A place for a variable: which place it is enters the key, not whether it is filled.
    pub(crate) fn cell(&mut self, id: u64, v: Option<&Variable>) {
        self.words.extend([tag("VariableCell"), id]);
        if let Some(v) = v {
            self.variable_device.get_or_insert(v.device());
            if self.named {
                self.variables.push((self.path.clone(), v.clone()));
            }
        }
        self.leaf(LeafKind::Identity(id), || format!("variable cell #{id}"));
    }
    /// A generator of random numbers: which one it is enters the key. Its state is always in host memory, so it says
    /// nothing of the device.
    pub(crate) fn generator(&mut self, state: &Variable) {
        self.identity("Generator", state.id());
        if self.named {
            self.field("state", |v| v.variables.push((v.path.clone(), state.clone())));
        }
    }
    /// A host value: its type and bits enter the key.
    pub fn value(&mut self, type_name: &'static str, bits: u64, text: &dyn Display) {
        self.words.extend([tag(type_name), bits]);
        self.leaf(LeafKind::Value, || text.to_string());
    }
    /// A string: its bytes enter the key.
    pub fn text(&mut self, text: &str) {
        self.words.extend([tag("str"), text.len() as u64]);
        self.words.extend(text.as_bytes().chunks(8).map(|chunk| {
            let mut word = [0u8; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            u64::from_le_bytes(word)
        }));
        self.leaf(LeafKind::Value, || format!("{text:?}"));
    }
    /// An object that keeps state of its own (an optimiser, a generator): which one it is enters the key, not what is
    /// in it. `id` must never be used again for another object.
    pub fn identity(&mut self, type_name: &'static str, id: u64) {
        self.words.extend([tag(type_name), id]);
        self.leaf(LeafKind::Identity(id), || format!("{type_name} #{id}"));
    }
    /// The length of a list, the number of a variant.
    pub fn shape(&mut self, type_name: &'static str, n: usize) {
        self.words.extend([tag(type_name), n as u64]);
        self.leaf(LeafKind::Structure, || format!("{type_name} of {n}"));
    }
    /// Visits a part under a name.
    pub fn field(&mut self, name: impl Display, f: impl FnOnce(&mut Visitor)) {
        if !self.named && self.specs.is_empty() {
            return f(self);
        }
        let outer = self.path.len();
        let dot = if outer == 0 { "" } else { "." };
        // Writing to a string does not fail.
        let _ = write!(self.path, "{dot}{name}");
        f(self);
        self.path.truncate(outer);
    }
}

/// Makes a structure again with other tensors in the places of the visited ones.
pub struct Rebuild<'a> {
    tensors: Iter<'a, Tensor>,
    /// How many tensors each argument has, for arguments that are lent as they are.
    counts: SmallVec<[usize; 8]>,
}

impl<'a> Rebuild<'a> {
    pub(crate) fn new(tensors: &'a [Tensor], counts: &[usize]) -> Rebuild<'a> {
        Rebuild { tensors: tensors.iter(), counts: counts.iter().rev().copied().collect() }
    }
    /// The next tensor in the order of the visit.
    pub fn tensor(&mut self) -> Tensor {
        match self.tensors.next() {
            Some(x) => x.clone(),
            None => {
                raise(Error::internal("function", "a structure was rebuilt otherwise than it was visited"))
            }
        }
    }
    /// How many tensors the next argument has.
    pub(crate) fn next_count(&mut self) -> usize {
        self.counts.pop().unwrap_or(0)
    }
}
