//! Gradients: numerically to second order, absent ones with their reason, and those of composed twins.

use super::{Answer, Case, Numbers, within};
use crate::numeric::{Slope, slope};
use tenfold_core as tf;
use tenfold_core::op::Grad;
use tenfold_core::{DType, GradientOptions, GradientTape, Result, Tensor, Unconnected};

/// Elements that are moved in each input at most; more are taken at even distances.
const MOVED: usize = 24;

fn is_f64(x: &&Tensor) -> bool {
    x.dtype() == DType::F64
}

/// The float inputs that the op has a gradient for. A rule may refuse one of its inputs, in a sentence.
pub(super) fn differentiable(case: &Case, inputs: &[Tensor]) -> std::result::Result<Vec<usize>, String> {
    let mut places = vec![];
    for (i, x) in inputs.iter().enumerate().filter(|(_, x)| case.has_rule() && x.dtype().is_float()) {
        let tape = GradientTape::without_variables();
        tape.watch(x);
        let results = case.call(inputs).map_err(|e| format!("fails: {e}"))?;
        let floats: Vec<Tensor> = results.into_iter().filter(|y| y.dtype().is_float()).collect();
        if floats.is_empty() {
            return Ok(places);
        }
        match tape.try_gradient(&floats, x) {
            Ok(_) => places.push(i),
            Err(e) if e.kind() == tf::Kind::Unimplemented && e.message().contains("no gradient") => {}
            Err(e) => return Err(format!("gradient of input {i}: {e}")),
        }
    }
    Ok(places)
}

/// The gradients of the inputs at `places`, along one cotangent for each f64 result.
fn first_order(
    case: &Case,
    places: &[usize],
    inputs: &[Tensor],
    cotangents: &[Tensor],
) -> Result<Vec<Tensor>> {
    let sources: Vec<Tensor> = places.iter().map(|i| inputs[*i].clone()).collect();
    let tape = GradientTape::without_variables();
    sources.iter().for_each(|x| tape.watch(x));
    let results = case.call(inputs)?;
    let targets: Vec<Tensor> = results.iter().filter(is_f64).cloned().collect();
    tape.gradient_with(&targets, &sources, &GradientOptions::new().output_gradients(cotangents))
}

/// `Σ a·b` over pairs of tensors.
fn dot(a: &[Tensor], b: &[Tensor]) -> Result<f64> {
    let mut sum = 0.0;
    for (a, b) in a.iter().zip(b) {
        sum += a.to_f64_vec()?.iter().zip(b.to_f64_vec()?).map(|(a, b)| a * b).sum::<f64>();
    }
    Ok(sum)
}

/// The numeric slope of `f` along each chosen element of `at[which]`, against the gradient given for it.
fn against(
    at: &[Tensor],
    which: usize,
    gradient: &Tensor,
    f: impl Fn(&[Tensor]) -> Result<f64>,
) -> Result<Answer> {
    let x = &at[which];
    if gradient.meta() != x.meta() {
        return Ok(Err(format!("is {}, the input {}", gradient.meta(), x.meta())));
    }
    let (values, analytic) = (x.to_vec::<f64>()?, gradient.to_vec::<f64>()?);
    let step = values.len().div_ceil(MOVED).max(1);
    for i in (0..values.len()).step_by(step) {
        let moved = |to: f64| -> Result<f64> {
            let mut values = values.clone();
            values[i] = to;
            let mut at = at.to_vec();
            at[which] = Tensor::from_vec(values, x.shape())?;
            f(&at)
        };
        let Slope { value, error } = slope(moved, values[i])?;
        let off = (analytic[i] - value).abs();
        let allowed = 2e-6 * analytic[i].abs().max(value.abs()).max(1.0) + error;
        let near = off <= allowed;
        if !near {
            return Ok(Err(format!("element {i} is {:?}, numerically {value:?} ± {error:.1e}", analytic[i])));
        }
    }
    Ok(Ok(()))
}

/// Gradients of first and second order in f64 against differences, along fixed cotangents and directions, at smooth
/// samples of ops with a rule. The second order is that of `Σ v·∂(Σ w·y)/∂x`, in `x` and in `w`.
///
/// # Errors
///
/// Which order of which input is wrong where.
pub fn numeric_gradients(case: &Case) -> Answer {
    if !case.succeeds() || !case.has_rule() || !case.sample.smooth || case.dtype != DType::F64 {
        return Ok(());
    }
    let inputs = case.inputs();
    let places: Vec<usize> =
        differentiable(case, &inputs)?.into_iter().filter(|i| is_f64(&&inputs[*i])).collect();
    match numeric(case, &inputs, &places) {
        Ok(answer) => answer,
        Err(error) => Err(format!("fails: {error}")),
    }
}

fn numeric(case: &Case, inputs: &[Tensor], places: &[usize]) -> Result<Answer> {
    let mut numbers = Numbers::new(3);
    let results: Vec<Tensor> = case.call(inputs)?.iter().filter(is_f64).cloned().collect();
    // Where a result is no number, differences say nothing: the mean of nothing.
    for y in &results {
        if y.to_f64_vec()?.iter().any(|v| !v.is_finite()) {
            return Ok(Ok(()));
        }
    }
    if results.is_empty() || places.is_empty() {
        return Ok(Ok(()));
    }
    let cotangents: Vec<Tensor> = results.iter().map(|y| numbers.tensor(y.dtype(), y.shape())).collect();
    let gradients = first_order(case, places, inputs, &cotangents)?;
    let value = |at: &[Tensor]| {
        let results: Vec<Tensor> = case.call(at)?.iter().filter(is_f64).cloned().collect();
        dot(&results, &cotangents)
    };
    for (gradient, place) in gradients.iter().zip(places) {
        if let Err(what) = against(inputs, *place, gradient, value)? {
            return Ok(Err(format!("gradient of input {place}: {what}")));
        }
    }
    // All that the first gradient depends on: the inputs, then the cotangents.
    let along: Vec<Tensor> = gradients.iter().map(|g| numbers.tensor(g.dtype(), g.shape())).collect();
    let at: Vec<Tensor> = inputs.iter().chain(&cotangents).cloned().collect();
    let slope_of =
        |at: &[Tensor]| dot(&first_order(case, places, &at[..inputs.len()], &at[inputs.len()..])?, &along);
    let seconds: Vec<usize> = places.iter().copied().chain(inputs.len()..at.len()).collect();
    let sources: Vec<Tensor> = seconds.iter().map(|i| at[*i].clone()).collect();
    let tape = GradientTape::without_variables();
    sources.iter().for_each(|x| tape.watch(x));
    let gradients = first_order(case, places, inputs, &cotangents)?;
    let options = GradientOptions::new().unconnected(Unconnected::Zero).output_gradients(&along);
    let curvature = tape.gradient_with(&gradients, &sources, &options)?;
    for (gradient, place) in curvature.iter().zip(&seconds) {
        if let Err(what) = against(&at, *place, gradient, slope_of)? {
            let of = match place.checked_sub(inputs.len()) {
                None => format!("input {place}"),
                Some(k) => format!("cotangent {k}"),
            };
            return Ok(Err(format!("second gradient, in {of}: {what}")));
        }
    }
    Ok(Ok(()))
}

/// Asking for the gradient of an op without a rule is an error that gives the op's reason.
///
/// # Errors
///
/// If there is a gradient, or another error.
pub fn has_no_gradient(case: &Case) -> Answer {
    let Grad::None(reason) = case.op.grad else { return Ok(()) };
    let inputs = case.inputs();
    let float = |x: &&Tensor| x.dtype().is_float();
    if !case.succeeds() || !inputs.iter().any(|x| float(&x)) {
        return Ok(());
    }
    for x in inputs.iter().filter(float) {
        let tape = GradientTape::without_variables();
        tape.watch(x);
        let results = case.call(&inputs).map_err(|e| format!("fails: {e}"))?;
        let Some(y) = results.first() else { continue };
        let y = if y.dtype().is_float() { y.clone() } else { y.cast(DType::F32) };
        match tape.try_gradient(&y, x) {
            Ok(_) => return Err("there is a gradient".to_string()),
            Err(e) if e.message().contains(reason) => {}
            Err(e) => return Err(format!("the error does not give the reason `{reason}`: {e}")),
        }
    }
    Ok(())
}

/// The composition that an op states for itself gives its values and, at smooth samples, its gradients, as closely as the
/// op promises (gradients eight times wider: they take several roundings more).
///
/// # Errors
///
/// What differs.
pub fn twin_agrees(case: &Case) -> Answer {
    let (Some(composed), true) = (case.op.composed, case.succeeds()) else { return Ok(()) };
    let inputs = case.inputs();
    let fail = |e: tf::Error| format!("fails: {e}");
    let twin = |x: &[Tensor]| tf::catch(|| composed(x, &case.sample.attrs)).map(|y| vec![y]);
    let own = |x: &[Tensor]| case.call(x).map(|mut y| vec![y.swap_remove(0)]);
    let (a, b) = (own(&inputs).map_err(fail)?, twin(&inputs).map_err(fail)?);
    within(case.op.exact, 1.0, &b[0], &a[0]).map_err(|e| format!("the composition: {e}"))?;
    let sources: Vec<Tensor> = inputs.iter().filter(|x| x.dtype().is_float()).cloned().collect();
    if !case.sample.smooth || !case.has_rule() || sources.is_empty() || !a[0].dtype().is_float() {
        return Ok(());
    }
    let cotangent = [Numbers::new(5).tensor(a[0].dtype(), a[0].shape())];
    let options = GradientOptions::new().output_gradients(&cotangent).unconnected(Unconnected::Zero);
    let gradients = |f: &dyn Fn(&[Tensor]) -> Result<Vec<Tensor>>| -> Result<Vec<Tensor>> {
        let tape = GradientTape::without_variables();
        sources.iter().for_each(|x| tape.watch(x));
        tape.gradient_with(&f(&inputs)?, &sources, &options)
    };
    let (a, b) = (gradients(&own).map_err(fail)?, gradients(&twin).map_err(fail)?);
    for (i, (a, b)) in a.iter().zip(&b).enumerate() {
        within(case.op.exact, 8.0, b, a).map_err(|e| format!("the composition's gradient {i}: {e}"))?;
    }
    Ok(())
}
