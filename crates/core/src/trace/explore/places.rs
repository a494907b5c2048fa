//! The variables that a side of an `if` or a loop assigns.

use super::list::{List, Pushed};
use super::outcome::Values;
use crate::door;
use crate::error::{Place as Line, Result};
use crate::tape;
use crate::tensor::Tensor;
use crate::trace::structure::Structure;
use crate::trace::visitor::{Rebuild, Visitor};

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
    /// A list that a loop may fill.
    List(&'a mut List),
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

impl<'a> Wrap<'a, List> {
    /// The list.
    pub fn place(self) -> MaybePlace<'a> {
        MaybePlace::List(self.0)
    }
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
            let mut v = Visitor::default();
            match place {
                MaybePlace::State(place) => place.visit_place(&mut v),
                MaybePlace::List(list) => {
                    values.lists.push((values.places.len(), list.pushed()));
                    list.visit(&mut v);
                }
                MaybePlace::Other => continue,
            }
            values.places.push((name, v.tensors.len(), v.words));
            values.tensors.extend(v.tensors);
        }
        values
    }
    /// The body of a loop over tensors begins.
    pub(super) fn enter(&mut self) {
        for (_, place) in &mut self.0 {
            if let MaybePlace::List(list) = place {
                list.enter();
            }
        }
    }
    /// A loop over tensors is a node now: what its variables are behind it.
    pub(super) fn leave(&mut self, left: &Left) -> Result<()> {
        let (mut r, mut pushed) = (Rebuild::new(&left.tensors, &[]), left.pushed.iter());
        for (_, place) in &mut self.0 {
            match place {
                MaybePlace::State(place) => place.set_place(&mut r),
                MaybePlace::List(list) => {
                    if let Some(pushed) = pushed.next() {
                        let stacks = pushed.iter().map(|_| r.tensor()).collect();
                        list.leave(pushed, stacks)?;
                    }
                }
                MaybePlace::Other => {}
            }
        }
        Ok(())
    }
    /// What a construct gives is new to the tapes: see [`renewed`].
    pub(super) fn renew(&mut self, at: Line) -> Result<()> {
        if !listened() {
            return Ok(());
        }
        let mut v = Visitor::default();
        self.states().for_each(|place| place.visit_place(&mut v));
        if let Some(tensors) = renewed(&v.tensors, at)? {
            let mut r = Rebuild::new(&tensors, &[]);
            self.states().for_each(|place| place.set_place(&mut r));
        }
        Ok(())
    }
    fn states(&mut self) -> impl Iterator<Item = &mut dyn Place> {
        self.0.iter_mut().filter_map(|(_, place)| match place {
            MaybePlace::State(place) => Some(&mut **place as &mut dyn Place),
            _ => None,
        })
    }
    pub(super) fn set(&mut self, tensors: &[Tensor]) {
        let mut r = Rebuild::new(tensors, &[]);
        for (_, place) in &mut self.0 {
            match place {
                MaybePlace::State(place) => place.set_place(&mut r),
                MaybePlace::List(list) => **list = list.rebuild(&mut r),
                MaybePlace::Other => {}
            }
        }
    }
}

/// What a loop over tensors left behind.
#[derive(Clone)]
pub(super) struct Left {
    /// What it carried, and in the place of each list what it stacked for it.
    pub(super) tensors: Vec<Tensor>,
    /// What a turn pushed to each list.
    pub(super) pushed: Vec<Pushed>,
}

/// Whether somebody may ask for gradients of what is computed now.
pub(crate) fn listened() -> bool {
    crate::trace::is_tracing() || tape::is_recording()
}

/// Tensors that come out of an `if`, a turn of a loop or a function, as tensors of their own; `None` if nobody could tell.
///
/// What comes through unchanged must not be one tensor for the tapes inside and outside: in a graph it is a result of the node,
/// and its cotangents are added up outside before they are added to what is inside. So it is done when running eagerly.
pub(crate) fn renewed(tensors: &[Tensor], at: Line) -> Result<Option<Vec<Tensor>>> {
    let tells = |x: &Tensor| x.dtype().is_float() && (x.is_symbolic() || tape::tracks(x));
    if !tensors.iter().any(tells) {
        return Ok(None);
    }
    let mut new = tensors.to_vec();
    // The way back comes to the last of them first, and a node gives cotangents of its operands from first to last.
    for x in new.iter_mut().rev().filter(|x| tells(x)) {
        *x = door::with_line(at, door::here().1, || x.try_identity())?;
    }
    Ok(Some(new))
}

/// The same of a structure.
pub(crate) fn renewed_structure<S: Structure>(x: S, at: Line) -> Result<S> {
    if !listened() {
        return Ok(x);
    }
    let mut visitor = Visitor::default();
    x.visit(&mut visitor);
    Ok(match renewed(&visitor.tensors, at)? {
        Some(tensors) => x.rebuild(&mut Rebuild::new(&tensors, &[])),
        None => x,
    })
}
