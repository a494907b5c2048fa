//! What the code that `#[function]` and `#[derive(Module)]` write may call. Not for users; it changes without notice.

pub use crate::dtype::DType;
pub use crate::error::Result;
pub use crate::graph::{Costs, Graph};
pub use crate::module::Module;
pub use crate::trace::{Concrete, MemoryNeeds, Miss, Signatures};

pub use crate::trace::explore::{
    HostScrutinee, HostSide, List, Panicking, Pattern, Printing, Scrutinee, Side, StagedRange, StartTo,
    State, ViaAny, ViaState, Wrap, and, assert_that, bare, condition, for_loop, guard, matched, or,
    while_loop,
};

use crate::trace::Lend;
pub use crate::trace::{
    DimSpec, Function, Options, Pending, Rebuild, Route, Run, Structure, TensorSpec, Visitor, call,
};
use std::borrow::Borrow;
use std::ops::Deref;

/// Visits one argument.
pub fn argument<T: Structure + ?Sized>(v: &mut Visitor, name: &'static str, x: &T) {
    let before = v.tensors.len();
    v.field(name, |v| x.visit(v));
    v.counts.push(v.tensors.len() - before);
}

/// Visits one argument of the form `Option<&T>`.
pub fn optional<T: Structure + ?Sized>(v: &mut Visitor, name: &'static str, x: Option<&T>) {
    let before = v.tensors.len();
    v.field(name, |v| {
        v.shape("option", x.is_some() as usize);
        if let Some(x) = x {
            x.visit(v);
        }
    });
    v.counts.push(v.tensors.len() - before);
}

/// A borrowed argument while its body is traced: the original if it has no tensors.
pub enum Lent<'a, T: Lend + ?Sized> {
    /// The original.
    Same(&'a T),
    /// With symbols for tensors.
    New(T::Held),
}

impl<T: Lend + ?Sized> Deref for Lent<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        match self {
            Lent::Same(x) => x,
            Lent::New(held) => held.borrow(),
        }
    }
}

/// A `&T` for the body.
pub fn lend<'a, T: Lend + ?Sized>(r: &mut Rebuild<'_>, x: &'a T) -> Lent<'a, T> {
    match r.next_count() {
        0 => Lent::Same(x),
        _ => Lent::New(x.hold(r)),
    }
}

/// An `Option<&T>` for the body.
pub fn lend_optional<'a, T: Lend + ?Sized>(r: &mut Rebuild<'_>, x: Option<&'a T>) -> Option<Lent<'a, T>> {
    match x {
        None => {
            r.next_count();
            None
        }
        Some(x) => Some(lend(r, x)),
    }
}

/// A `T` for the body.
pub fn own<T: Structure>(r: &mut Rebuild<'_>, x: &T) -> T {
    r.next_count();
    x.rebuild(r)
}

/// A `&dyn Trait` for the body: lent as it is, so it must not have tensors (variables are fine).
#[track_caller]
pub fn same<'a, T: ?Sized>(r: &mut Rebuild<'_>, x: &'a T) -> &'a T {
    if r.next_count() > 0 {
        let text = "a trait object among the arguments holds tensors, which cannot be replaced while tracing";
        let hint = "make them variables, or take the concrete type";
        crate::error::raise(crate::Error::invalid("function", text).with_hint(hint));
    }
    x
}

/// The function pointers beside a traced function: their types are written where the user's names are known.
pub trait Traceable {
    /// From the arguments to an answer about the call.
    type To<Answer>;
    /// The graph.
    const GRAPH: Self::To<Graph>;
    /// The trace.
    const CONCRETE: Self::To<Concrete>;
    /// What it computes and moves.
    const COST: Self::To<Costs>;
    /// The memory that it needs.
    const MEMORY: Self::To<MemoryNeeds>;
}

/// The name of an instance of a generic function.
pub fn instance_of<T>(_: T) -> &'static str {
    std::any::type_name::<T>()
}
