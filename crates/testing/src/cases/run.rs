//! Runs one recorded case: values, gradients, or the refusal.

use super::{Args, Call};
use crate::compare;
use crate::fixtures::{self, Array, Case};
use tenfold_core as tf;
use tenfold_core::{DType, Element, Tensor};

/// `Ok` if the case passes; otherwise what does not agree, in a sentence.
pub type Outcome = Result<(), String>;

/// Runs the case eagerly and compares everything that was recorded of it.
///
/// A crash is one failed case, not the end of the suite.
pub fn check(case: &Case, call: Call) -> Outcome {
    let run = || match &case.error {
        Some(class) => refused(case, call, class),
        None => agrees(case, call),
    };
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).unwrap_or_else(|payload| {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or(payload.downcast_ref::<&str>().copied()).unwrap_or("without a message");
        Err(format!("panics: {text}"))
    })
}

/// The inputs of a case as tensors.
pub fn inputs(case: &Case) -> Result<Vec<Tensor>, String> {
    case.inputs.iter().map(|input| to_tensor(&input.tensor)).collect()
}

/// The cotangents of a case as tensors, for the results that have one.
pub fn cotangents(case: &Case) -> Result<Vec<Tensor>, String> {
    case.outputs.iter().filter_map(|output| output.cotangent.as_ref()).map(to_tensor).collect()
}

/// Results and gradients of one call, computed from these inputs: eagerly, or as nodes if a function is being traced.
/// A gradient is `None` where the results do not depend on the input.
///
/// # Errors
///
/// If the call is refused, or gives another number of results than were recorded.
pub fn evaluate(
    case: &Case,
    call: Call,
    inputs: &[Tensor],
    cotangents: &[Tensor],
) -> tf::Result<(Vec<Tensor>, Vec<Option<Tensor>>)> {
    let args = Args { case, inputs: inputs.to_vec() };
    let tape = tf::GradientTape::persistent();
    for gradient in &case.grads {
        tape.watch(args.tensor(&gradient.input));
    }
    let outputs = tf::catch(|| call(&args))?;
    if outputs.len() != case.outputs.len() {
        let text = format!("gives {} results, expected {}", outputs.len(), case.outputs.len());
        return Err(tf::Error::invalid("recorded", text));
    }
    let pairs = outputs.iter().zip(&case.outputs).filter(|(_, recorded)| recorded.cotangent.is_some());
    let targets: Vec<Tensor> = pairs.map(|(output, _)| output.clone()).collect();
    let options = tf::GradientOptions::new().output_gradients(cotangents);
    let gradients = case.grads.iter().map(|recorded| {
        let gradient = tape.gradient_with(&targets, args.tensor(&recorded.input), &options);
        match (gradient, &recorded.tensor) {
            (Ok(gradient), _) => Ok(Some(gradient)),
            (Err(_), None) => Ok(None),
            (Err(error), Some(_)) => Err(error.within(format!("the gradient of {}", recorded.input))),
        }
    });
    let gradients = gradients.collect::<tf::Result<_>>()?;
    Ok((outputs, gradients))
}

/// TensorFlow raises `class`; the call must fail with the kind of that name, and must not merely crash.
fn refused(case: &Case, call: Call, class: &str) -> Outcome {
    let kind = match class {
        "InvalidArgumentError" | "ValueError" | "TypeError" => tf::Kind::InvalidArgument,
        "OutOfRangeError" | "IndexError" => tf::Kind::OutOfRange,
        "UnimplementedError" => tf::Kind::Unimplemented,
        other => return Err(format!("no kind corresponds to {other}")),
    };
    let args = Args { case, inputs: inputs(case)? };
    match tf::catch(|| call(&args)) {
        Ok(_) => Err(format!("succeeds, but TensorFlow raises {class}")),
        Err(error) if error.kind() == kind => Ok(()),
        Err(error) => Err(format!("fails with {:?}, expected {kind:?}: {error}", error.kind())),
    }
}

fn agrees(case: &Case, call: Call) -> Outcome {
    let run = evaluate(case, call, &inputs(case)?, &cotangents(case)?);
    let (outputs, gradients) = run.map_err(|error| format!("fails: {error}"))?;
    for (i, (actual, expected)) in outputs.iter().zip(&case.outputs).enumerate() {
        compare::output(case, &to_array(actual)?, &expected.tensor)
            .map_err(|e| format!("result {i}: {e}"))?;
    }
    for (actual, expected) in gradients.iter().zip(&case.grads) {
        let name = &expected.input;
        match (actual, &expected.tensor) {
            (Some(actual), Some(expected)) => compare::gradient(case, &to_array(actual)?, expected)
                .map_err(|e| format!("gradient of {name}: {e}"))?,
            (None, None) => {}
            _ => return Err(format!("gradient of {name}: there is one, but TensorFlow has none")),
        }
    }
    Ok(())
}

/// A recorded array as a tensor on the CPU.
pub fn to_tensor(array: &Array) -> Result<Tensor, String> {
    let name = array.dtype.name();
    let dtype = DType::from_name(name).ok_or_else(|| format!("Tenfold has no dtype {name}"))?;
    let made = tenfold_core::with_element!(dtype, T => {
        let values = array.bytes.chunks_exact(dtype.size());
        let values = values.map(|c| T::load(bytemuck::pod_read_unaligned(c))).collect::<Vec<T>>();
        Tensor::from_vec(values, &array.shape)
    });
    made.map_err(|error| error.to_string())
}

/// A tensor's dtype, shape and elements as plain data.
pub fn to_array(tensor: &Tensor) -> Result<Array, String> {
    let dtype = fixtures::DType::from_name(tensor.dtype().tf_name())?;
    let storage = tensor.storage().map_err(|error| error.to_string())?;
    Ok(Array { dtype, shape: tensor.shape().to_vec(), bytes: storage.bytes().to_vec() })
}
