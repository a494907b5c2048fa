//! Sums, differences, products, quotients and square roots of a fused group as chains: what one makes goes to the next in
//! registers of the processor, and to memory where others want it too.
//!
//! Each step is rounded as it is alone, so the bits are the block functions'; what is saved are ways through the first-level
//! cache, which cost more than the arithmetic.

use crate::dtype::DType;
use crate::graph::{Node, Value};
use crate::ops;
use smallvec::SmallVec;
use tenfold_kernels::chain::{Does, Link, MOST_OPERANDS, MOST_RESULTS, With};

/// Links of a chain at most: those of a block are run through again for every few vectors.
const LONGEST: usize = 24;

/// The links of a chain that is being made, its operands, and its results beside the last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Links {
    pub(super) links: SmallVec<[Link; 4]>,
    pub(super) operands: SmallVec<[Value; 4]>,
    pub(super) results: SmallVec<[Value; 2]>,
}

/// An operand of a node that goes into a chain.
#[derive(Clone, Copy)]
pub(super) enum Part<'a> {
    /// A value; `true` if it has only one element.
    Value(Value, bool),
    /// What other links make: no other node of the group needs it, but it may have to be written too, as this value.
    Links(&'a Links, Option<Value>),
}

impl Links {
    /// The chain of a node, if it is of a kind that chains have, and small enough. `parts` are its operands.
    pub(super) fn new(node: &Node, parts: &[Part<'_>]) -> Option<Links> {
        if !matches!(node.outputs.first()?.dtype, DType::F32 | DType::F64) {
            return None;
        }
        let does = |straight, reversed| Some((straight, reversed));
        let (straight, reversed) = match () {
            () if node.is(&ops::ADD) => does(Does::Add, Does::Add),
            () if node.is(&ops::SUBTRACT) => does(Does::Subtract, Does::SubtractFrom),
            () if node.is(&ops::MULTIPLY) => does(Does::Multiply, Does::Multiply),
            () if node.is(&ops::DIVIDE) => does(Does::Divide, Does::DivideInto),
            () if node.is(&ops::SQUARE) => does(Does::Square, Does::Square),
            () if node.is(&ops::SQRT) => does(Does::Root, Does::Root),
            () if node.is(&ops::SQUARED_DIFFERENCE) => does(Does::Subtract, Does::SubtractFrom),
            () => None,
        }?;
        let mut made = Links::default();
        match *parts {
            [x] if matches!(straight, Does::Square | Does::Root) => {
                made.begin(x)?;
                made.push(straight, With::Kept);
            }
            // What is longer goes first; with two chains the first one's result is kept while the second is computed.
            [x @ Part::Links(first, _), y @ Part::Links(..)] if !first.keeps() => {
                made.begin(y)?;
                made.push(Does::Keep, With::Kept);
                made.begin(x)?;
                made.push(straight, With::Kept);
            }
            [x @ Part::Links(..), y @ Part::Links(second, _)] if !second.keeps() => {
                made.begin(x)?;
                made.push(Does::Keep, With::Kept);
                made.begin(y)?;
                made.push(reversed, With::Kept);
            }
            [Part::Value(v, one), links @ Part::Links(..)] => {
                made.begin(links)?;
                let with = made.with(v, one)?;
                made.push(reversed, with);
            }
            [x, Part::Value(v, one)] => {
                made.begin(x)?;
                let with = made.with(v, one)?;
                made.push(straight, with);
            }
            _ => return None,
        }
        if node.is(&ops::SQUARED_DIFFERENCE) {
            made.push(Does::Square, With::Kept);
        }
        (made.links.len() <= LONGEST).then_some(made)
    }
    /// Whether it keeps something.
    fn keeps(&self) -> bool {
        self.links.iter().any(|link| link.does == Does::Keep)
    }
    fn push(&mut self, does: Does, with: With) {
        self.links.push(Link { does, with });
    }
    fn begin(&mut self, part: Part<'_>) -> Option<()> {
        match part {
            Part::Value(v, one) => {
                let with = self.with(v, one)?;
                self.push(Does::Load, with);
                Some(())
            }
            Part::Links(links, stored) => {
                self.append(links)?;
                stored.map_or(Some(()), |v| self.store(v))
            }
        }
    }
    /// Writes what there is so far as the result `v`; `None` if there is no room for it.
    fn store(&mut self, v: Value) -> Option<()> {
        let at = self.results.len();
        self.results.push(v);
        self.push(Does::Store, With::Result(at));
        (at < MOST_RESULTS).then_some(())
    }
    /// The last link that reads operand `v`.
    pub(super) fn last_read(&self, v: Value) -> Option<usize> {
        let at = self.operands.iter().position(|x| *x == v)?;
        self.links.iter().rposition(|link| matches!(link.with, With::Elements(k) | With::One(k) if k == at))
    }
    /// The link that writes result `v`.
    pub(super) fn written(&self, v: Value) -> Option<usize> {
        let at = self.results.iter().position(|x| *x == v)?;
        self.links.iter().position(|link| link.with == With::Result(at))
    }
    fn append(&mut self, other: &Links) -> Option<()> {
        for link in &other.links {
            let with = match link.with {
                With::Elements(k) => self.with(other.operands[k], false)?,
                With::One(k) => self.with(other.operands[k], true)?,
                With::Kept => With::Kept,
                With::Result(k) => {
                    self.store(other.results[k])?;
                    continue;
                }
            };
            self.push(link.does, with);
        }
        Some(())
    }
    /// A value as an operand; `None` if there is no room for it.
    fn with(&mut self, v: Value, one: bool) -> Option<With> {
        let at = self.operands.iter().position(|x| *x == v).unwrap_or_else(|| {
            self.operands.push(v);
            self.operands.len() - 1
        });
        (at < MOST_OPERANDS).then_some(if one { With::One(at) } else { With::Elements(at) })
    }
}
