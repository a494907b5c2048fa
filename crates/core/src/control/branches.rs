//! One of several closures.

use super::{Parts, rebuilt, tensors_of, traced};
use crate::error::{Error, OrRaise, Place, Result, catch};
use crate::tape;
use crate::tensor::Tensor;
use crate::trace::{self, Structure, explore};

/// `then()` if the scalar `condition` is true, else `otherwise()`: tensors or structures of them.
///
/// In a traced function both closures are traced, and one of them runs. Both must give the same structure with equal dtypes
/// and shapes. A tensor that only the other side uses has no gradient eagerly, and one of -0 as a graph.
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
    match explore::decided("cond", condition, at)? {
        Some(true) => return explore::renewed_structure(catch(then)?, at),
        Some(false) => return explore::renewed_structure(catch(otherwise)?, at),
        None => {}
    }
    let (a, then) = traced("then", &[], |_| then(), tensors_of)?;
    let (b, otherwise) = traced("otherwise", &[], |_| otherwise(), tensors_of)?;
    if let Some(text) = Parts::of(&a).differs(&Parts::of(&b)) {
        let text = format!("the two sides give different results: {text}");
        return Err(Error::invalid("cond", text)
            .with_hint("both sides must give the same structure, dtypes and shapes")
            .at(at));
    }
    Ok(rebuilt(&a, &explore::made(&tape::marks(), || trace::make_if(condition, then, otherwise, at))?))
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
