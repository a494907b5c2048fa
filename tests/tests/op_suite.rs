//! Every op of the table × every sample × every dtype: shapes, tracing, passes, plans, text, errors, twins.

use std::panic::Location;
use tenfold_core as tf;
use tenfold_core::op::{AttrKind, Class};
use tenfold_core::{Kind, Result, Tensor, ops};
use tenfold_testing::suite::{self, ENGINE, every_case, not_callable};

#[test]
fn results_are_as_inferred() {
    every_case("shapes", suite::inferred_is_actual);
}

#[test]
fn eager_is_traced_planned_interpreted_and_read_back_after_each_pass() {
    every_case("traced", suite::eager_is_traced);
}

#[test]
fn a_trace_with_symbols_gives_the_same_bits() {
    every_case("symbols", suite::symbolic_is_concrete);
}

#[test]
fn refused_samples_say_the_same_everywhere() {
    every_case("refused", suite::refused);
}

#[test]
fn composed_twins_agree() {
    every_case("twins", suite::twin_agrees);
}

#[test]
fn only_engine_ops_are_left_out() {
    let listed: Vec<&str> = ENGINE.iter().map(|(name, _)| *name).collect();
    assert_eq!(listed, not_callable(), "suite::ENGINE must list exactly the ops without samples");
    assert!(ENGINE.iter().all(|(_, reason)| reason.contains(' ')));
}

#[test]
fn every_op_is_tried_well_and_badly() {
    let mut poor = vec![];
    for op in ops::ALL.iter().filter(|op| !not_callable().contains(&op.name)) {
        let cases = suite::cases(op);
        let with_elements = |c: &suite::Case| c.sample.inputs.iter().all(|d| !d.values.is_empty());
        if !cases.iter().any(|c| c.succeeds() && with_elements(c)) {
            poor.push(format!("{}: no sample with elements succeeds", op.name));
        }
        // What takes every dtype and shape has nothing to refuse.
        let takes_all = op.sig.inputs.len() <= 1
            && op.sig.inputs.iter().all(|i| i.class == Class::Any)
            && op.sig.attrs.iter().all(|a| matches!(a.1, AttrKind::DType | AttrKind::Shape));
        if !takes_all && cases.iter().all(suite::Case::succeeds) {
            poor.push(format!("{}: no sample fails", op.name));
        }
    }
    suite::report(&poor);
}

#[test]
fn tensorflow_names_belong_to_one_op() {
    let mut nodes: Vec<(&str, &str, &str)> =
        ops::ALL.iter().flat_map(|op| op.tf.iter().map(|t| (t.node, t.differs, op.name))).collect();
    nodes.sort_unstable();
    // A node may be written by several ops if each says for which part of it: `differs`.
    let clash = |w: &&[(&str, &str, &str)]| w[0].0 == w[1].0 && (w[0].1.is_empty() || w[1].1.is_empty());
    let clashes: Vec<_> = nodes.windows(2).filter(clash).collect();
    assert!(clashes.is_empty(), "{clashes:?}");
    let odd =
        |n: &str| !n.starts_with(|c: char| c.is_ascii_uppercase()) || !n.chars().all(|c| c.is_alphanumeric());
    let odd: Vec<_> = nodes.iter().filter(|n| odd(n.0)).collect();
    assert!(odd.is_empty(), "not names of TensorFlow nodes: {odd:?}");
}

/// One user's call with its two faces, and where it stands.
type Faces =
    (&'static str, Box<dyn Fn() -> Tensor>, Box<dyn Fn() -> Result<Tensor>>, &'static Location<'static>);

#[track_caller]
fn faces(
    name: &'static str,
    panicking: impl Fn() -> Tensor + 'static,
    fallible: impl Fn() -> Result<Tensor> + 'static,
) -> Faces {
    (name, Box::new(panicking), Box::new(fallible), Location::caller())
}

#[test]
fn both_faces_of_users_calls_say_the_same_at_the_users_line() {
    let (two, three) = (|| tf::constant([1.0, 2.0]), || tf::constant([1.0, 2.0, 3.0]));
    let ints = || tf::constant([1, 2]);
    let calls = [
        faces("a method", move || two().add(three()), move || two().try_add(three())),
        faces("a function", move || tf::multiply(two(), three()), move || tf::try_multiply(two(), three())),
        faces("an operator", move || two() - three(), move || two().try_subtract(three())),
        faces("a unary method", move || ints().sqrt(), move || ints().try_sqrt()),
        faces("attributes", move || two().broadcast_to([3]), move || two().try_broadcast_to([3])),
        faces("mixed dtypes", move || two() * ints(), move || two().try_multiply(ints())),
        faces("a product", move || tf::matmul(two(), three()), move || tf::try_matmul(two(), three())),
        faces("a choice", move || tf::select(&ints(), 1.0, 2.0), move || tf::try_select(&ints(), 1.0, 2.0)),
    ];
    for (name, panicking, fallible, at) in calls {
        let a = tf::catch(panicking).expect_err(name);
        let b = fallible().expect_err(name);
        assert_eq!((a.kind(), b.kind()), (Kind::InvalidArgument, Kind::InvalidArgument), "{name}");
        assert_eq!((a.message(), a.hint(), a.op()), (b.message(), b.hint(), b.op()), "{name}");
        for e in [a, b] {
            let place = e.place().unwrap_or_else(|| panic!("{name} has no place: {e}"));
            assert_eq!((place.file, place.line), (at.file(), at.line()), "{name}: {e}");
        }
    }
}

#[test]
fn without_catch_the_text_is_the_panic() {
    let payload = std::panic::catch_unwind(|| tf::constant([1.0, 2.0]) + tf::constant([1.0, 2.0, 3.0]))
        .expect_err("the shapes differ");
    let text = payload.downcast_ref::<String>().expect("a text");
    assert!(text.starts_with("add: shapes do not broadcast: x is f32[2], y is f32[3] (2 ≠ 3)"), "{text}");
    assert!(text.contains("op_suite.rs"), "{text}");
}
