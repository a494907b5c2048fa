//! Gradients of every op: against differences, first and second order; absent ones with their reason.

use tenfold_core as tf;
use tenfold_core::ops;
use tenfold_testing::suite::{self, every_case};

#[test]
fn gradients_agree_with_differences_to_second_order() {
    every_case("gradients", suite::numeric_gradients);
}

#[test]
fn an_absent_gradient_gives_its_reason() {
    every_case("no gradient", suite::has_no_gradient);
}

/// Ops whose gradient no difference can check, with the reason.
const ROUGH: &[(&str, &str)] = &[
    ("betainc", "its samples are marked so for the parameters without gradient"),
    ("igamma", "the second derivative in its parameter a is refused; recorded gradients check the first"),
    ("igamma_grad_a", "its derivatives are refused"),
    ("igammac", "the second derivative in its parameter a is refused; recorded gradients check the first"),
    ("nextafter", "a difference sees the steps between numbers, not the slope"),
    ("polygamma", "its samples are marked so for the order, which has no gradient"),
    ("zeta", "its samples are marked so for the exponent, which has no gradient"),
];

#[test]
fn every_rule_is_tried_where_it_is_smooth() {
    let untried = |op: &&'static tenfold_core::op::OpDef| {
        let float = |c: &suite::Case| c.inputs().iter().any(|x| x.dtype().is_float());
        let cases = suite::cases(op);
        let tried = |c: &suite::Case| {
            c.succeeds()
                && c.sample.smooth
                && c.dtype == tf::DType::F64
                && !c.inputs().iter().any(|x| x.shape().num_elements() == 0)
        };
        matches!(op.grad, tenfold_core::op::Grad::Rule(_))
            && cases.iter().any(float)
            && !cases.iter().any(tried)
    };
    let names: Vec<&str> = ops::ALL.iter().copied().filter(untried).map(|op| op.name).collect();
    let listed: Vec<&str> = ROUGH.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, listed, "ops with a rule but no smooth f64 sample with elements");
}

#[test]
fn the_checker_finds_a_wrong_gradient() {
    // `stop_gradient` hides half of it: 1 instead of 2·x.
    let wrong = |x: &tf::Tensor| x * x.stop_gradient();
    let x = tf::constant_f64(3.0);
    let tape = tf::GradientTape::new();
    tape.watch(&x);
    let analytic = tape.gradient(&wrong(&x), &x).item::<f64>().expect("one");
    let at = |v: f64| wrong(&tf::constant_f64(v)).item::<f64>();
    let numeric = tenfold_testing::numeric::slope(at, 3.0).expect("defined");
    assert!((analytic - 3.0).abs() < 1e-12 && (numeric.value - 6.0).abs() <= numeric.error);
}
