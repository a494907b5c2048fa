//! A closure for each row.

use super::{Parts, rebuilt, steady, tensors_of, traced};
use crate::error::{Error, OrRaise, Place, Result, catch};
use crate::ops;
use crate::shape::{Meta, Shape};
use crate::tape;
use crate::tensor::Tensor;
use crate::trace::{self, Loop, Structure, explore};

/// `f` of each row of the tensors in `elems`, stacked: what it gives for row `i` is row `i` of the result.
///
/// Source: `tf.map_fn`.
///
/// ```
/// # use tenfold_core as tf;
/// let x = tf::constant([[1.0, 2.0], [3.0, 4.0]]);
/// let y = tf::map_fn(|row: tf::Tensor| row.sum(), &x);
/// assert_eq!(y.to_vec::<f32>().unwrap(), [3.0, 7.0]);
/// ```
///
/// # Panics
///
/// If there is no tensor in `elems`, they differ in the number of rows, rows give results of different dtypes or shapes, or as
/// `f` does.
#[track_caller]
pub fn map_fn<E: Structure, R: Structure>(f: impl FnMut(E) -> R, elems: &E) -> R {
    try_map_fn(f, elems).or_raise()
}

/// Like [`map_fn`], but returns the error.
#[track_caller]
pub fn try_map_fn<E: Structure, R: Structure>(mut f: impl FnMut(E) -> R, elems: &E) -> Result<R> {
    let at = Place::caller();
    Ok(rows("map_fn", |(), row| ((), f(row)), (), elems, false, at).map_err(|e| e.at(at))?.1)
}

/// The states `f(.. f(f(initializer, row 0), row 1) .., row i)`, stacked.
///
/// Source: `tf.scan` with an `initializer`.
///
/// ```
/// # use tenfold_core as tf;
/// let x = tf::constant([1, 2, 3, 4]);
/// let sums = tf::scan(|sum: tf::Tensor, x: tf::Tensor| sum + x, &x, tf::constant(0));
/// assert_eq!(sums.to_vec::<i32>().unwrap(), [1, 3, 6, 10]);
/// ```
///
/// # Panics
///
/// As [`map_fn`], or if the state changes its structure, dtypes or shapes.
#[track_caller]
pub fn scan<S: Structure, E: Structure>(f: impl FnMut(S, E) -> S, elems: &E, initializer: S) -> S {
    try_scan(f, elems, initializer).or_raise()
}

/// Like [`scan`], but returns the error.
#[track_caller]
pub fn try_scan<S: Structure, E: Structure>(
    mut f: impl FnMut(S, E) -> S,
    elems: &E,
    initializer: S,
) -> Result<S> {
    let at = Place::caller();
    let step = |state, row| {
        let state = f(state, row);
        let copy = rebuilt(&state, &tensors_of(&state));
        (copy, state)
    };
    Ok(rows("scan", step, initializer, elems, false, at).map_err(|e| e.at(at))?.1)
}

/// `f(.. f(f(initializer, row 0), row 1) ..)`: the last state.
///
/// Source: `tf.foldl`.
///
/// ```
/// # use tenfold_core as tf;
/// let x = tf::constant([1, 2, 3]);
/// let y = tf::foldl(|a: tf::Tensor, x: tf::Tensor| a * 10 + x, &x, tf::constant(0));
/// assert_eq!(y.item::<i32>().unwrap(), 123);
/// ```
///
/// # Panics
///
/// As [`scan`].
#[track_caller]
pub fn foldl<S: Structure, E: Structure>(f: impl FnMut(S, E) -> S, elems: &E, initializer: S) -> S {
    try_foldl(f, elems, initializer).or_raise()
}

/// Like [`foldl`], but returns the error.
#[track_caller]
pub fn try_foldl<S: Structure, E: Structure>(
    mut f: impl FnMut(S, E) -> S,
    elems: &E,
    initializer: S,
) -> Result<S> {
    let at = Place::caller();
    Ok(rows("foldl", |s, e| (f(s, e), ()), initializer, elems, false, at).map_err(|e| e.at(at))?.0)
}

/// [`foldl`] from the last row to the first.
///
/// Source: `tf.foldr`.
///
/// ```
/// # use tenfold_core as tf;
/// let x = tf::constant([1, 2, 3]);
/// let y = tf::foldr(|a: tf::Tensor, x: tf::Tensor| a * 10 + x, &x, tf::constant(0));
/// assert_eq!(y.item::<i32>().unwrap(), 321);
/// ```
///
/// # Panics
///
/// As [`scan`].
#[track_caller]
pub fn foldr<S: Structure, E: Structure>(f: impl FnMut(S, E) -> S, elems: &E, initializer: S) -> S {
    try_foldr(f, elems, initializer).or_raise()
}

/// Like [`foldr`], but returns the error.
#[track_caller]
pub fn try_foldr<S: Structure, E: Structure>(
    mut f: impl FnMut(S, E) -> S,
    elems: &E,
    initializer: S,
) -> Result<S> {
    let at = Place::caller();
    Ok(rows("foldr", |s, e| (f(s, e), ()), initializer, elems, true, at).map_err(|e| e.at(at))?.0)
}

/// A state through all rows, and what each row gives, stacked.
fn rows<S: Structure, E: Structure, R: Structure>(
    op: &'static str,
    mut f: impl FnMut(S, E) -> (S, R),
    mut state: S,
    elems: &E,
    reverse: bool,
    at: Place,
) -> Result<(S, R)> {
    let stacks = Parts::of(elems);
    let count = match stacks.tensors.first().and_then(|x| x.shape().first()) {
        Some(count) => *count,
        None => {
            return Err(Error::invalid(op, "there are no rows: the elements hold no tensor with an axis"));
        }
    };
    let fits = |x: &Tensor| x.shape().first().is_some_and(|n| n.may_equal(count));
    if let Some(x) = stacks.tensors.iter().find(|x| !fits(x)) {
        let text = format!(
            "the tensors differ in their number of rows: {} and {}",
            stacks.tensors[0].meta(),
            x.meta()
        );
        return Err(Error::invalid(op, text));
    }
    if !trace::is_tracing()
        && let Some(n) = count.size().filter(|n| *n > 0)
    {
        let each: Vec<Vec<Tensor>> =
            stacks.tensors.iter().map(|x| ops::try_unstack(x, 0)).collect::<Result<_>>()?;
        let mut made: Vec<R> = vec![];
        for k in 0..n {
            let i = if reverse { n - 1 - k } else { k };
            let row: Vec<Tensor> = each.iter().map(|rows| rows[i].clone()).collect();
            let before = Parts::of(&state);
            state = explore::renewed_structure(state, at)?;
            let (next, result) = catch(|| f(state, rebuilt(elems, &row)))?;
            steady(op, &before, &Parts::of(&next))?;
            state = next;
            made.push(result);
        }
        if reverse {
            made.reverse();
        }
        return Ok((explore::renewed_structure(state, at)?, stacked(op, &made)?));
    }
    if !trace::is_tracing() {
        return without_rows(f, state, elems);
    }
    let carried = Parts::of(&state);
    let n = carried.tensors.len();
    let mut named = carried.named();
    let (_, asks) = traced("condition", &named, |_| crate::constant(true), tensors_of)?;
    for ((name, _), x) in stacks.named().into_iter().zip(&stacks.tensors) {
        let row: Shape = x.shape().iter().skip(1).copied().collect();
        named.push((format!("row {name}"), Meta::new(x.dtype(), row)));
    }
    let (after, does) = traced(
        "body",
        &named,
        |x| f(rebuilt(&state, &x[..n]), rebuilt(elems, &x[n..])),
        |(s, r)| [tensors_of(s), tensors_of(r)].concat(),
    )?;
    steady(op, &carried, &Parts::of(&after.0))?;
    let extras = tensors_of(&after.1).len();
    let made = Loop {
        initial: &carried.tensors,
        stays: &[],
        rows: &stacks.tensors,
        reverse,
        trips: Some(count),
        kept: 0,
    };
    let results = explore::made(&tape::marks(), || trace::make_loop(&made, asks, does, extras, at))?;
    let (last, stacks) = results.split_at(n);
    Ok((rebuilt(&state, last), rebuilt(&after.1, stacks)))
}

fn stacked<R: Structure>(op: &'static str, rows: &[R]) -> Result<R> {
    let Some(first) = rows.first() else { return Err(Error::internal(op, "no row")) };
    let parts: Vec<Parts> = rows.iter().map(Parts::of).collect();
    if let Some(text) = parts.iter().find_map(|p| parts[0].differs(p)) {
        return Err(Error::invalid(op, format!("rows give different results: {text}")));
    }
    let column = |k: usize| {
        let all: Vec<Tensor> = parts.iter().map(|p| p.tensors[k].clone()).collect();
        ops::try_stack(&all, 0)
    };
    let columns = (0..parts[0].tensors.len()).map(column).collect::<Result<Vec<_>>>()?;
    Ok(rebuilt(first, &columns))
}

/// Without a row nothing runs; a trace tells what a row would have given.
fn without_rows<S: Structure, E: Structure, R: Structure>(
    mut f: impl FnMut(S, E) -> (S, R),
    state: S,
    elems: &E,
) -> Result<(S, R)> {
    let (carried, stacks) = (Parts::of(&state), Parts::of(elems));
    let mut named = carried.named();
    let n = named.len();
    for ((name, _), x) in stacks.named().into_iter().zip(&stacks.tensors) {
        named.push((name, Meta::new(x.dtype(), x.shape().iter().skip(1).copied().collect::<Shape>())));
    }
    let device = stacks.tensors[0].device();
    let body = |x: &[Tensor]| catch(|| f(rebuilt(&state, &x[..n]), rebuilt(elems, &x[n..])).1);
    let traced = trace::apart(|| tape::isolated(|| trace::trace("row", device, &named, body, tensors_of)))?;
    let empty = |x: &Tensor| {
        let dims = x.shape().iter().map(|d| d.size().unwrap_or(0));
        let zeros = ops::try_zeros_of(x.dtype(), std::iter::once(0).chain(dims).collect::<Shape>())?;
        crate::device::transfer(&zeros, device)
    };
    let results = tensors_of(&traced.result).iter().map(empty).collect::<Result<Vec<_>>>()?;
    Ok((state, rebuilt(&traced.result, &results)))
}
