//! Effects in program order: prints, assertions and writes of variables, eagerly and as one graph, used or not.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::{Arc, Mutex, MutexGuard};
use tenfold as tf;
use tf::{Tensor, Variable};

/// One test at a time may listen to what is printed.
static LISTENING: Mutex<()> = Mutex::new(());

fn listen() -> (MutexGuard<'static, ()>, Arc<Mutex<Vec<String>>>) {
    let guard = LISTENING.lock().unwrap_or_else(|p| p.into_inner());
    let lines = Arc::new(Mutex::new(Vec::new()));
    let kept = lines.clone();
    tf::set_print_handler(move |line| kept.lock().unwrap().push(line.to_string()));
    (guard, lines)
}

fn value(v: &Variable) -> f32 {
    v.read().item().unwrap()
}

/// Counts, prints before and after, and doubts in between.
#[tf::function]
fn step(v: &Variable, x: &Tensor) -> Tensor {
    tf::print!("before {}", v.read());
    v.assign_add(x);
    tf::print!("{{after}} {} {}", v.read(), x);
    tf::assert!(x.less(10.0), "x is too large: {}", x);
    v.assign_add(100.0);
    // Nobody uses it, and it still happens.
    tf::print!("end");
    x * 2.0
}

#[test]
fn prints_and_writes_keep_their_order() {
    let (_guard, lines) = listen();
    let mut seen = Vec::new();
    for eagerly in [true, false] {
        let v = Variable::new(1.0);
        tf::run_functions_eagerly(eagerly);
        for _ in 0..2 {
            step(&v, &tf::constant(2.0));
        }
        tf::run_functions_eagerly(false);
        assert_eq!(value(&v), 205.0);
        seen.push(std::mem::take(&mut *lines.lock().unwrap()));
    }
    assert_eq!(seen[0], ["before 1.0", "{after} 3.0 2.0", "end", "before 103.0", "{after} 105.0 2.0", "end"]);
    assert_eq!(seen[0], seen[1]);
}

/// If an assertion fails, what stands before it has happened and nothing that stands after it.
#[test]
fn a_failed_assertion_ends_the_call() {
    let (_guard, lines) = listen();
    for eagerly in [true, false] {
        let v = Variable::new(1.0);
        tf::run_functions_eagerly(eagerly);
        let error = tf::catch(|| step(&v, &tf::constant(12.0))).unwrap_err();
        tf::run_functions_eagerly(false);
        assert_eq!(error.kind(), tf::error::Kind::InvalidArgument);
        let text = error.to_string();
        assert!(text.contains("assertion failed: x is too large: 12.0"), "{text}");
        assert!(text.contains("effects.rs"), "{text}");
        assert_eq!(value(&v), 13.0);
        assert_eq!(std::mem::take(&mut *lines.lock().unwrap()), ["before 1.0", "{after} 13.0 12.0"]);
        // The function is as good as new.
        step(&v, &tf::constant(1.0));
        assert_eq!(value(&v), 114.0);
        lines.lock().unwrap().clear();
    }
}

/// A function called under a tape prints when it runs forward, not again for the gradient.
#[test]
fn a_taped_call_prints_once() {
    #[tf::function]
    fn f(x: &Tensor) -> Tensor {
        tf::print!("x {}", x);
        x * x
    }
    let (_guard, lines) = listen();
    let x = tf::constant(3.0);
    let tape = tf::GradientTape::new();
    tape.watch(&x);
    let y = f(&x);
    assert_eq!(tape.gradient(&y, &x).item::<f32>().unwrap(), 6.0);
    assert_eq!(*lines.lock().unwrap(), ["x 3.0"]);
}

/// The checks of `tf::debugging`, in a graph.
#[test]
fn the_checks_of_debugging() {
    use tf::debugging as check;
    #[tf::function]
    fn f(x: &Tensor, y: &Tensor) -> Tensor {
        check::assert_equal(x, x);
        check::assert_none_equal(x, y);
        check::assert_less(x, y);
        check::assert_less_equal(x, y);
        check::assert_greater(y, x);
        check::assert_greater_equal(y, x);
        check::assert_positive(x);
        check::assert_non_negative(x);
        check::assert_near(x, x, 0.0, 0.0);
        check::check_numerics(&(x / y), "the ratio")
    }
    let y = tf::constant([3.0, 4.0]);
    assert_eq!(f(&tf::constant([1.5, 1.0]), &y).to_vec::<f32>().unwrap(), [0.5, 0.25]);
    for (bad, what) in
        [([3.0, 1.0], "x != y"), ([5.0, 1.0], "x < y"), ([0.0, 1.0], "x > 0"), ([f32::NAN, 1.0], "x == y")]
    {
        let error = tf::catch(|| f(&tf::constant(bad), &y)).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    }
    let error = tf::catch(|| f(&tf::constant([1.0, 1.0]), &tf::constant([2.0, f32::INFINITY])));
    assert!(error.is_ok(), "one over infinity is a number");
    assert!(
        check::try_check_numerics(&tf::constant([f32::NAN]), "the ratio")
            .unwrap_err()
            .to_string()
            .contains("the ratio")
    );
}

/// Scatter updates of variables, in a graph and eagerly; a bad index writes nothing.
#[test]
fn scatter_updates() {
    #[tf::function]
    fn all(v: &Variable, at: &Tensor, x: &Tensor) {
        v.scatter_update(at, x);
        v.scatter_add(at, x);
        v.scatter_sub(at, &(x * 0.5));
        v.scatter_max(at, &(x * 2.0));
        v.scatter_min(at, &(x * 3.0));
        v.scatter_nd_add(&at.expand_dims(-1), x);
    }
    let mut seen = Vec::new();
    for eagerly in [true, false] {
        let v = Variable::new(tf::constant([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]));
        tf::run_functions_eagerly(eagerly);
        all(&v, &tf::constant([2, 0]), &tf::constant([[1.0, -1.0], [10.0, 20.0]]));
        let bad = tf::catch(|| all(&v, &tf::constant([0, 3]), &tf::ones([2, 2])));
        tf::run_functions_eagerly(false);
        assert!(bad.unwrap_err().to_string().contains('3'));
        seen.push(v.read().to_vec::<f32>().unwrap());
    }
    assert_eq!(seen[0], [30.0, 60.0, 3.0, 4.0, 3.0, -4.0]);
    assert_eq!(seen[0], seen[1]);
}
