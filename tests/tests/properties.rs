//! Random programs: eager, traced, planned, interpreted and after each pass, to the bit, gradients included.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use tenfold_testing::programs::{Program, Raw, menu};

/// Fixed: a failure is the same failure tomorrow.
const CASES: u32 = 150;

fn config() -> Config {
    Config { cases: CASES, rng_seed: RngSeed::Fixed(20), failure_persistence: None, ..Config::default() }
}

/// 5 to 50 calls.
fn raw() -> impl Strategy<Value = Vec<Raw>> {
    prop::collection::vec(prop::array::uniform4(0u16..64), 5..50)
}

#[test]
fn random_programs_give_the_same_bits_traced() {
    let programs = raw().prop_map(|raw| Program::decode(&raw));
    let outcome =
        TestRunner::new(config()).run(&programs, |program| program.check().map_err(TestCaseError::fail));
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

#[test]
fn programs_are_as_long_as_they_should_be() {
    let mut lengths = vec![];
    let outcome = TestRunner::new(config()).run(&raw(), |raw| {
        prop_assert!(!Program::decode(&raw).is_empty());
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
    let mut numbers = tenfold_testing::suite::Numbers::new(2);
    for _ in 0..50 {
        let raw: Vec<Raw> = (0..40).map(|_| std::array::from_fn(|_| numbers.below(64) as u16)).collect();
        lengths.push(Program::decode(&raw).len());
    }
    assert!(lengths.iter().sum::<usize>() > 50 * 20, "most numbers become calls: {lengths:?}");
    assert!(menu().len() > 30, "{:?}", menu());
}
