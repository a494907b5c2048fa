//! Sums, differences, products and quotients of a fused group as chains: what one makes goes to the next in registers of the
//! processor.
//!
//! Each step is rounded as it is alone, so the bits are the block functions'; what is saved are ways through the first-level
//! cache, which cost more than the arithmetic.

use crate::dtype::DType;
use crate::graph::{Node, Value};
use crate::ops;
use smallvec::SmallVec;
use tenfold_kernels::chain::{Does, Link, MOST_OPERANDS, With};

/// Links of a chain at most: those of a block are run through again for every few vectors.
const LONGEST: usize = 24;

/// The links of a chain that is being made, and its operands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Links {
    pub(super) links: SmallVec<[Link; 4]>,
    pub(super) operands: SmallVec<[Value; 4]>,
}

/// An operand of a node that goes into a chain.
#[derive(Clone, Copy)]
pub(super) enum Part<'a> {
    /// A value; `true` if it has only one element.
    Value(Value, bool),
    /// What other links make, and nobody else needs.
    Links(&'a Links),
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
            () if node.is(&ops::SQUARED_DIFFERENCE) => does(Does::Subtract, Does::SubtractFrom),
            () => None,
        }?;
        let mut made = Links::default();
        match *parts {
            [x] if straight == Does::Square => {
                made.begin(x)?;
                made.push(Does::Square, With::Kept);
            }
            // What is longer goes first; with two chains the first one's result is kept while the second is computed.
            [Part::Links(x), Part::Links(y)] if !x.keeps() => {
                made.append(y)?;
                made.push(Does::Keep, With::Kept);
                made.append(x)?;
                made.push(straight, With::Kept);
            }
            [Part::Links(x), Part::Links(y)] if !y.keeps() => {
                made.append(x)?;
                made.push(Does::Keep, With::Kept);
                made.append(y)?;
                made.push(reversed, With::Kept);
            }
            [Part::Value(v, one), links @ Part::Links(_)] => {
                made.begin(links)?;
                let with = made.with(v, one)?;
                made.push(reversed, with);
            }
            [x @ Part::Value(..), Part::Value(v, one)] | [x @ Part::Links(_), Part::Value(v, one)] => {
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
            Part::Links(links) => self.append(links),
        }
    }
    fn append(&mut self, other: &Links) -> Option<()> {
        for link in &other.links {
            let with = match link.with {
                With::Elements(k) => self.with(other.operands[k], false)?,
                With::One(k) => self.with(other.operands[k], true)?,
                With::Kept => With::Kept,
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
