//! The variables that a side of an `if` or a loop assigns.

use super::list::{List, Pushed};
use super::outcome::Values;
use crate::dim::Dim;
use crate::door;
use crate::error::{Error, Place as Line, Result};
use crate::tape;
use crate::tensor::Tensor;
use crate::trace::structure::Structure;
use crate::trace::visitor::{Rebuild, Visitor};
use smallvec::SmallVec;

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

/// A shape that is declared for a variable: `None` is a size that turns may change.
pub(super) type Sizes = SmallVec<[Option<usize>; 4]>;

/// Variables by name.
#[derive(Default)]
pub(super) struct Places<'a> {
    all: Vec<(&'static str, MaybePlace<'a>)>,
    /// What shape is declared for some of them.
    sizes: Vec<(usize, Sizes)>,
}

impl<'a> Places<'a> {
    pub(super) fn with(&mut self, name: &'static str, place: MaybePlace<'a>) {
        self.all.push((name, place));
    }
    /// The variable that was named last has this shape in every turn.
    pub(super) fn sized(&mut self, sizes: &[Option<usize>]) {
        self.sizes.push((self.all.len() - 1, sizes.into()));
    }
    /// That the variables have the shapes that are declared for them.
    pub(super) fn check_sizes(&self, at: Line) -> Result<()> {
        for (k, sizes) in &self.sizes {
            let (name, MaybePlace::State(place)) = &self.all[*k] else { continue };
            let mut v = Visitor::default();
            place.visit_place(&mut v);
            let [x] = v.tensors.as_slice() else {
                let text =
                    format!("`{name}` is given a shape for a loop, and is {} tensors", v.tensors.len());
                return Err(Error::invalid("function", text).with_hint("name the tensor in it").at(at));
            };
            let fits =
                |(d, size): (&Dim, &Option<usize>)| size.is_none_or(|n| d.size().is_none_or(|d| d == n));
            if x.rank() != sizes.len() || !x.shape().iter().zip(sizes).all(fits) {
                let size = |size: &Option<usize>| size.map_or("_".into(), |n| n.to_string());
                let sizes: Vec<String> = sizes.iter().map(size).collect();
                let text = format!(
                    "`{name}` is {} where the shape that its loop declares for it is [{}]",
                    x.meta(),
                    sizes.join(", ")
                );
                return Err(Error::invalid("function", text)
                    .with_hint("`_` stands for each size that turns change; the number of axes stays")
                    .at(at));
            }
        }
        Ok(())
    }
    /// The first that is not [`State`].
    pub(super) fn other(&self) -> Option<&'static str> {
        self.all.iter().find(|p| matches!(p.1, MaybePlace::Other)).map(|p| p.0)
    }
    pub(super) fn values(&self) -> Values {
        let mut values = Values::default();
        for (k, (name, place)) in self.all.iter().enumerate() {
            let mut v = Visitor::default();
            match place {
                MaybePlace::State(place) => place.visit_place(&mut v),
                MaybePlace::List(list) => {
                    values.lists.push((values.places.len(), list.pushed()));
                    list.visit(&mut v);
                }
                MaybePlace::Other => continue,
            }
            if let Some((_, sizes)) = self.sizes.iter().find(|s| s.0 == k) {
                values.sizes.push((values.places.len(), sizes.clone()));
            }
            // Shapes are compared tensor by tensor.
            for (from, rank) in &v.dims {
                v.words[*from..from + rank].fill(0);
            }
            values.places.push((name, v.tensors.len(), v.words));
            values.tensors.extend(v.tensors);
        }
        values
    }
    /// The body of a loop over tensors begins.
    pub(super) fn enter(&mut self) {
        for (_, place) in &mut self.all {
            if let MaybePlace::List(list) = place {
                list.enter();
            }
        }
    }
    /// A loop over tensors is a node now: what its variables are behind it.
    pub(super) fn leave(&mut self, left: &Left) -> Result<()> {
        let (mut r, mut pushed) = (Rebuild::new(&left.tensors, &[]), left.pushed.iter());
        for (_, place) in &mut self.all {
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
        self.check_sizes(at)?;
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
        self.all.iter_mut().filter_map(|(_, place)| match place {
            MaybePlace::State(place) => Some(&mut **place as &mut dyn Place),
            _ => None,
        })
    }
    pub(super) fn set(&mut self, tensors: &[Tensor]) {
        let mut r = Rebuild::new(tensors, &[]);
        for (_, place) in &mut self.all {
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
