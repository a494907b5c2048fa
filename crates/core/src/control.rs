//! Control flow as functions: for programs that make their steps from closures, and for what plain Rust has no word for.
//!
//! Eagerly each is the Rust that its name says. In a traced function the closures run once, with symbols, and become the
//! graphs of one node.

use crate::error::{Error, OrRaise, Place, Result, catch};
use crate::ops;
use crate::shape::{Meta, Shape};
use crate::tape;
use crate::tensor::Tensor;
use crate::trace::{self, Loop, OpenSub, Rebuild, Structure, Sub, Visitor};

/// The parts of a structure: its tensors, and what must be equal beside them.
struct Parts {
    tensors: Vec<Tensor>,
    paths: Vec<String>,
    rest: Vec<(String, String)>,
}

impl Parts {
    fn of(x: &impl Structure) -> Parts {
        let mut visitor = Visitor::named(&[]);
        x.visit(&mut visitor);
        let rest = visitor.leaves.iter().filter(|l| !matches!(l.kind, trace::LeafKind::Tensor(_)));
        let rest = rest.map(|l| (l.path.clone(), l.text.clone())).collect();
        Parts { tensors: visitor.tensors, paths: visitor.paths, rest }
    }
    fn named(&self) -> Vec<(String, Meta)> {
        let name = |path: &String| if path.is_empty() { "value".to_string() } else { path.clone() };
        self.paths.iter().map(name).zip(self.tensors.iter().map(|x| x.meta().clone())).collect()
    }
    /// What differs between two structures beside the values of their tensors, in a sentence.
    fn differs(&self, other: &Parts) -> Option<String> {
        if self.tensors.len() != other.tensors.len() || self.rest != other.rest {
            let (a, b) = (self.tensors.len(), other.tensors.len());
            let place = self.rest.iter().zip(&other.rest).find(|(a, b)| a != b);
            return Some(match place {
                Some((a, b)) => format!("{}: {} and {}", named(&a.0), a.1, b.1),
                None => format!("{a} tensors and {b} tensors"),
            });
        }
        let alike = |a: &Meta, b: &Meta| {
            let dims = a.shape.iter().zip(b.shape.iter());
            let fits = dims.into_iter().all(|(a, b)| ops::same_size(*a, *b));
            a.dtype == b.dtype && a.shape.rank() == b.shape.rank() && fits
        };
        let both = self.tensors.iter().zip(&other.tensors).zip(&self.paths);
        let mut odd = both.filter(|((a, b), _)| !alike(a.meta(), b.meta()));
        odd.next().map(|((a, b), path)| format!("{}: {} and {}", named(path), a.meta(), b.meta()))
    }
}

fn named(path: &str) -> String {
    if path.is_empty() { "the result".into() } else { format!("result `{path}`") }
}

/// Runs `f` into a graph for a node.
fn traced<R: Structure>(
    name: &str,
    arguments: &[(String, Meta)],
    f: impl FnOnce(&[Tensor]) -> R,
    extra: impl FnOnce(&R) -> Vec<Tensor>,
) -> Result<(R, Sub)> {
    let marks = tape::marks();
    let open = OpenSub::begin(name, arguments)?;
    let made = catch(|| f(&open.arguments));
    let sub = made.and_then(|made| {
        let results = extra(&made);
        Ok((made, open.end(&results)?))
    });
    tape::rewind(&marks);
    sub
}

fn tensors_of(x: &impl Structure) -> Vec<Tensor> {
    let mut visitor = Visitor::default();
    x.visit(&mut visitor);
    visitor.tensors
}

fn rebuilt<R: Structure>(template: &R, tensors: &[Tensor]) -> R {
    template.rebuild(&mut Rebuild::new(tensors, &[]))
}

/// The value of a condition outside of every graph.
fn holds(op: &'static str, condition: &Tensor) -> Result<bool> {
    if condition.dtype() != crate::DType::Bool || condition.rank() != 0 {
        let text = format!("the condition must be a bool scalar, it is {}", condition.meta());
        return Err(Error::invalid(op, text).with_hint("reduce it first: all() or any()"));
    }
    condition.item::<bool>()
}

/// `then()` if the scalar `condition` is true, else `otherwise()`: tensors or structures of them.
///
/// In a traced function both closures are traced, and one of them runs. Both must give the same structure with equal dtypes
/// and shapes.
///
/// Source: `tf.cond`.
///
/// ```
/// # use tenfold_core as tf;
/// let (x, y) = (tf::constant(2.0), tf::constant(3.0));
/// let z = tf::cond(&x.less(&y), || &x + &y, || &x - &y);
/// assert_eq!(z.item::<f32>().unwrap(), 5.0);
/// ```
///
/// # Panics
///
/// If the condition is no bool scalar, the results differ in structure, or as the closures do.
#[track_caller]
pub fn cond<R: Structure>(condition: &Tensor, then: impl FnOnce() -> R, otherwise: impl FnOnce() -> R) -> R {
    try_cond(condition, then, otherwise).or_raise()
}

/// Like [`cond`], but returns the error.
#[track_caller]
pub fn try_cond<R: Structure>(
    condition: &Tensor,
    then: impl FnOnce() -> R,
    otherwise: impl FnOnce() -> R,
) -> Result<R> {
    let at = Place::caller();
    if !condition.is_symbolic() {
        return match holds("cond", condition).map_err(|e| e.at(at))? {
            true => catch(then),
            false => catch(otherwise),
        };
    }
    let (a, then) = traced("then", &[], |_| then(), tensors_of)?;
    let (b, otherwise) = traced("otherwise", &[], |_| otherwise(), tensors_of)?;
    if let Some(text) = Parts::of(&a).differs(&Parts::of(&b)) {
        let text = format!("the two sides give different results: {text}");
        return Err(Error::invalid("cond", text)
            .with_hint("both sides must give the same structure, dtypes and shapes")
            .at(at));
    }
    Ok(rebuilt(&a, &trace::make_if(condition, then, otherwise, at)?))
}

/// `state = body(state)` as long as `condition(&state)` is true: the last state.
///
/// In a traced function both closures are traced once. What the body returns must have the structure, dtypes and shapes of
/// what it got.
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
        while most.is_none_or(|n| turns < n) && holds("while_loop", &catch(|| condition(&state))?)? {
            let before = Parts::of(&state);
            state = catch(|| body(state))?;
            steady("while_loop", &before, &Parts::of(&state))?;
            turns += 1;
        }
        return Ok(state);
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
    let results = trace::make_while(&initial, asks, does, 0, None, at)?;
    Ok(rebuilt(&state, &results[..n]))
}

/// What a loop carries stays what it is.
fn steady(op: &'static str, before: &Parts, after: &Parts) -> Result<()> {
    match before.differs(after) {
        None => Ok(()),
        Some(text) => Err(Error::invalid(op, format!("the body changes what is carried: {text}"))
            .with_hint("what a loop carries keeps its structure, dtypes and shapes")),
    }
}

/// What `branches[index]()` gives, or `default()` if there is no such branch.
///
/// `index` is an integer scalar. In a traced function all closures are traced, and one of them runs.
///
/// Source: `tf.switch_case`.
///
/// ```
/// # use tenfold_core as tf;
/// let x = tf::constant(3.0);
/// let y = tf::switch_case(&tf::constant(1), &[&|| &x + 1.0, &|| &x * 2.0], || -&x);
/// assert_eq!(y.item::<f32>().unwrap(), 6.0);
/// ```
///
/// # Panics
///
/// If the index is no integer scalar, the results differ in structure, or as the closures do.
#[track_caller]
pub fn switch_case<R: Structure>(
    index: &Tensor,
    branches: &[&dyn Fn() -> R],
    default: impl FnOnce() -> R,
) -> R {
    try_switch_case(index, branches, default).or_raise()
}

/// Like [`switch_case`], but returns the error.
#[track_caller]
pub fn try_switch_case<R: Structure>(
    index: &Tensor,
    branches: &[&dyn Fn() -> R],
    default: impl FnOnce() -> R,
) -> Result<R> {
    if !index.dtype().is_int() || index.rank() != 0 {
        let text = format!("the index must be an integer scalar, it is {}", index.meta());
        return Err(Error::invalid("switch_case", text).at(Place::caller()));
    }
    let branch = |k: usize| Ok((index.try_equal(k as i64)?, branches[k]));
    let cases = (0..branches.len()).map(branch).collect::<Result<Vec<_>>>()?;
    first_of(&cases, Box::new(default), Place::caller())
}

/// What the first closure gives whose condition is true, or `default()` if none is.
///
/// Source: `tf.case`.
///
/// ```
/// # use tenfold_core as tf;
/// let x = tf::constant(-3.0);
/// let sign = tf::case(
///     &[(x.less(0.0), &|| tf::constant(-1)), (x.greater(0.0), &|| tf::constant(1))],
///     || tf::constant(0),
/// );
/// assert_eq!(sign.item::<i32>().unwrap(), -1);
/// ```
///
/// # Panics
///
/// If a condition is no bool scalar, the results differ in structure, or as the closures do.
#[track_caller]
pub fn case<R: Structure>(branches: &[(Tensor, &dyn Fn() -> R)], default: impl FnOnce() -> R) -> R {
    try_case(branches, default).or_raise()
}

/// Like [`case`], but returns the error.
#[track_caller]
pub fn try_case<R: Structure>(
    branches: &[(Tensor, &dyn Fn() -> R)],
    default: impl FnOnce() -> R,
) -> Result<R> {
    first_of(branches, Box::new(default), Place::caller())
}

fn first_of<R: Structure>(
    branches: &[(Tensor, &dyn Fn() -> R)],
    default: Box<dyn FnOnce() -> R + '_>,
    at: Place,
) -> Result<R> {
    let Some(((condition, branch), rest)) = branches.split_first() else { return catch(default) };
    let made = try_cond(condition, branch, || first_of(rest, default, at).or_raise());
    // The line of the case is the user's, not one in here.
    made.map_err(|e| e.at(at))
}

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
            let (next, result) = catch(|| f(state, rebuilt(elems, &row)))?;
            steady(op, &before, &Parts::of(&next))?;
            state = next;
            made.push(result);
        }
        if reverse {
            made.reverse();
        }
        return Ok((state, stacked(op, &made)?));
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
    let results = trace::make_loop(&made, asks, does, extras, at)?;
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
