//! What the code that `#[function]` writes calls around an `if`.

use super::arrive::{arrive, bug};
use super::loops::{HostLoop, TensorLoop};
use super::outcome::Target;
use super::places::{MaybePlace, Places, State};
use super::{Event, Open, explorer, made, sub_close, sub_open};
use crate::dtype::DType;
use crate::error::{Error, OrRaise, Place as Line, Result};
use crate::tape;
use crate::tensor::{AsOperand, Tensor};
use crate::trace::context;
use crate::trace::flow;
use crate::variable::Variable;
use std::cell::Cell;

/// What may stand behind `if` and `while`.
#[diagnostic::on_unimplemented(
    message = "a condition is a `bool` or a bool tensor, not `{Self}`",
    label = "neither `bool` nor a tensor"
)]
pub trait Condition: Sized {
    #[doc(hidden)]
    type Turn;
    #[doc(hidden)]
    type Loop: Default;
    #[doc(hidden)]
    fn turn(self, at: Line) -> Self::Turn;
    #[doc(hidden)]
    fn tensor(self) -> Result<bool, Tensor>;
}

impl Condition for bool {
    type Turn = HostTurn;
    type Loop = HostLoop;
    fn turn(self, _: Line) -> HostTurn {
        HostTurn(self)
    }
    fn tensor(self) -> Result<bool, Tensor> {
        Ok(self)
    }
}

impl Condition for Tensor {
    type Turn = TensorTurn;
    type Loop = TensorLoop;
    fn turn(self, at: Line) -> TensorTurn {
        TensorTurn { condition: self, at, begun: Cell::new(None) }
    }
    fn tensor(self) -> Result<bool, Tensor> {
        Err(self)
    }
}

impl Condition for &Tensor {
    type Turn = TensorTurn;
    type Loop = TensorLoop;
    fn turn(self, at: Line) -> TensorTurn {
        self.clone().turn(at)
    }
    fn tensor(self) -> Result<bool, Tensor> {
        Err(self.clone())
    }
}

/// An `if` begins.
#[track_caller]
pub fn condition<C: Condition>(condition: C) -> C::Turn {
    condition.turn(Line::caller())
}

/// An `if` over a `bool`: nothing happens beside it.
pub struct HostTurn(bool);

impl HostTurn {
    /// Whether the first side is taken.
    #[inline]
    pub fn take(&self) -> bool {
        self.0
    }
    /// Any variable may be changed.
    #[inline]
    pub fn check<T: ?Sized>(&self, _: &T) {}
    /// The `if` ends.
    #[inline]
    pub fn join(self) -> HostTurn {
        self
    }
    /// A variable that it may have changed.
    #[inline]
    pub fn with(self, _: &'static str, _: MaybePlace<'_>) -> HostTurn {
        self
    }
    /// All have been named.
    #[inline]
    pub fn end(self) {}
}

/// An `if` over a tensor.
pub struct TensorTurn {
    condition: Tensor,
    at: Line,
    /// Where in the log it began, if a body is explored.
    begun: Cell<Option<usize>>,
}

/// The value of a condition that has one; `None` while it is traced.
pub(crate) fn decided(op: &'static str, condition: &Tensor, at: Line) -> Result<Option<bool>> {
    if condition.dtype() != DType::Bool || condition.rank() != 0 {
        let text = format!("the condition must be a bool scalar, it is {}", condition.meta());
        let hint = match condition.dtype() {
            DType::Bool => "say whether all or any of its elements decide: .reduce_all(.., false)",
            _ => "compare it: `x != 0`",
        };
        return Err(Error::invalid(op, text).with_hint(hint).at(at));
    }
    if condition.is_symbolic() {
        return Ok(None);
    }
    condition.item::<bool>().map(Some).map_err(|e| e.at(at))
}

impl TensorTurn {
    /// Which side this run takes.
    pub fn take(&self) -> bool {
        self.try_take().or_raise()
    }
    fn try_take(&self) -> Result<bool> {
        if let Some(value) = decided("if", &self.condition, self.at)? {
            return Ok(value);
        }
        let fresh = explorer(|e| {
            let begun = e.at;
            self.begun.set(Some(begun));
            e.marks.insert(begun, tape::marks());
            match e.next() {
                Some(Event::Side(side)) => Ok(Some(side)),
                Some(_) => Err(e.differs("an `if` over a tensor")),
                None => Ok(None),
            }
        })??;
        if let Some(side) = fresh {
            return Ok(side);
        }
        let depth = context::depth();
        flow::begin_sub("then", &[])?;
        explorer(|e| {
            let begun = e.at;
            e.note(Event::Side(true));
            e.open.push(Open {
                begun,
                condition: self.condition.clone(),
                side: true,
                first: None,
                depth,
                at: self.at,
            });
        })?;
        Ok(true)
    }
    /// Only tensors, and what is made of them, may be changed.
    #[inline]
    pub fn check<T: State>(&self, _: &T) {}
    /// The `if` ends.
    pub fn join<'a>(self) -> TensorJoin<'a> {
        TensorJoin { turn: self, places: Places::default() }
    }
}

/// The end of an `if` over a tensor.
pub struct TensorJoin<'a> {
    turn: TensorTurn,
    places: Places<'a>,
}

impl<'a> TensorJoin<'a> {
    /// A variable that it may have changed.
    pub fn with(mut self, name: &'static str, place: MaybePlace<'a>) -> TensorJoin<'a> {
        self.places.with(name, place);
        self
    }
    /// All have been named: the ways meet.
    pub fn end(mut self) {
        self.meet().or_raise();
        self.places.renew(self.turn.at).or_raise();
    }
    fn meet(&mut self) -> Result<()> {
        let Some(begun) = self.turn.begun.get() else { return Ok(()) };
        let joined = match self.places.other() {
            Some(name) => Err(Error::invalid(
                "function",
                format!("`{name}` is changed under a condition that is a tensor, and is not made of tensors"),
            )
            .at(self.turn.at)),
            None => arrive(Target::Join(begun), self.places.values(), self.turn.at),
        };
        if let Some(values) = joined? {
            self.places.set(&values);
        }
        Ok(())
    }
}

/// The left side of a comparison: it decides whether `<` compares element by element.
pub struct Side<'a, T: ?Sized>(pub &'a T);

/// Comparisons of everything that is no tensor: Rust's own.
pub trait HostSide<T: ?Sized> {
    /// `==`
    fn eq<U: ?Sized>(&self, other: &U) -> bool
    where
        T: PartialEq<U>;
    /// `!=`
    fn ne<U: ?Sized>(&self, other: &U) -> bool
    where
        T: PartialEq<U>;
    /// `<`
    fn lt<U: ?Sized>(&self, other: &U) -> bool
    where
        T: PartialOrd<U>;
    /// `<=`
    fn le<U: ?Sized>(&self, other: &U) -> bool
    where
        T: PartialOrd<U>;
    /// `>`
    fn gt<U: ?Sized>(&self, other: &U) -> bool
    where
        T: PartialOrd<U>;
    /// `>=`
    fn ge<U: ?Sized>(&self, other: &U) -> bool
    where
        T: PartialOrd<U>;
}

macro_rules! host_sides {
    ($($f:ident $tr:ident)*) => {
        impl<T: ?Sized> HostSide<T> for Side<'_, T> { $(
            #[inline]
            fn $f<U: ?Sized>(&self, other: &U) -> bool
            where
                T: $tr<U>,
            {
                $tr::$f(self.0, other)
            }
        )* }
    };
}

host_sides! { eq PartialEq ne PartialEq lt PartialOrd le PartialOrd gt PartialOrd ge PartialOrd }

macro_rules! tensor_sides {
    ($($t:ty),*) => { $( tensor_sides! { @ $t: eq equal ne not_equal lt less le less_equal gt greater ge greater_equal } )* };
    (@ $t:ty: $($f:ident $op:ident)*) => {
        impl Side<'_, $t> { $(
            /// Element by element.
            #[track_caller]
            pub fn $f<U: AsOperand>(&self, other: &U) -> Tensor {
                crate::ops::$op(self.0, other)
            }
        )* }
    };
}

tensor_sides! { Tensor, &Tensor, &&Tensor, Variable, &Variable }

/// What `&&` and `||` take and give: `bool`, or a scalar bool tensor.
pub trait Truth: Condition {
    #[doc(hidden)]
    fn of(value: bool) -> Self;
}

impl Truth for bool {
    fn of(value: bool) -> bool {
        value
    }
}

impl Truth for Tensor {
    fn of(value: bool) -> Tensor {
        crate::constant(value)
    }
}

/// `&&` and `||` by what stands on their left.
pub trait Logic<B: Truth>: Condition {
    #[doc(hidden)]
    type Out;
    #[doc(hidden)]
    fn and(self, other: impl FnOnce() -> B, at: Line) -> Self::Out;
    #[doc(hidden)]
    fn or(self, other: impl FnOnce() -> B, at: Line) -> Self::Out;
}

impl<B: Truth> Logic<B> for bool {
    type Out = B;
    #[inline]
    fn and(self, other: impl FnOnce() -> B, _: Line) -> B {
        if self { other() } else { B::of(false) }
    }
    #[inline]
    fn or(self, other: impl FnOnce() -> B, _: Line) -> B {
        if self { B::of(true) } else { other() }
    }
}

impl<B: Truth> Logic<B> for Tensor {
    type Out = Tensor;
    fn and(self, other: impl FnOnce() -> B, at: Line) -> Tensor {
        lazily(&self, "&&", true, other, at).or_raise()
    }
    fn or(self, other: impl FnOnce() -> B, at: Line) -> Tensor {
        lazily(&self, "||", false, other, at).or_raise()
    }
}

/// `other`, asked only where `condition` is `when`; else the condition itself.
fn lazily<B: Truth>(
    condition: &Tensor,
    op: &'static str,
    when: bool,
    other: impl FnOnce() -> B,
    at: Line,
) -> Result<Tensor> {
    let of = |b: B| match b.tensor() {
        Ok(b) => crate::constant(b),
        Err(b) => b,
    };
    match decided(op, condition, at)? {
        Some(value) if value == when => Ok(of(other())),
        Some(value) => Ok(crate::constant(value)),
        None => {
            let marks = tape::marks();
            let branch = |f: &mut dyn FnMut() -> Tensor| {
                sub_open("ask", &[])?;
                let result = f();
                sub_close(&[result])
            };
            let mut other = Some(other);
            let asked = branch(&mut || other.take().map_or_else(|| crate::constant(!when), |f| of(f())))?;
            let not = branch(&mut || crate::constant(!when))?;
            let (then, otherwise) = if when { (asked, not) } else { (not, asked) };
            let made = made(&marks, || flow::make_if(condition, then, otherwise, at))?;
            made.into_iter().next().ok_or_else(|| bug("an `if` without a result"))
        }
    }
}

/// `a && b`, with `b` asked only if need be.
#[track_caller]
pub fn and<A: Logic<B>, B: Truth>(a: A, b: impl FnOnce() -> B) -> A::Out {
    a.and(b, Line::caller())
}

/// `a || b`, with `b` asked only if need be.
#[track_caller]
pub fn or<A: Logic<B>, B: Truth>(a: A, b: impl FnOnce() -> B) -> A::Out {
    a.or(b, Line::caller())
}

/// What cannot be in a graph, and is not under a tensor condition.
#[diagnostic::on_unimplemented(
    message = "{Self} under a condition that is a tensor",
    label = "it happens while the function is traced, whatever the condition's value",
    note = "use `tf::print!(..)`, which prints when the graph gets there, or `assert!(..)` over a tensor in place of a panic"
)]
pub trait InGraph {}

/// Stands for `println!` and its kin.
pub struct Printing;

/// Stands for `panic!` and its kin.
pub struct Panicking;

impl HostTurn {
    /// Anything may happen.
    #[inline]
    pub fn effect<T>(&self, _: T) {}
}

impl TensorTurn {
    /// Nothing of the host may happen.
    #[inline]
    pub fn effect<T: InGraph>(&self, _: T) {}
}

/// `assert!`: of Rust for a `bool`, an op of the graph for a tensor.
#[track_caller]
pub fn assert_that(condition: impl Condition, message: impl FnOnce() -> String) {
    match condition.tensor() {
        Ok(true) => {}
        Ok(false) => panic!("{}", message()),
        Err(condition) => {
            if !condition.is_symbolic() && condition.to_vec::<bool>().or_raise().iter().all(|holds| *holds) {
                return;
            }
            let template = message().replace('{', "{{").replace('}', "}}");
            crate::ops::assert(&condition, crate::dim::intern(&template), &[]);
        }
    }
}

/// What a `match` with integers for patterns may ask.
pub trait Matched {
    #[doc(hidden)]
    type Turn;
    #[doc(hidden)]
    fn matched(self, literals: &'static [i64], at: Line) -> Self::Turn;
}

/// A `match` begins whose patterns are integers.
#[track_caller]
pub fn matched<T: Matched>(x: T, literals: &'static [i64]) -> T::Turn {
    x.matched(literals, Line::caller())
}

/// A `match` of the host.
pub struct HostMatch<T>(T);

impl<T: Copy> HostMatch<T> {
    /// What is matched.
    #[inline]
    pub fn pick(&self) -> T {
        self.0
    }
    /// Any variable may be changed.
    #[inline]
    pub fn check<U: ?Sized>(&self, _: &U) {}
    /// Anything may happen.
    #[inline]
    pub fn effect<U>(&self, _: U) {}
    /// The `match` ends.
    #[inline]
    pub fn join(self) -> HostTurn {
        HostTurn(false)
    }
}

macro_rules! host_matches {
    ($($t:ty)*) => { $( host_matches! { @ $t } )* };
    (@ $t:ty) => {
        impl Matched for $t {
            type Turn = HostMatch<$t>;
            fn matched(self, _: &'static [i64], _: Line) -> HostMatch<$t> {
                HostMatch(self)
            }
        }
    };
}

host_matches! { i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize }

/// A `match` over a scalar integer tensor: one `if` for each pattern.
pub struct TensorMatch {
    x: Tensor,
    literals: &'static [i64],
    at: Line,
    first: Cell<Option<usize>>,
}

impl Matched for Tensor {
    type Turn = TensorMatch;
    fn matched(self, literals: &'static [i64], at: Line) -> TensorMatch {
        TensorMatch { x: self, literals, at, first: Cell::new(None) }
    }
}

impl Matched for &Tensor {
    type Turn = TensorMatch;
    fn matched(self, literals: &'static [i64], at: Line) -> TensorMatch {
        self.clone().matched(literals, at)
    }
}

impl TensorMatch {
    /// What this run takes it to be.
    pub fn pick(&self) -> i64 {
        self.try_pick().or_raise()
    }
    fn try_pick(&self) -> Result<i64> {
        if !self.x.dtype().is_int() || self.x.rank() != 0 {
            let text = format!("`match` takes a scalar integer tensor, not {}", self.x.meta());
            return Err(Error::invalid("function", text).at(self.at));
        }
        for literal in self.literals {
            let number = crate::tensor::Scalar::Int(i128::from(*literal));
            if !number.fits(self.x.dtype()) {
                continue;
            }
            let turn = self.x.try_equal(number)?.turn(self.at);
            let taken = turn.try_take()?;
            if self.first.get().is_none() {
                self.first.set(turn.begun.get());
            }
            if taken {
                return Ok(*literal);
            }
        }
        let other = (0..).find(|n| !self.literals.contains(n));
        other.ok_or_else(|| bug("a `match` over every integer"))
    }
    /// Only tensors, and what is made of them, may be changed.
    #[inline]
    pub fn check<T: State>(&self, _: &T) {}
    /// Nothing of the host may happen.
    #[inline]
    pub fn effect<T: InGraph>(&self, _: T) {}
    /// The `match` ends.
    pub fn join<'a>(self) -> TensorJoin<'a> {
        let turn = TensorTurn { condition: self.x, at: self.at, begun: Cell::new(self.first.get()) };
        TensorJoin { turn, places: Places::default() }
    }
}
