//! Every recorded call of TensorFlow that Tenfold has a function for: values, gradients and refusals, and the same bits
//! as a graph.

use std::sync::LazyLock;
use tenfold as tf;
use tenfold_testing::cases::{
    EXCUSED, check, cotangents, coverage, evaluate, excuse, inputs, table, to_array,
};
use tenfold_testing::fixtures::{Case, op_cases};

#[test]
fn recorded_cases_pass() {
    let (cases, table) = (op_cases().expect("readable"), table());
    let (mut passed, mut excused, mut failures) = (0, 0, Vec::new());
    for case in &cases {
        let Some(call) = table.get(case.op.as_str()) else { continue };
        match (check(case, *call), excuse(&case.id)) {
            (Ok(()), None) => passed += 1,
            (Ok(()), Some(_)) => failures.push(format!("{}: passes now, take its excuse away", case.id)),
            (Err(_), Some(_)) => excused += 1,
            (Err(what), None) => failures.push(format!("{} ({}): {what}", case.id, case.op)),
        }
    }
    println!(
        "{passed} of {} recorded cases passed, {excused} excused, {} failed",
        cases.len(),
        failures.len()
    );
    assert!(passed > 0, "the table matches no recorded case");
    assert!(failures.is_empty(), "{} recorded cases fail:\n{}", failures.len(), failures.join("\n"));
}

static CASES: LazyLock<Vec<Case>> = LazyLock::new(|| op_cases().expect("readable"));

/// The case at `index` with its gradients, as one graph.
#[tf::function]
fn traced(index: usize, inputs: &[tf::Tensor], cotangents: &[tf::Tensor]) -> Vec<Option<tf::Tensor>> {
    let case = &CASES[index];
    match evaluate(case, table()[case.op.as_str()], inputs, cotangents) {
        Ok((outputs, gradients)) => outputs.into_iter().map(Some).chain(gradients).collect(),
        Err(error) => panic!("{}: {error}", case.id),
    }
}

/// Functions that cannot be traced, each with the reason.
const EAGER_ONLY: &[(&str, &str)] =
    &[("tf.random.Generator", "the row makes a generator and reads its state back")];

#[test]
fn graphs_give_the_bits_of_eager() {
    let table = table();
    let (mut same, mut failures) = (0, Vec::new());
    for (index, case) in CASES.iter().enumerate() {
        let Some(call) = table.get(case.op.as_str()) else { continue };
        let eager_only = EAGER_ONLY.iter().any(|(op, _)| *op == case.op);
        if case.error.is_some() || excuse(&case.id).is_some() || eager_only {
            continue;
        }
        let (x, dy) = (inputs(case).expect("tensors"), cotangents(case).expect("tensors"));
        let (outputs, gradients) = evaluate(case, *call, &x, &dy).expect("passes eagerly");
        let eager = outputs.into_iter().map(Some).chain(gradients).collect::<Vec<_>>();
        match tf::catch(|| traced(index, &x, &dy)) {
            Err(error) => failures.push(format!("{}: {error}", case.id)),
            Ok(graph) => {
                let bits = |list: &[Option<tf::Tensor>]| {
                    list.iter().map(|t| t.as_ref().map(|t| to_array(t).expect("values"))).collect::<Vec<_>>()
                };
                match bits(&graph) == bits(&eager) {
                    true => same += 1,
                    false => failures.push(format!("{}: graph {graph:?}, eager {eager:?}", case.id)),
                }
            }
        }
    }
    assert!(same > 0, "no case ran as a graph");
    assert!(failures.is_empty(), "{} cases differ as graphs:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn every_row_and_excuse_is_used() {
    let cases = op_cases().expect("readable");
    let unused = table().into_keys().filter(|op| cases.iter().all(|case| case.op != *op)).collect::<Vec<_>>();
    assert_eq!(unused, [""; 0], "rows that no recorded case calls");
    let ids = EXCUSED.iter().map(|(id, _)| *id).filter(|id| cases.iter().all(|case| case.id != *id));
    assert_eq!(ids.collect::<Vec<_>>(), [""; 0], "excuses for cases that are not recorded");
}

/// The page is generated; `TENFOLD_BLESS=1` writes it anew.
#[test]
fn the_coverage_page_is_fresh() {
    if std::env::var_os("TENFOLD_FIXTURES").is_some() {
        return; // Other recordings than the page's.
    }
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/op-coverage.md");
    let now = coverage(&op_cases().expect("readable"));
    if std::env::var_os("TENFOLD_BLESS").is_some() {
        std::fs::write(page, &now).expect("writable");
    }
    let written = std::fs::read_to_string(page).unwrap_or_default();
    assert_eq!(written, now, "docs/op-coverage.md is stale: run this with TENFOLD_BLESS=1");
}
