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
    /// Turns of it may be left.
    #[inline]
    pub fn leaves(&mut self) {
        self.inner.leaves();
    }
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
    /// Turns of it may be left.
    #[inline]
    pub fn leaves(&mut self) {}
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
            self.places.renew(self.at)?;
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
            Head::Left(left) => {
                self.places.leave(&left)?;
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
        match self.count.dtype() {
            DType::I32 => Ok(self.count.clone()),
            _ => self.count.try_cast(DType::I32),
        }
    }
    fn get(&self, k: &Tensor) -> Result<Tensor> {
        let k = k.try_cast(self.start.dtype())?;
        self.start.try_add(&k.try_multiply(&self.step)?)
    }
}

/// Integers of the host as a loop of the graph, under `#[tf::stage]`: the body is traced once, with the number as a tensor.
#[derive(Clone, Copy, Debug)]
pub struct StagedRange {
    start: i64,
    step: i64,
    count: i64,
    dtype: DType,
}

/// An end of a range that can be staged.
#[diagnostic::on_unimplemented(
    message = "a range of `{Self}` cannot be staged",
    label = "not an integer of the host",
    note = "`#[stage]` is for ranges of `i32`, `i64` and `usize`; over tensors a `for` is a loop of the graph without it"
)]
pub trait Stage {
    #[doc(hidden)]
    const DTYPE: DType;
    #[doc(hidden)]
    fn number(self) -> i128;
}

macro_rules! stages {
    ($($t:ty => $d:ident;)*) => { $(
        impl Stage for $t {
            const DTYPE: DType = DType::$d;
            fn number(self) -> i128 {
                self as i128
            }
        }
    )* };
}

stages! { i32 => I32; i64 => I64; usize => I32; }

impl StagedRange {
    /// `a..b`
    ///
    /// # Panics
    ///
    /// If an end is not an i32, for `usize`.
    #[track_caller]
    pub fn to<T: Stage>(start: T, end: T) -> StagedRange {
        StagedRange::new::<T>(start.number(), end.number())
    }
    /// `a..=b`
    ///
    /// # Panics
    ///
    /// If an end is not an i32, for `usize`.
    #[track_caller]
    pub fn up_to<T: Stage>(start: T, end: T) -> StagedRange {
        StagedRange::new::<T>(start.number(), end.number() + 1)
    }
    #[track_caller]
    fn new<T: Stage>(start: i128, end: i128) -> StagedRange {
        let fits = |n: i128| crate::tensor::Scalar::Int(n).fits(T::DTYPE);
        let all = match fits(start) && (end <= start || fits(end - 1)) && i32::try_from(end - start).is_ok() {
            true => Ok(StagedRange {
                start: start as i64,
                step: 1,
                count: (end - start).max(0) as i64,
                dtype: T::DTYPE,
            }),
            false => {
                let text = format!("{start}..{end} cannot be staged: its numbers do not fit {}", T::DTYPE);
                Err(Error::invalid("for", text))
            }
        };
        all.or_raise()
    }
    /// Every `k`th.
    ///
    /// # Panics
    ///
    /// If `k` is 0.
    #[must_use]
    pub fn step_by(self, k: usize) -> StagedRange {
        assert!(k != 0, "a step must be above zero");
        let k = k as i64;
        StagedRange { step: self.step.saturating_mul(k), count: (self.count + k - 1) / k, ..self }
    }
    /// From the last to the first.
    #[must_use]
    pub fn rev(self) -> StagedRange {
        StagedRange { start: self.start + (self.count - 1) * self.step, step: -self.step, ..self }
    }
}

impl IntoLoop for StagedRange {
    type Loop = TensorFor<TensorRange>;
    fn into_loop(self, at: Line) -> TensorFor<TensorRange> {
        let number = |n: i64, dtype| crate::tensor::Scalar::Int(n.into()).tensor(dtype);
        let (start, step) = (number(self.start, self.dtype), number(self.step, self.dtype));
        over(TensorRange { start, step, count: number(self.count, DType::I32) }, at)
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
