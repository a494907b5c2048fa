//! Shape and dtype rules: what they see, how they fail, and the common ones.

use super::attr::Attrs;
use crate::dim::Dim;
use crate::dtype::DType;
use crate::error::Kind;
use crate::shape::{Meta, Shape};
use smallvec::SmallVec;

/// The metas of the results.
pub type Metas = SmallVec<[Meta; 1]>;

/// What a shape rule sees.
pub struct Infer<'a> {
    /// The metas of the inputs.
    pub inputs: &'a [&'a Meta],
    /// The attributes.
    pub attrs: &'a Attrs,
}

/// What is wrong, in the op author's words; the door adds op, operands, place.
#[derive(Debug, Clone)]
pub struct Fault {
    pub(crate) kind: Kind,
    pub(crate) what: String,
    pub(crate) numbers: Option<String>,
    pub(crate) hint: Option<String>,
}

impl Fault {
    /// A wrong argument.
    pub fn new(what: impl Into<String>) -> Fault {
        Fault { kind: Kind::InvalidArgument, what: what.into(), numbers: None, hint: None }
    }
    /// The two numbers that clash: `3 ≠ 2`.
    pub fn numbers(mut self, numbers: impl Into<String>) -> Fault {
        self.numbers = Some(numbers.into());
        self
    }
    /// What to do about it.
    pub fn hint(mut self, hint: impl Into<String>) -> Fault {
        self.hint = Some(hint.into());
        self
    }
    /// Another kind than `InvalidArgument`.
    pub fn kind(mut self, kind: Kind) -> Fault {
        self.kind = kind;
        self
    }
}

impl<'a> Infer<'a> {
    /// The `i`th input's shape.
    pub fn shape(&self, i: usize) -> &'a Shape {
        &self.inputs[i].shape
    }
    /// The `i`th input's dtype.
    pub fn dtype(&self, i: usize) -> DType {
        self.inputs[i].dtype
    }
    /// One result.
    pub fn one(&self, dtype: DType, shape: Shape) -> Result<Metas, Fault> {
        Ok(one(Meta { dtype, shape }))
    }
    /// The integer attribute `name` as an axis of input `i`.
    pub fn axis(&self, i: usize, axis: i64) -> Result<usize, Fault> {
        let rank = self.shape(i).rank();
        self.shape(i).axis(axis).ok_or_else(|| {
            Fault::new(format!("axis {axis} is out of range for rank {rank}"))
                .hint(format!("axes go from -{rank} to {}", rank.saturating_sub(1)))
        })
    }
    /// A set of axes of input `i` as sorted positions without repetition.
    pub fn axes(&self, i: usize, axes: &[i64]) -> Result<SmallVec<[usize; 6]>, Fault> {
        let mut set: SmallVec<[usize; 6]> =
            axes.iter().map(|a| self.axis(i, *a)).collect::<Result<_, _>>()?;
        set.sort_unstable();
        match set.windows(2).find(|w| w[0] == w[1]) {
            Some(w) => Err(Fault::new(format!("axis {} is given twice", w[0]))),
            None => Ok(set),
        }
    }
    /// The rank of input `i` must be at least this.
    pub fn at_least_rank(&self, i: usize, rank: usize, name: &str) -> Result<(), Fault> {
        match self.shape(i).rank() {
            r if r >= rank => Ok(()),
            r => {
                Err(Fault::new(format!("{name} must have at least rank {rank}")).numbers(format!("rank {r}")))
            }
        }
    }
    /// All inputs broadcast together.
    pub fn broadcast(&self) -> Result<Shape, Fault> {
        let first = self.shape(0);
        let mut shape = first.clone();
        if (1..self.inputs.len()).all(|i| self.shape(i) == first) {
            return Ok(shape);
        }
        for i in 1..self.inputs.len() {
            shape = shape.broadcast(self.shape(i)).ok_or_else(|| clash(&shape, self.shape(i)))?;
        }
        Ok(shape)
    }
    /// Two dimensions must be equal (or may still be, while symbols).
    pub fn same_dim(&self, a: Dim, b: Dim, what: &str) -> Result<Dim, Fault> {
        match a.may_equal(b) {
            true => Ok(if a.is_known() { a } else { b }),
            false => Err(Fault::new(what).numbers(format!("{a} ≠ {b}"))),
        }
    }
}

#[inline]
fn one(meta: Meta) -> Metas {
    let mut metas = Metas::new();
    metas.push(meta);
    metas
}

#[cold]
fn clash(a: &Shape, b: &Shape) -> Fault {
    let pairs = a.iter().rev().zip(b.iter().rev());
    let differ = pairs.into_iter().find(|(x, y)| x.broadcast(**y).is_none());
    let fault =
        Fault::new("shapes do not broadcast").hint("sizes must be equal or 1, counted from the last axis");
    match differ {
        Some((x, y)) => fault.numbers(format!("{x} ≠ {y}")),
        None => fault,
    }
}

/// The rules that many ops share.
pub mod rule {
    use super::*;

    /// One result with the first input's dtype and shape.
    pub fn same_as_first(x: &Infer<'_>) -> Result<Metas, Fault> {
        Ok(one(x.inputs[0].clone()))
    }
    /// One result with the first input's dtype and the broadcast shape of all.
    pub fn broadcast(x: &Infer<'_>) -> Result<Metas, Fault> {
        x.one(x.dtype(0), x.broadcast()?)
    }
    /// One bool result with the broadcast shape of all.
    pub fn compare(x: &Infer<'_>) -> Result<Metas, Fault> {
        x.one(DType::Bool, x.broadcast()?)
    }
    /// One bool result with the first input's shape.
    pub fn predicate(x: &Infer<'_>) -> Result<Metas, Fault> {
        x.one(DType::Bool, x.shape(0).clone())
    }
    /// The reduction of input 0 over the attribute `axes`, with `keepdims`; the dtype is the input's.
    pub fn reduce(x: &Infer<'_>) -> Result<Metas, Fault> {
        x.one(x.dtype(0), reduced(x)?)
    }
    /// The shape of a reduction: attributes `axes` and `keepdims`.
    pub fn reduced(x: &Infer<'_>) -> Result<Shape, Fault> {
        let axes = x.axes(0, x.attrs.ints("axes"))?;
        let keep = x.attrs.bool("keepdims");
        let dims = x.shape(0).iter().enumerate().filter_map(|(i, d)| match (axes.contains(&i), keep) {
            (false, _) => Some(*d),
            (true, true) => Some(Dim::from(1)),
            (true, false) => None,
        });
        Ok(dims.collect())
    }
    /// One result with the dtype of the attribute `dtype` and the shape of the attribute `shape`.
    pub fn from_attrs(x: &Infer<'_>) -> Result<Metas, Fault> {
        x.one(x.attrs.dtype("dtype"), x.attrs.shape("shape").clone())
    }
}
