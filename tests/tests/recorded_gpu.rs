//! Every recorded call of TensorFlow that Tenfold has a function for, on the GPU: values and gradients against the
//! recordings, and the same bits as a graph. What the device refuses, it refuses with a reason.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use tenfold as tf;
use tenfold_testing::cases::{cotangents, evaluate, excuse, inputs, table, to_array};
use tenfold_testing::compare;
use tenfold_testing::fixtures::{Array, Case, op_cases};
use tenfold_tests::gpu;

static CASES: LazyLock<Vec<Case>> = LazyLock::new(|| op_cases().expect("readable"));

/// Results, then gradients, of one case.
type Made = Vec<Option<tf::Tensor>>;

fn made(case: &Case, inputs: &[tf::Tensor], cotangents: &[tf::Tensor]) -> tf::Result<Made> {
    let (outputs, gradients) = evaluate(case, table()[case.op.as_str()], inputs, cotangents)?;
    Ok(outputs.into_iter().map(Some).chain(gradients).collect())
}

#[tf::function]
fn traced(index: usize, inputs: &[tf::Tensor], cotangents: &[tf::Tensor]) -> Made {
    match made(&CASES[index], inputs, cotangents) {
        Ok(made) => made,
        Err(error) => panic!("{error}"),
    }
}

/// The elements, read now: a value that a kernel refuses is reported by the next read.
fn read(made: &Made) -> tf::Result<Vec<Option<Array>>> {
    let read = |t: &tf::Tensor| to_array(t).map_err(|text| tf::Error::invalid("read", text));
    made.iter().map(|t| t.as_ref().map(read).transpose()).collect()
}

/// The cases that succeed, but for functions that cannot be traced: they make a generator and read its state back.
fn cases() -> impl Iterator<Item = (usize, &'static Case)> {
    let table = table();
    CASES.iter().enumerate().filter_map(move |(index, case)| {
        let skipped = case.error.is_some() || excuse(&case.id).is_some() || case.op == "tf.random.Generator";
        (table.contains_key(case.op.as_str()) && !skipped).then_some((index, case))
    })
}

#[test]
fn recorded_cases_pass_on_the_gpu() {
    let Some(device) = gpu() else { return };
    // Every case is another trace.
    tf::set_warning_handler(|_| {});
    let (mut passed, mut refused, mut failures) = (0, BTreeMap::<String, usize>::new(), Vec::new());
    for (index, case) in cases() {
        let mut fail = |what: String| failures.push(format!("{} ({}): {what}", case.id, case.op));
        let there = |list: Vec<tf::Tensor>| -> Vec<tf::Tensor> {
            list.iter().map(|x| x.to(device).expect("room")).collect()
        };
        let (x, dy) = (there(inputs(case).expect("tensors")), there(cotangents(case).expect("tensors")));
        let eager = tf::with_device(device, || made(case, &x, &dy)).flatten().and_then(|made| read(&made));
        let arrays = match eager {
            Ok(arrays) => arrays,
            Err(error) if error.kind() == tf::Kind::Unimplemented => {
                *refused.entry(error.message().to_string()).or_default() += 1;
                continue;
            }
            Err(error) => {
                fail(error.to_string());
                continue;
            }
        };
        let results = case.outputs.len();
        let recorded = case.outputs.iter().map(|o| Some(&o.tensor));
        let recorded = recorded.chain(case.grads.iter().map(|g| g.tensor.as_ref()));
        for (i, (actual, expected)) in arrays.iter().zip(recorded).enumerate() {
            let compared = match (actual, expected) {
                (Some(actual), Some(expected)) if i < results => compare::output(case, actual, expected),
                (Some(actual), Some(expected)) => compare::gradient(case, actual, expected),
                _ => Ok(()),
            };
            if let Err(what) = compared {
                fail(format!("result {i}: {what}"));
            }
        }
        match tf::with_device(device, || traced(index, &x, &dy)).and_then(|made| read(&made)) {
            Ok(graph) if graph == arrays => passed += 1,
            Ok(graph) => fail(format!("graph {graph:?}, eager {arrays:?}")),
            Err(error) => fail(format!("as a graph: {error}")),
        }
    }
    let total: usize = refused.values().sum();
    println!("{passed} cases passed, {total} were refused:");
    refused.iter().for_each(|(why, n)| println!("{n:4} {why}"));
    assert!(passed > 600, "only {passed} cases ran");
    assert!(failures.is_empty(), "{} recorded cases fail:\n{}", failures.len(), failures.join("\n"));
}

/// Ops run where their operands are, wherever new tensors are made: a function may not mix the two. Random numbers are new.
#[test]
fn operands_on_the_cpu_stay_there_where_the_gpu_is_current() {
    let Some(device) = gpu() else { return };
    let (mut same, mut failures) = (0, Vec::new());
    let fed = |case: &Case| !case.inputs.is_empty() && !case.op.starts_with("tf.random.");
    for (_, case) in cases().filter(|(_, case)| fed(case)) {
        let (x, dy) = (inputs(case).expect("tensors"), cotangents(case).expect("tensors"));
        let run = || made(case, &x, &dy).and_then(|made| read(&made));
        let here = run().expect("passes on the CPU");
        match tf::with_device(device, run).flatten() {
            Ok(there) if there == here => same += 1,
            Ok(_) => failures.push(format!("{} ({}): other bits", case.id, case.op)),
            Err(error) => failures.push(format!("{} ({}): {error}", case.id, case.op)),
        }
    }
    assert!(same > 600, "only {same} cases ran");
    assert!(failures.is_empty(), "{} cases differ:\n{}", failures.len(), failures.join("\n"));
}
