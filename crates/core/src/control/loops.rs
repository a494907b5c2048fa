//! A closure again and again.

use super::{Parts, rebuilt, steady, tensors_of, traced};
use crate::error::{OrRaise, Place, Result, catch};
use crate::tape;
use crate::tensor::Tensor;
use crate::trace::{self, Structure, explore};

/// `state = body(state)` as long as `condition(&state)` is true: the last state.
///
/// In a traced function both closures are traced once. What the body returns must have the structure, dtypes and shapes of
/// what it got. A gradient keeps what each turn began with, so it takes memory for the state times the number of turns, and
/// computes each turn again; effects are not done again.
///
/// Source: `tf.while_loop`.
///
/// ```
/// # use tenfold_core as tf;
/// let start = (tf::constant(0), tf::constant(1), tf::constant(0));
/// let (a, ..) = tf::while_loop(|s| s.2.less(10), |(a, b, i)| (b.clone(), &a + &b, i + 1), start);
/// assert_eq!(a.item::<i32>().unwrap(), 55);
/// ```
///
/// # Panics
///
/// If the condition is no bool scalar, the body changes the state's structure, or as the closures do.
#[track_caller]
pub fn while_loop<S: Structure>(
    condition: impl FnMut(&S) -> Tensor,
    body: impl FnMut(S) -> S,
    state: S,
) -> S {
    try_while_loop(condition, body, state).or_raise()
}

/// Like [`while_loop`], but returns the error.
#[track_caller]
pub fn try_while_loop<S: Structure>(
    condition: impl FnMut(&S) -> Tensor,
    body: impl FnMut(S) -> S,
    state: S,
) -> Result<S> {
    let at = Place::caller();
    repeat(condition, body, state, None, at).map_err(|e| e.at(at))
}

/// [`while_loop`], but at most `maximum_iterations` turns.
///
/// Source: `tf.while_loop` with `maximum_iterations`.
///
/// ```
/// # use tenfold_core as tf;
/// let x = tf::while_loop_at_most(|x| x.less(100.0), |x| x * 2.0, tf::constant(1.0), 3);
/// assert_eq!(x.item::<f32>().unwrap(), 8.0);
/// ```
///
/// # Panics
///
/// As [`while_loop`].
#[track_caller]
pub fn while_loop_at_most<S: Structure>(
    condition: impl FnMut(&S) -> Tensor,
    body: impl FnMut(S) -> S,
    state: S,
    maximum_iterations: usize,
) -> S {
    try_while_loop_at_most(condition, body, state, maximum_iterations).or_raise()
}

/// Like [`while_loop_at_most`], but returns the error.
#[track_caller]
pub fn try_while_loop_at_most<S: Structure>(
    condition: impl FnMut(&S) -> Tensor,
    body: impl FnMut(S) -> S,
    state: S,
    maximum_iterations: usize,
) -> Result<S> {
    let at = Place::caller();
    repeat(condition, body, state, Some(maximum_iterations), at).map_err(|e| e.at(at))
}

fn repeat<S: Structure>(
    mut condition: impl FnMut(&S) -> Tensor,
    mut body: impl FnMut(S) -> S,
    mut state: S,
    most: Option<usize>,
    at: Place,
) -> Result<S> {
    if !trace::is_tracing() {
        let mut turns = 0;
        while most.is_none_or(|n| turns < n)
            && explore::decided("while_loop", &catch(|| condition(&state))?, at)?.unwrap_or(false)
        {
            let before = Parts::of(&state);
            state = explore::renewed_structure(state, at)?;
            state = catch(|| body(state))?;
            steady("while_loop", &before, &Parts::of(&state))?;
            turns += 1;
        }
        return explore::renewed_structure(state, at);
    }
    let parts = Parts::of(&state);
    let (mut named, mut initial) = (parts.named(), parts.tensors.clone());
    if most.is_some() {
        initial.push(crate::constant(0i64));
        named.push(("turn".into(), initial[initial.len() - 1].meta().clone()));
    }
    let n = parts.tensors.len();
    let (_, asks) = traced(
        "condition",
        &named,
        |x| {
            let goes_on = condition(&rebuilt(&state, &x[..n]));
            match most {
                Some(most) => goes_on.logical_and(x[n].less(most as i64)),
                None => goes_on,
            }
        },
        tensors_of,
    )?;
    let count = most.is_some();
    let (after, does) = traced(
        "body",
        &named,
        |x| (body(rebuilt(&state, &x[..n])), count.then(|| &x[n] + 1i64)),
        tensors_of,
    )?;
    steady("while_loop", &parts, &Parts::of(&after.0))?;
    let results = explore::made(&tape::marks(), || trace::make_while(&initial, asks, does, 0, None, at))?;
    Ok(rebuilt(&state, &results[..n]))
}
