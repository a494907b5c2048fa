//! The variables that a side of an `if` or a loop assigns.

use crate::tensor::Tensor;
use crate::trace::structure::Structure;
use crate::trace::visitor::{Rebuild, Visitor};

use super::outcome::Values;

/// A value that may differ between the sides of an `if` over a tensor, or from turn to turn of a loop over tensors: tensors
/// and structures of them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is changed under a condition that is a tensor",
    label = "not a tensor, and not made of tensors",
    note = "a graph holds both sides of the `if`, or any number of turns of the loop: a host value cannot follow. Make it a tensor \
            (`tf::constant(..)`), move the change out, or use a `bool` condition"
)]
pub trait State: Structure {}

impl State for Tensor {}
impl<T: State> State for Vec<T> {}
impl<T: State, const N: usize> State for [T; N] {}
impl<T: State> State for Option<T> {}
impl<T: State> State for Box<T> {}
impl<T: State> State for crate::error::Result<T> {}

macro_rules! tuples {
    ($(($($t:ident),*))*) => { $( impl<$($t: State),*> State for ($($t,)*) {} )* };
}

tuples! { () (A) (A, B) (A, B, C) (A, B, C, D) (A, B, C, D, E) (A, B, C, D, E, F) (A, B, C, D, E, F, G) (A, B, C, D, E, F, G, H) }

/// A variable of any [`State`].
pub trait Place {
    #[doc(hidden)]
    fn visit_place(&self, v: &mut Visitor);
    #[doc(hidden)]
    fn set_place(&mut self, r: &mut Rebuild<'_>);
}

impl<T: State> Place for T {
    fn visit_place(&self, v: &mut Visitor) {
        self.visit(v);
    }
    fn set_place(&mut self, r: &mut Rebuild<'_>) {
        *self = self.rebuild(r);
    }
}

/// A variable, if it is [`State`].
pub enum MaybePlace<'a> {
    /// It is.
    State(&'a mut dyn Place),
    /// It is something else, which only matters if a tensor decides.
    Other,
}

/// Decides between the two by what the compiler knows of `T`.
pub struct Wrap<'a, T: ?Sized>(pub &'a mut T);

/// For [`State`].
pub trait ViaState<'a> {
    /// The variable.
    fn place(self) -> MaybePlace<'a>;
}

impl<'a, T: State> ViaState<'a> for Wrap<'a, T> {
    fn place(self) -> MaybePlace<'a> {
        MaybePlace::State(self.0)
    }
}

/// For everything else.
pub trait ViaAny<'a> {
    /// Nothing.
    fn place(&self) -> MaybePlace<'a>;
}

impl<'a, T: ?Sized> ViaAny<'a> for Wrap<'a, T> {
    fn place(&self) -> MaybePlace<'a> {
        MaybePlace::Other
    }
}

/// Variables by name.
#[derive(Default)]
pub(super) struct Places<'a>(Vec<(&'static str, MaybePlace<'a>)>);

impl<'a> Places<'a> {
    pub(super) fn with(&mut self, name: &'static str, place: MaybePlace<'a>) {
        self.0.push((name, place));
    }
    /// The first that is not [`State`].
    pub(super) fn other(&self) -> Option<&'static str> {
        self.0.iter().find(|p| matches!(p.1, MaybePlace::Other)).map(|p| p.0)
    }
    pub(super) fn values(&self) -> Values {
        let mut values = Values::default();
        for (name, place) in &self.0 {
            if let MaybePlace::State(place) = place {
                let mut v = Visitor::default();
                place.visit_place(&mut v);
                values.places.push((name, v.tensors.len(), v.words));
                values.tensors.extend(v.tensors);
            }
        }
        values
    }
    pub(super) fn set(&mut self, tensors: &[Tensor]) {
        let mut r = Rebuild::new(tensors, &[]);
        for (_, place) in &mut self.0 {
            if let MaybePlace::State(place) = place {
                place.set_place(&mut r);
            }
        }
    }
}
