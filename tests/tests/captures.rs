//! Tensors that a traced function takes from outside, not as arguments: their gradients are not lost.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::LazyLock;
use tenfold as tf;
use tf::{GradientTape, Tensor};

static SCALE: LazyLock<Tensor> = LazyLock::new(|| tf::constant([2.0, 3.0]));
static SHIFT: LazyLock<Tensor> = LazyLock::new(|| tf::constant([0.5, -0.5]));

fn plain(x: &Tensor) -> Tensor {
    let made = tf::constant([10.0, 20.0]);
    (x * &*SCALE).exp() * made * &*SCALE + SHIFT.square() * x
}

#[tf::function]
fn traced(x: &Tensor) -> Tensor {
    plain(x)
}

#[tf::function(inline = false)]
fn apart(x: &Tensor) -> Tensor {
    plain(x)
}

#[tf::function]
fn outer(x: &Tensor) -> Tensor {
    apart(x) * 0.5 * 2.0
}

fn bits(x: &Tensor) -> Vec<u32> {
    x.to_vec::<f32>().unwrap().iter().map(|v| v.to_bits()).collect()
}

/// First and second gradients for the constants and the argument.
fn gradients(f: fn(&Tensor) -> Tensor) -> Vec<Vec<u32>> {
    let x = tf::constant([0.1, 0.2]);
    let (second, first) = (GradientTape::persistent(), GradientTape::new());
    for tape in [&second, &first] {
        tape.watch(&x);
        tape.watch(&SCALE);
        tape.watch(&SHIFT);
    }
    let y = f(&x);
    let all = first.gradient(&y, &[&x, &*SCALE, &*SHIFT]);
    let again = second.gradient(&all[1], &[&x, &*SCALE]);
    all.iter().chain(&again).map(bits).collect()
}

/// A small tensor from outside is a constant of the graph; under a tape that watches it, it has its gradient all the same:
/// when the trace is made under the tape, and when it was made before. The bits are an eager run's.
#[test]
fn a_watched_constant_has_its_gradient() {
    let want = gradients(plain);
    assert_eq!(gradients(traced), want, "traced under the tape");
    assert_eq!(gradients(traced), want, "traced before");
    let x = tf::constant([0.1, 0.2]);
    outer(&x);
    assert_eq!(gradients(outer), want, "traced without a tape");
    tf::assert_traces!(traced, 1);
    assert_eq!(bits(&traced(&x)), bits(&plain(&x)), "without a tape it is a constant as before");
}

/// A tensor that depends on what is watched is as good.
#[test]
fn a_constant_that_depends_on_something_watched() {
    use std::cell::RefCell;
    thread_local! {
        static HELD: RefCell<Option<Tensor>> = const { RefCell::new(None) };
    }
    #[tf::function]
    fn f(x: &Tensor) -> Tensor {
        HELD.with_borrow(|held| x * held.as_ref().unwrap())
    }
    let w = tf::constant([3.0, 4.0]);
    let tape = GradientTape::new();
    tape.watch(&w);
    HELD.set(Some(w.square()));
    let y = f(&tf::constant([1.0, 10.0]));
    assert_eq!(tape.gradient(&y, &w).to_vec::<f32>().unwrap(), [6.0, 80.0]);
}

/// What is too large for a constant was an input already.
#[test]
fn a_large_tensor_from_outside_has_its_gradient() {
    static LARGE: LazyLock<Tensor> = LazyLock::new(|| tf::ones([1000]) * 3.0);
    #[tf::function]
    fn f(x: &Tensor) -> Tensor {
        (x * &*LARGE).square()
    }
    // Before the trace: made inside, it would be a symbol of it.
    LazyLock::force(&LARGE);
    let x = tf::ones([1000]);
    f(&x);
    let tape = GradientTape::new();
    tape.watch(&LARGE);
    let gradient = tape.gradient(&f(&x), &*LARGE).to_vec::<f32>().unwrap();
    assert!(gradient.iter().all(|g| *g == 6.0), "{:?}", &gradient[..3]);
}
