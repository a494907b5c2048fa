//! What a `match` cannot do with tensors: at the pattern or guard, and not where Rust would notice.

use crate::tensor::Tensor;

/// What is matched.
pub struct Scrutinee<'a, T: ?Sized>(pub &'a T);

/// Stands for a pattern that is neither an integer nor `_`.
pub struct Pattern;

/// A pattern for tensors.
#[diagnostic::on_unimplemented(
    message = "a tensor cannot be matched with this pattern",
    label = "not an integer",
    note = "`match` over a tensor takes integers, `|` and `_`: ask for ranges and other numbers by `if` and comparisons"
)]
pub trait OfTensor {}

/// Everything that is no tensor: patterns are Rust's.
pub trait HostScrutinee {
    /// Any pattern will do.
    fn pattern(&self, _: Pattern);
}

impl<T: ?Sized> HostScrutinee for Scrutinee<'_, T> {
    #[inline]
    fn pattern(&self, _: Pattern) {}
}

macro_rules! tensors {
    ($($t:ty),*) => { $(
        impl Scrutinee<'_, $t> {
            /// Only integers will do.
            pub fn pattern<P: OfTensor>(&self, _: P) {}
        }
    )* };
}

tensors! { Tensor, &Tensor }

/// What may stand behind `if` in an arm of a `match`.
#[diagnostic::on_unimplemented(
    message = "the guard of an arm is a `bool`, not `{Self}`",
    label = "it would have to be known while the function is traced",
    note = "a tensor cannot choose an arm by a guard: put an `if` into the arm"
)]
pub trait Guard {
    #[doc(hidden)]
    fn holds(self) -> bool;
}

impl Guard for bool {
    #[inline]
    fn holds(self) -> bool {
        self
    }
}

/// The guard of an arm.
#[inline]
pub fn guard(guard: impl Guard) -> bool {
    guard.holds()
}
