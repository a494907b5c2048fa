use crate as tf;

fn f(x: &tf::Tensor) -> f32 {
    x.item::<f32>().unwrap()
}

#[test]
fn second_order_by_nesting() {
    let x = tf::constant(4.0);
    let outer = tf::GradientTape::new();
    outer.watch(&x);
    let inner = tf::GradientTape::new();
    inner.watch(&x);
    let y = x.sqrt();
    let first = inner.gradient(&y, &x);
    let second = outer.gradient(&first, &x);
    assert_eq!((f(&y), f(&first), f(&second)), (2.0, 0.25, -0.03125));
}

#[test]
fn variables_are_watched_and_summed_over_reads() {
    let v = tf::Variable::new(3.0f32);
    let frozen = tf::Variable::untrainable("frozen", 2.0f32);
    let tape = tf::GradientTape::persistent();
    let y = &v * &v * &frozen;
    assert_eq!(f(&tape.gradient(&y, &v)), 12.0);
    let e = tape.try_gradient(&y, &frozen).unwrap_err();
    assert!(e.to_string().contains("variable `frozen`"), "{e}");
}

#[test]
fn a_consumed_tape_says_so() {
    let x = tf::constant([1.0, 2.0]);
    let tape = tf::GradientTape::new();
    tape.watch(&x);
    let y = &x * 2.0;
    assert_eq!(tape.gradient(&y, &x).to_vec::<f32>().unwrap(), [2.0, 2.0]);
    let e = tape.try_gradient(&y, &x).unwrap_err();
    assert_eq!(e.kind(), tf::Kind::FailedPrecondition);
    assert!(e.hint().unwrap().contains("persistent"));
    assert!(e.place().unwrap().file.ends_with("tests.rs"));
}

#[test]
fn broadcasting_is_undone() {
    let (x, b) = (tf::constant([[1.0, 2.0], [3.0, 4.0]]), tf::constant([10.0, 20.0]));
    let tape = tf::GradientTape::new();
    tape.watch(&x);
    tape.watch(&b);
    let y = &x * &b;
    let [dx, db] = tape.gradient(&y, &[&x, &b]);
    assert_eq!(dx.to_vec::<f32>().unwrap(), [10.0, 20.0, 10.0, 20.0]);
    assert_eq!(db.to_vec::<f32>().unwrap(), [4.0, 6.0]);
}
