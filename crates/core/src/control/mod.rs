//! Control flow as functions: for programs that make their steps from closures, and for what plain Rust has no word for.
//!
//! Eagerly each is the Rust that its name says. In a traced function the closures run once, with symbols, and become the
//! graphs of one node.

mod branches;
mod loops;
mod rows;

pub use branches::{case, cond, switch_case, try_case, try_cond, try_switch_case};
pub use loops::{try_while_loop, try_while_loop_at_most, while_loop, while_loop_at_most};
pub use rows::{foldl, foldr, map_fn, scan, try_foldl, try_foldr, try_map_fn, try_scan};

use crate::error::{Error, Result, catch};
use crate::ops;
use crate::shape::Meta;
use crate::tape;
use crate::tensor::Tensor;
use crate::trace::{self, Rebuild, Structure, Sub, Visitor, explore};

/// The parts of a structure: its tensors, and what must be equal beside them.
struct Parts {
    tensors: Vec<Tensor>,
    paths: Vec<String>,
    rest: Vec<(String, String)>,
}

impl Parts {
    fn of(x: &impl Structure) -> Parts {
        let mut visitor = Visitor::named(&[]);
        x.visit(&mut visitor);
        let rest = visitor.leaves.iter().filter(|l| !matches!(l.kind, trace::LeafKind::Tensor(_)));
        let rest = rest.map(|l| (l.path.clone(), l.text.clone())).collect();
        Parts { tensors: visitor.tensors, paths: visitor.paths, rest }
    }
    fn named(&self) -> Vec<(String, Meta)> {
        let name = |path: &String| if path.is_empty() { "value".to_string() } else { path.clone() };
        self.paths.iter().map(name).zip(self.tensors.iter().map(|x| x.meta().clone())).collect()
    }
    /// What differs between two structures beside the values of their tensors, in a sentence.
    fn differs(&self, other: &Parts) -> Option<String> {
        if self.tensors.len() != other.tensors.len() || self.rest != other.rest {
            let (a, b) = (self.tensors.len(), other.tensors.len());
            let place = self.rest.iter().zip(&other.rest).find(|(a, b)| a != b);
            return Some(match place {
                Some((a, b)) => format!("{}: {} and {}", named(&a.0), a.1, b.1),
                None => format!("{a} tensors and {b} tensors"),
            });
        }
        let alike = |a: &Meta, b: &Meta| {
            let dims = a.shape.iter().zip(b.shape.iter());
            let fits = dims.into_iter().all(|(a, b)| ops::same_size(*a, *b));
            a.dtype == b.dtype && a.shape.rank() == b.shape.rank() && fits
        };
        let both = self.tensors.iter().zip(&other.tensors).zip(&self.paths);
        let mut odd = both.filter(|((a, b), _)| !alike(a.meta(), b.meta()));
        odd.next().map(|((a, b), path)| format!("{}: {} and {}", named(path), a.meta(), b.meta()))
    }
}

fn named(path: &str) -> String {
    if path.is_empty() { "the result".into() } else { format!("result `{path}`") }
}

/// Runs `f` into a graph for a node.
fn traced<R: Structure>(
    name: &str,
    arguments: &[(String, Meta)],
    f: impl FnOnce(&[Tensor]) -> R,
    extra: impl FnOnce(&R) -> Vec<Tensor>,
) -> Result<(R, Sub)> {
    let (marks, depth) = (tape::marks(), explore::depth());
    let arguments = explore::sub_open(name, arguments)?;
    let made = catch(|| f(&arguments)).and_then(|made| {
        let sub = explore::sub_close(&extra(&made))?;
        Ok((made, sub))
    });
    if made.is_err() {
        explore::sub_fail(depth);
    }
    tape::rewind(&marks);
    made
}

fn tensors_of(x: &impl Structure) -> Vec<Tensor> {
    let mut visitor = Visitor::default();
    x.visit(&mut visitor);
    visitor.tensors
}

fn rebuilt<R: Structure>(template: &R, tensors: &[Tensor]) -> R {
    template.rebuild(&mut Rebuild::new(tensors, &[]))
}

/// What a loop carries stays what it is.
fn steady(op: &'static str, before: &Parts, after: &Parts) -> Result<()> {
    match before.differs(after) {
        None => Ok(()),
        Some(text) => Err(Error::invalid(op, format!("the body changes what is carried: {text}"))
            .with_hint("what a loop carries keeps its structure, dtypes and shapes")),
    }
}
