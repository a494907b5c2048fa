//! What a `for` over tensors runs over.

use super::loops::{At, Head, Loops};
use super::{Turns, exploring};
use crate::dtype::DType;
use crate::error::{Error, OrRaise, Place as Line, Result};
use crate::ops;
use crate::tensor::{AsOperand, Tensor};
use std::ops::{Range, RangeInclusive};

/// What may stand behind `in`: every iterator of Rust, turn by turn, and what tensors run over, as a loop of the graph.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither an iterator nor something that tensors run over",
    note = "a tensor is run over by reference: `for row in &x`"
)]
pub trait IntoLoop {
    #[doc(hidden)]
    type Loop;
    #[doc(hidden)]
    fn into_loop(self, at: Line) -> Self::Loop;
}

impl<I: IntoIterator> IntoLoop for I {
    type Loop = HostFor<I::IntoIter>;
    fn into_loop(self, _: Line) -> HostFor<I::IntoIter> {
        HostFor { inner: Loops::default(), items: self.into_iter() }
    }
}

/// A `for` over an iterator.
pub struct HostFor<I> {
    inner: Loops,
    items: I,
}

/// Things by number.
pub trait Items {
    /// One of them.
    type Item;
    /// How many: a scalar i32.
    fn count(&self) -> Result<Tensor>;
    /// The one at `k`, a scalar i32.
    fn get(&self, k: &Tensor) -> Result<Self::Item>;
}

/// A `for` over tensors.
pub struct TensorFor<S: Items> {
    inner: Loops,
    items: S,
    count: Tensor,
    /// The next turn, when it runs eagerly.
    turn: i32,
}

fn over<S: Items>(items: S, at: Line) -> TensorFor<S> {
    let count = items.count().map_err(|e| e.at(at)).or_raise();
    TensorFor { inner: Loops::default(), items, count, turn: 0 }
}

impl<I> HostFor<I> {
    /// The variables at the beginning of a turn.
    #[track_caller]
    pub fn at<'l, 'a>(&'l mut self) -> At<'l, 'a, HostFor<I>> {
        At::new(self)
    }
    /// Any variable may be changed.
    #[inline]
    pub fn check<T: ?Sized>(&self, _: &T) {}
    /// Anything may happen.
    #[inline]
    pub fn effect<T>(&self, _: T) {}
}

impl<I: Iterator> At<'_, '_, HostFor<I>> {
    /// A turn begins, if there is one more.
    pub fn next(mut self) -> Option<I::Item> {
        self.inner.inner.host_head(&mut self.places, self.at).or_raise();
        self.inner.items.next()
    }
    /// The loop has been left.
    pub fn after(mut self) {
        self.inner.inner.host_after(&mut self.places, self.at).or_raise();
    }
}

impl<S: Items> TensorFor<S> {
    /// The variables at the beginning of a turn.
    #[track_caller]
    pub fn at<'l, 'a>(&'l mut self) -> At<'l, 'a, TensorFor<S>> {
        At::new(self)
    }
    /// Only tensors, and what is made of them, may be changed.
    #[inline]
    pub fn check<T: super::State>(&self, _: &T) {}
    /// Nothing of the host may happen.
    #[inline]
    pub fn effect<T: super::faces::InGraph>(&self, _: T) {}
}

impl<S: Items> At<'_, '_, TensorFor<S>> {
    /// A turn begins, if there is one more.
    pub fn next(mut self) -> Option<S::Item> {
        self.try_next().or_raise()
    }
    fn try_next(&mut self) -> Result<Option<S::Item>> {
        if !exploring() {
            let turn = self.inner.turn;
            self.inner.turn += 1;
            let more = turn < self.inner.count.item::<i32>()?;
            return more.then(|| self.inner.items.get(&crate::constant(turn))).transpose();
        }
        let count = self.inner.count.clone();
        match self.inner.inner.tensor_head(|| Turns::For(count), &mut self.places, self.at)? {
            Head::Symbols(symbols) => {
                self.places.set(&symbols[1..]);
                self.inner.items.get(&symbols[0]).map(Some)
            }
            Head::Left(carried) => {
                self.places.set(&carried);
                Ok(None)
            }
        }
    }
    /// The loop has been left.
    pub fn after(mut self) {
        self.inner.inner.tensor_after(&mut self.places, &mut self.value, self.at).or_raise();
    }
}

/// The rows of a tensor, along its first axis.
#[derive(Clone, Debug)]
pub struct Rows(Tensor);

/// The rows of a tensor along its first axis, for a `for` inside `#[tf::function]`: `for (i, row) in tf::rows(&x).enumerate()`.
/// `for row in &x` is the same without more.
///
/// ```
/// # use tenfold_core as tf;
/// let _ = tf::rows(&tf::ones([3, 2])).enumerate();
/// ```
pub fn rows(x: &Tensor) -> Rows {
    Rows(x.clone())
}

/// Things with their numbers.
#[derive(Clone, Debug)]
pub struct Enumerated<S>(S);

/// Pairs, as many as the shorter of the two has.
#[derive(Clone, Debug)]
pub struct Zipped<A, B>(A, B);

/// From the last to the first.
#[derive(Clone, Debug)]
pub struct Reversed<S>(S);

impl Rows {
    /// Each row with its number, a scalar i32.
    pub fn enumerate(self) -> Enumerated<Rows> {
        Enumerated(self)
    }
    /// Each row beside that of another tensor.
    pub fn zip(self, other: &Tensor) -> Zipped<Rows, Rows> {
        Zipped(self, rows(other))
    }
    /// From the last to the first.
    pub fn rev(self) -> Reversed<Rows> {
        Reversed(self)
    }
}

impl<A, B> Zipped<A, B> {
    /// Each pair with its number, a scalar i32.
    pub fn enumerate(self) -> Enumerated<Zipped<A, B>> {
        Enumerated(self)
    }
}

impl<S: Items> Items for Enumerated<S> {
    type Item = (Tensor, S::Item);
    fn count(&self) -> Result<Tensor> {
        self.0.count()
    }
    fn get(&self, k: &Tensor) -> Result<Self::Item> {
        Ok((k.clone(), self.0.get(k)?))
    }
}

impl<A: Items, B: Items> Items for Zipped<A, B> {
    type Item = (A::Item, B::Item);
    fn count(&self) -> Result<Tensor> {
        let (a, b) = (self.0.count()?, self.1.count()?);
        match (a.host(), b.host()) {
            (Some(_), Some(_)) => Ok(crate::constant(a.item::<i32>()?.min(b.item::<i32>()?))),
            _ => a.try_minimum(&b),
        }
    }
    fn get(&self, k: &Tensor) -> Result<Self::Item> {
        Ok((self.0.get(k)?, self.1.get(k)?))
    }
}

impl<S: Items> Items for Reversed<S> {
    type Item = S::Item;
    fn count(&self) -> Result<Tensor> {
        self.0.count()
    }
    fn get(&self, k: &Tensor) -> Result<Self::Item> {
        self.0.get(&self.0.count()?.try_subtract(1)?.try_subtract(k)?)
    }
}

macro_rules! run_over {
    ($([$($g:ident)*] $t:ty;)*) => { $(
        impl<$($g: Items),*> IntoLoop for $t {
            type Loop = TensorFor<$t>;
            fn into_loop(self, at: Line) -> TensorFor<$t> {
                over(self, at)
            }
        }
    )* };
}

run_over! { [] Rows; [] TensorRange; [S] Enumerated<S>; [A B] Zipped<A, B>; [S] Reversed<S>; }

impl IntoLoop for &Tensor {
    type Loop = TensorFor<Rows>;
    fn into_loop(self, at: Line) -> TensorFor<Rows> {
        over(Rows(self.clone()), at)
    }
}

impl Items for Rows {
    type Item = Tensor;
    fn count(&self) -> Result<Tensor> {
        match self.0.rank() {
            0 => Err(Error::invalid("for", format!("a scalar has no rows: it is {}", self.0.meta()))),
            _ => self.0.try_dim_value(0),
        }
    }
    fn get(&self, k: &Tensor) -> Result<Tensor> {
        self.0.try_gather(k, 0)
    }
}

/// The integers from one tensor up to another.
#[derive(Clone, Debug)]
pub struct TensorRange {
    start: Tensor,
    step: Tensor,
    count: Tensor,
}

impl TensorRange {
    fn new(start: impl AsOperand, limit: &Tensor, last: bool) -> Result<TensorRange> {
        if !limit.dtype().is_int() || limit.rank() != 0 {
            let text = format!("a range ends at a scalar integer, not {}", limit.meta());
            return Err(Error::invalid("for", text));
        }
        let zero = limit.try_zeros_like()?;
        let start = zero.try_add(start)?;
        let count = limit.try_subtract(&start)?;
        let count = if last { count.try_add(1)? } else { count };
        Ok(TensorRange { start, step: zero.try_add(1)?, count: count.try_maximum(&zero)? })
    }
    /// Every `k`th.
    ///
    /// # Panics
    ///
    /// If `k` is not above zero.
    #[track_caller]
    pub fn step_by(self, k: impl AsOperand) -> TensorRange {
        let take = || -> Result<TensorRange> {
            let k = self.step.try_multiply(&self.step)?.try_multiply(k)?;
            ops::try_assert(&k.try_greater(0)?, "a step must be above zero, it is {}", &[&k])?;
            let count = self.count.try_add(&k)?.try_subtract(1)?.try_floordiv(&k)?;
            Ok(TensorRange { start: self.start.clone(), step: self.step.try_multiply(&k)?, count })
        };
        take().or_raise()
    }
    /// From the last to the first.
    #[track_caller]
    pub fn rev(self) -> TensorRange {
        let take = || -> Result<TensorRange> {
            let last = self.count.try_subtract(1)?.try_multiply(&self.step)?;
            let start = self.start.try_add(&last)?;
            Ok(TensorRange { start, step: self.step.try_negative()?, count: self.count.clone() })
        };
        take().or_raise()
    }
}

impl Items for TensorRange {
    type Item = Tensor;
    fn count(&self) -> Result<Tensor> {
        self.count.try_cast(DType::I32)
    }
    fn get(&self, k: &Tensor) -> Result<Tensor> {
        let k = k.try_cast(self.start.dtype())?;
        self.start.try_add(&k.try_multiply(&self.step)?)
    }
}

/// `a..b` behind `in`: Rust's own range, or one of tensors.
pub trait StartTo<B> {
    /// `a..b`
    type Range;
    /// `a..=b`
    type Inclusive;
    #[doc(hidden)]
    fn to(self, b: B) -> Self::Range;
    #[doc(hidden)]
    fn up_to(self, b: B) -> Self::Inclusive;
}

impl<T: PartialOrd> StartTo<T> for T {
    type Range = Range<T>;
    type Inclusive = RangeInclusive<T>;
    #[inline]
    fn to(self, b: T) -> Range<T> {
        self..b
    }
    #[inline]
    fn up_to(self, b: T) -> RangeInclusive<T> {
        self..=b
    }
}

macro_rules! tensor_ranges {
    ($($a:ty)*) => { $( tensor_ranges! { @ $a, Tensor } tensor_ranges! { @ $a, &Tensor } )* };
    (@ $a:ty, $b:ty) => {
        impl StartTo<$b> for $a {
            type Range = TensorRange;
            type Inclusive = TensorRange;
            #[track_caller]
            fn to(self, b: $b) -> TensorRange {
                TensorRange::new(self, &b, false).or_raise()
            }
            #[track_caller]
            fn up_to(self, b: $b) -> TensorRange {
                TensorRange::new(self, &b, true).or_raise()
            }
        }
    };
}

tensor_ranges! { i32 Tensor &Tensor }
