//! Lists that a loop fills: what `let mut ys = vec![]` becomes where it is only pushed to and stacked.
//!
//! Over tensors nobody knows how many turns there will be, so what a turn pushes is a result of the loop's body with one row a
//! turn, and no value that it carries.

use super::places::{State, renewed_structure};
use crate::error::{Error, OrRaise, Place as Line, Result};
use crate::ops;
use crate::shape::Shape;
use crate::tensor::Tensor;
use crate::trace::structure::Structure;
use crate::trace::visitor::{Rebuild, Visitor};

/// Tensors in a row, some of them as many as a loop over tensors had turns.
#[derive(Clone, Default)]
pub struct List {
    parts: Vec<Part>,
    /// What it held before each of the loops whose bodies are traced now.
    outside: Vec<Vec<Part>>,
}

#[derive(Clone)]
enum Part {
    One(Tensor),
    /// Rows of a tensor.
    Rows(Tensor),
}

impl Part {
    fn tensor(&self) -> &Tensor {
        let (Part::One(x) | Part::Rows(x)) = self;
        x
    }
}

/// What each turn of a loop pushed to one list: whether it was rows already.
pub(super) type Pushed = Vec<bool>;

impl List {
    /// `Vec::push`
    #[track_caller]
    pub fn push(&mut self, x: Tensor) {
        // The list has a tensor of its own: a node gives what is carried and what is stacked back apart.
        self.parts.push(Part::One(renewed_structure(x, Line::caller()).or_raise()));
    }
    /// `tf::stack`
    ///
    /// # Panics
    ///
    /// If nothing was pushed, or tensors of different dtypes or shapes.
    #[track_caller]
    pub fn stack(&self, axis: i64) -> Tensor {
        self.try_stack(axis).or_raise()
    }
    fn try_stack(&self, axis: i64) -> Result<Tensor> {
        if !self.outside.is_empty() {
            let text = "a list is stacked in the loop that fills it, where nobody knows how long it is";
            return Err(Error::invalid("stack", text)
                .with_hint("stack it behind the loop, or carry what the turn needs in a variable"));
        }
        if self.parts.iter().all(|p| matches!(p, Part::One(_))) {
            let tensors: Vec<&Tensor> = self.parts.iter().map(Part::tensor).collect();
            return ops::try_stack(&tensors, axis);
        }
        let whole = rows_of(&self.parts, 0)?;
        let rank = whole.rank() as i64;
        let axis = if axis < 0 { axis + rank } else { axis };
        if !(0..rank).contains(&axis) {
            return Err(Error::invalid("stack", format!("axis {axis} is out of range: there are {rank}")));
        }
        let order: Vec<i64> = (1..=axis).chain([0]).chain(axis + 1..rank).collect();
        if axis == 0 { Ok(whole) } else { whole.try_transpose(order.as_slice()) }
    }
    /// A loop's body begins, which fills a list of its own.
    pub(super) fn enter(&mut self) {
        self.outside.push(std::mem::take(&mut self.parts));
    }
    /// What the present turn pushed.
    pub(super) fn pushed(&self) -> Pushed {
        self.parts.iter().map(|p| matches!(p, Part::Rows(_))).collect()
    }
    /// The loop has become a node, which gives what its turns pushed, stacked.
    pub(super) fn leave(&mut self, pushed: &Pushed, stacks: Vec<Tensor>) -> Result<()> {
        self.parts = self.outside.pop().unwrap_or_default();
        if stacks.is_empty() {
            return Ok(());
        }
        let part = |(x, rows): (Tensor, &bool)| if *rows { Part::Rows(x) } else { Part::One(x) };
        let parts: Vec<Part> = stacks.into_iter().zip(pushed).map(part).collect();
        // What one turn pushed stands together.
        let turns = rows_of(&parts, 1)?;
        let dims = turns.shape();
        let all = match dims[1].size() {
            Some(1) => turns.try_squeeze(1)?,
            _ => {
                turns.try_reshape([dims[0] * dims[1]].iter().chain(&dims[2..]).copied().collect::<Shape>())?
            }
        };
        self.parts.push(Part::Rows(all));
        Ok(())
    }
}

/// Parts as one tensor of rows along an axis.
fn rows_of(parts: &[Part], axis: i64) -> Result<Tensor> {
    let row = |p: &Part| match p {
        Part::One(x) => x.try_expand_dims(axis),
        Part::Rows(x) => Ok(x.clone()),
    };
    let mut rows: Vec<Tensor> = parts.iter().map(row).collect::<Result<_>>()?;
    if rows.len() == 1 { Ok(rows.swap_remove(0)) } else { ops::try_concat(&rows, axis) }
}

impl Structure for List {
    fn visit(&self, v: &mut Visitor) {
        v.shape("list", self.parts.len());
        for part in &self.parts {
            v.shape(if matches!(part, Part::One(_)) { "one" } else { "rows" }, 1);
            v.tensor(part.tensor());
        }
    }
    fn rebuild(&self, r: &mut Rebuild<'_>) -> List {
        let mut part = |p: &Part| match p {
            Part::One(_) => Part::One(r.tensor()),
            Part::Rows(_) => Part::Rows(r.tensor()),
        };
        List { parts: self.parts.iter().map(&mut part).collect(), outside: self.outside.clone() }
    }
}

impl State for List {}
