//! Gradients that the user gives, and forward mode.

use super::sources::Source;
use super::{GradientOptions, GradientTape, Pullback, Unconnected, record_custom};
use crate::error::{Error, OrRaise, Place, Result};
use crate::ops;
use crate::tensor::Tensor;
use std::rc::Rc;

/// A function with a gradient of its own.
///
/// `f` gets the inputs and returns the result with a closure that turns the cotangent of the result into one cotangent
/// for each input. What the closure computes is differentiable again, so that higher orders follow.
///
/// Source: `tf.custom_gradient`.
///
/// ```
/// # use tenfold_core as tf;
/// // log(1 + e^x) with a gradient that does not overflow.
/// let softplus = |x: &tf::Tensor| tf::custom_gradient(&[x], |x| {
///     let e = x[0].exp();
///     let y = (&e + 1.0).log();
///     (y, move |dy: &tf::Tensor| vec![dy * (1.0 - 1.0 / (&e + 1.0))])
/// });
/// let x = tf::constant(100.0);
/// let tape = tf::GradientTape::new();
/// tape.watch(&x);
/// assert_eq!(tape.gradient(&softplus(&x), &x).item::<f32>().unwrap(), 1.0);
/// ```
///
/// # Panics
///
/// When the gradient is taken, if the closure does not give one cotangent of the right shape for each input.
#[track_caller]
pub fn custom_gradient<B>(inputs: &[&Tensor], f: impl FnOnce(&[Tensor]) -> (Tensor, B)) -> Tensor
where
    B: Fn(&Tensor) -> Vec<Tensor> + 'static,
{
    let at = Place::caller();
    let given: Vec<Tensor> = inputs.iter().map(|x| (*x).clone()).collect();
    let (y, backward) = f(&given);
    let metas: Vec<_> = given.iter().map(|x| x.meta().clone()).collect();
    let pullback: Pullback = Rc::new(move |dys| {
        let Some(dy) = dys.first().and_then(Option::as_ref) else { return Ok(vec![None; metas.len()]) };
        let grads = crate::error::catch(|| backward(dy))?;
        let fits = grads.len() == metas.len() && grads.iter().zip(&metas).all(|(g, m)| g.meta() == m);
        if !fits {
            let got: Vec<_> = grads.iter().map(|g| g.meta().to_string()).collect();
            let want: Vec<_> = metas.iter().map(|m| m.to_string()).collect();
            let text = format!("the gradient must be ({}), it is ({})", want.join(", "), got.join(", "));
            return Err(Error::invalid("custom_gradient", text));
        }
        Ok(grads.into_iter().map(Some).collect())
    });
    attach("custom_gradient", inputs, &y, at, pullback).or_raise()
}

/// `y` as a tensor of its own with this gradient, so that the recorded way to it is not followed.
pub(crate) fn attach(
    name: &'static str,
    inputs: &[&Tensor],
    y: &Tensor,
    at: Place,
    pullback: Pullback,
) -> Result<Tensor> {
    let y = match crate::trace::is_tracing() {
        false => y.alias(),
        true => {
            // A node of its own too: the graph may be run under a tape later, when this closure is gone.
            let identity = || super::stop_recording(|| y.try_identity());
            let own = crate::door::with_line(at, crate::door::here().1, identity)?;
            crate::trace::custom(name, at, inputs, &own, &*pullback)?;
            own
        }
    };
    record_custom(name, inputs, std::slice::from_ref(&y), at, pullback);
    Ok(y)
}

/// The value of `f` at `primals`, and its directional derivative along `tangents`: forward mode.
///
/// It is computed as the gradient, with respect to `u`, of the reverse-mode gradient with cotangent `u`, which is linear in
/// `u`; so every op with a gradient of second order has it, at about three times the cost of `f`.
///
/// Source: the double-backward trick; `tf.autodiff.ForwardAccumulator` computes the same.
///
/// ```
/// # use tenfold_core as tf;
/// let (y, dy) = tf::jvp(|x| &x[0] * &x[0], &[&tf::constant([1.0, 2.0])], &[&tf::constant([1.0, 10.0])]);
/// assert_eq!(y.to_vec::<f32>().unwrap(), [1.0, 4.0]);
/// assert_eq!(dy.to_vec::<f32>().unwrap(), [2.0, 40.0]);
/// ```
///
/// # Panics
///
/// If a tangent is not like its primal, or as `f` does; the twin is [`try_jvp`].
#[doc(alias = "ForwardAccumulator")]
#[track_caller]
pub fn jvp(
    f: impl FnOnce(&[Tensor]) -> Tensor,
    primals: &[&Tensor],
    tangents: &[&Tensor],
) -> (Tensor, Tensor) {
    try_jvp(f, primals, tangents).or_raise()
}

/// Like [`jvp`], but returns the error.
#[track_caller]
pub fn try_jvp(
    f: impl FnOnce(&[Tensor]) -> Tensor,
    primals: &[&Tensor],
    tangents: &[&Tensor],
) -> Result<(Tensor, Tensor)> {
    let at = Place::caller();
    let fits =
        primals.len() == tangents.len() && primals.iter().zip(tangents).all(|(x, t)| x.meta() == t.meta());
    if !fits {
        let list = |of: &[&Tensor]| of.iter().map(|x| x.meta().to_string()).collect::<Vec<_>>().join(", ");
        let text =
            format!("tangents must be like the primals ({}), they are ({})", list(primals), list(tangents));
        return Err(Error::invalid("jvp", text).at(at));
    }
    let inputs: Vec<Tensor> = primals.iter().map(|x| x.alias()).collect();
    let outer = GradientTape::without_variables();
    let inner = GradientTape::without_variables();
    inputs.iter().for_each(|x| inner.watch(x));
    let y = crate::error::catch(|| f(&inputs))?;
    let u = ops::try_ones_like(&y)?;
    outer.watch(&u);
    let zeros = GradientOptions::new().unconnected(Unconnected::Zero);
    let pulled =
        inner.gradient_with(&y, &inputs, &zeros.clone().output_gradients(std::slice::from_ref(&u)))?;
    let along: Vec<Tensor> = tangents.iter().map(|t| (*t).clone()).collect();
    let dy = outer.gradient_with(&pulled, &u, &zeros.output_gradients(&along))?;
    Ok((y, dy))
}

impl GradientTape {
    /// All derivatives of the elements of `y` with respect to the elements of `x`: a tensor of shape
    /// `y.shape() + x.shape()`. One backward pass for each element of `y`.
    ///
    /// Source: `tf.GradientTape.jacobian`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let x = tf::constant([1.0, 2.0]);
    /// let tape = tf::GradientTape::new();
    /// tape.watch(&x);
    /// let y = &x * &x;
    /// assert_eq!(tape.jacobian(&y, &x).to_vec::<f32>().unwrap(), [2.0, 0.0, 0.0, 4.0]);
    /// ```
    ///
    /// # Panics
    ///
    /// As [`GradientTape::gradient`]; the twin is [`GradientTape::try_jacobian`].
    #[track_caller]
    pub fn jacobian(&self, y: &Tensor, x: &Tensor) -> Tensor {
        self.try_jacobian(y, x).or_raise()
    }
    /// Like [`GradientTape::jacobian`], but returns the error.
    #[track_caller]
    pub fn try_jacobian(&self, y: &Tensor, x: &Tensor) -> Result<Tensor> {
        let at = Place::caller();
        let n = y.shape().num_elements();
        let mut rows = vec![];
        for i in 0..n {
            let mut one = vec![0.0; n];
            one[i] = 1.0;
            let dy = Tensor::from_f64(&one, y.dtype(), y.shape())?;
            let dy = if y.remote().is_some() { crate::device::transfer(&dy, y.device())? } else { dy };
            let options = GradientOptions::new().output_gradients(std::slice::from_ref(&dy));
            let sources = [Source::Tensor(x.clone())];
            rows.extend(self.pull(std::slice::from_ref(y), &sources, &options, at, i + 1 == n)?);
        }
        let shape: crate::Shape = y.shape().iter().chain(x.shape().iter()).copied().collect();
        match rows.is_empty() {
            true => ops::try_zeros_of(x.dtype(), shape),
            false => ops::try_stack(&rows, 0)?.try_reshape(shape),
        }
    }
}
