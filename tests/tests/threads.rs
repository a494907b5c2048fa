//! The same bits for any number of threads.

use tenfold_core as tf;
use tenfold_core::{Device, Result, Tensor};
use tenfold_testing::suite::{self, Case, all_cases, large_cases, same_bits_all};

const COUNTS: [usize; 4] = [1, 2, 3, 7];

fn pool(threads: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool")
}

/// Every case in every pool, against the first pool.
fn same_everywhere(cases: &[Case], call: impl Fn(&Case) -> Result<Vec<Tensor>> + Sync) -> Vec<String> {
    let run = |threads: usize| -> Vec<Option<Vec<Tensor>>> {
        pool(threads).install(|| cases.iter().map(|case| call(case).ok()).collect())
    };
    let first = run(COUNTS[0]);
    assert!(first.iter().filter(|r| r.is_some()).count() * 2 > cases.len(), "most cases succeed");
    let mut failures = vec![];
    for threads in &COUNTS[1..] {
        for ((case, got), want) in cases.iter().zip(run(*threads)).zip(&first) {
            let answer = match (&got, want) {
                (Some(got), Some(want)) => same_bits_all(got, want),
                (None, None) => Ok(()),
                _ => Err("succeeds in one pool only".to_string()),
            };
            failures.extend(answer.err().map(|what| format!("{case}, {threads} threads: {what}")));
        }
    }
    failures
}

#[test]
fn samples_are_the_same_for_any_number_of_threads() {
    let cases: Vec<Case> = all_cases().filter(Case::succeeds).collect();
    suite::report(&same_everywhere(&cases, |case| case.call(&case.inputs())));
}

#[test]
fn large_inputs_are_the_same_for_any_number_of_threads() {
    let cases = large_cases();
    assert!(cases.iter().any(|c| c.op.name == "matmul") && cases.len() > 20, "{}", cases.len());
    suite::report(&same_everywhere(&cases, |case| case.call(&case.inputs())));
}

/// A graph with a fused group, a reduction, a product and their gradients.
#[test]
fn a_training_step_is_the_same_for_any_number_of_threads() {
    let mut numbers = suite::Numbers::new(1);
    let x = numbers.tensor(tf::DType::F32, &[300, 120].into());
    let w = numbers.tensor(tf::DType::F32, &[120, 90].into());
    let metas = [x.meta().clone(), w.meta().clone()];
    let made = tenfold_core::testing::trace(Device::cpu(), &metas, |v| {
        let tape = tf::GradientTape::new();
        tape.watch(&v[1]);
        let y = tf::matmul(&v[0], &v[1]).tanh();
        let loss = (&y * &y).sum_to_shape(());
        Ok(vec![tape.gradient(&loss, &v[1]), loss, y])
    })
    .expect("traced");
    let graph =
        tenfold_core::graph::passes::optimise(&made.graph, tenfold_core::Device::cpu()).expect("optimised");
    let run = |threads: usize| {
        let plan = Device::cpu().backend().compile(&graph).expect("compiled");
        pool(threads).install(|| plan.run(&[x.clone(), w.clone()], &[])).expect("runs")
    };
    let want = run(1);
    for threads in &COUNTS[1..] {
        same_bits_all(&run(*threads), &want).unwrap_or_else(|e| panic!("{threads} threads: {e}"));
    }
}
