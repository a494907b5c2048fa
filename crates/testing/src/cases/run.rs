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
    let run = || run(case, call);
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).unwrap_or_else(|payload| {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or(payload.downcast_ref::<&str>().copied()).unwrap_or("without a message");
        Err(format!("panics: {text}"))
    })
}

fn run(case: &Case, call: Call) -> Outcome {
    let inputs = case.inputs.iter().map(|input| to_tensor(&input.tensor)).collect::<Result<Vec<_>, _>>()?;
    let args = Args { case, inputs };
    match &case.error {
        Some(class) => refused(&args, call, class),
        None => agrees(&args, call),
    }
}

/// TensorFlow raises `class`; the call must fail with the kind of that name, and must not merely crash.
fn refused(args: &Args<'_>, call: Call, class: &str) -> Outcome {
    let kind = match class {
        "InvalidArgumentError" | "ValueError" | "TypeError" => tf::Kind::InvalidArgument,
        "OutOfRangeError" | "IndexError" => tf::Kind::OutOfRange,
        "UnimplementedError" => tf::Kind::Unimplemented,
        other => return Err(format!("no kind corresponds to {other}")),
    };
    match tf::catch(|| call(args)) {
        Ok(_) => Err(format!("succeeds, but TensorFlow raises {class}")),
        Err(error) if error.kind() == kind => Ok(()),
        Err(error) => Err(format!("fails with {:?}, expected {kind:?}: {error}", error.kind())),
    }
}

fn agrees(args: &Args<'_>, call: Call) -> Outcome {
    let case = args.case;
    let tape = tf::GradientTape::persistent();
    for gradient in &case.grads {
        tape.watch(args.tensor(&gradient.input));
    }
    let outputs = tf::catch(|| call(args)).map_err(|error| format!("fails: {error}"))?;
    if outputs.len() != case.outputs.len() {
        return Err(format!("gives {} results, expected {}", outputs.len(), case.outputs.len()));
    }
    for (i, (actual, expected)) in outputs.iter().zip(&case.outputs).enumerate() {
        compare::output(case, &to_array(actual)?, &expected.tensor)
            .map_err(|e| format!("result {i}: {e}"))?;
    }
    let mut targets = Vec::new();
    let mut cotangents = Vec::new();
    for (actual, expected) in outputs.iter().zip(&case.outputs) {
        if let Some(cotangent) = &expected.cotangent {
            targets.push(actual.clone());
            cotangents.push(to_tensor(cotangent)?);
        }
    }
    let options = tf::GradientOptions::new().output_gradients(&cotangents);
    for expected in &case.grads {
        let name = &expected.input;
        let actual = tape.gradient_with(&targets, args.tensor(name), &options);
        match (actual, &expected.tensor) {
            (Ok(actual), Some(expected)) => compare::gradient(case, &to_array(&actual)?, expected)
                .map_err(|e| format!("gradient of {name}: {e}"))?,
            (Ok(_), None) => {
                return Err(format!("gradient of {name}: there is one, but TensorFlow has none"));
            }
            (Err(error), Some(_)) => return Err(format!("gradient of {name}: {error}")),
            (Err(_), None) => {}
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
