//! What a loop takes and writes by the number of its turn is taken by rows and stacked: the bits are those of an eager run,
//! gradients too, and where it is not so plain nothing changes.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use tenfold as tf;
use tenfold_tests::{alone, both};
use tf::{Tensor, TensorArray};

/// Whether both agree; the graph's text.
macro_rules! agree {
    ($f:ident, $($x:expr),+) => {{
        both(|| $f($($x),+));
        $f::concrete($($x),+).unwrap().graph().to_string()
    }};
}

fn x() -> Tensor {
    tf::constant([[0.5, -2.0], [-1.5, 0.25], [3.0, -0.125], [0.0, -4.0]])
}

#[tf::function]
fn taken_and_written(x: &Tensor, w: &Tensor) -> Vec<Tensor> {
    let tape = tf::GradientTape::new();
    tape.watch(x);
    tape.watch(w);
    let y = x * 2.0;
    let mut h = tf::zeros([2]);
    let mut all = TensorArray::new(tf::f32, 4, [2]);
    for (i, row) in tf::rows(&y).enumerate() {
        // relu gives gradients of -0.
        h = (row * w + &h * 0.5).relu();
        all = all.write(&i, &(&h - 1.0));
    }
    let all = all.stack();
    let loss = (&all * &all * -1.0).sum() + h.sum() + y.square().sum();
    let [dx, dw] = tape.gradient(&loss, &[x.clone(), w.clone()]);
    vec![dx, dw, all, h]
}

#[test]
fn rows_taken_and_written_by_the_number_of_the_turn() {
    let text = agree!(taken_and_written, &x(), &tf::constant([0.75, -1.25]));
    // Forward: the counter and `h` are carried, the list is stacked.
    assert!(text.contains("carried: 2, rows: 1, trips: <4>, reverse: false"), "{text}");
    assert!(!text.contains("tensor_scatter_nd_update") && !text.contains("unsorted_segment_sum"), "{text}");
}

#[tf::function]
fn not_so_plain(x: &Tensor) -> Vec<Tensor> {
    let tape = tf::GradientTape::new();
    tape.watch(x);
    let mut h = tf::zeros([2]);
    // One list begins with something, one is read inside, one is written elsewhere than at the turn.
    let mut begun = TensorArray::unstack(&(x * 3.0));
    let mut read = TensorArray::new(tf::f32, 4, [2]);
    let mut elsewhere = TensorArray::new(tf::f32, 4, [2]);
    for i in 0..tf::constant(4) {
        h = x.gather(&i, 0) * x.gather(&i, 0) + &h + read.read(&i);
        begun = begun.write(&i, &h);
        read = read.write(&i, &h);
        elsewhere = elsewhere.write(3 - &i, &h);
    }
    let loss = (begun.stack() * elsewhere.stack()).sum() + read.stack().sum();
    vec![tape.gradient(&loss, x), begun.stack(), read.stack(), elsewhere.stack()]
}

#[test]
fn what_is_not_so_plain_stays_as_it_is() {
    let text = agree!(not_so_plain, &x());
    assert!(text.contains("tensor_scatter_nd_update"), "{text}");
}

#[tf::function]
fn shorter(x: &Tensor) -> Vec<Tensor> {
    let tape = tf::GradientTape::new();
    tape.watch(x);
    let mut sum = tf::zeros([2]);
    let mut all = TensorArray::new(tf::f32, 4, [2]);
    // Fewer turns than rows: the rest stays zeros, and has no gradient.
    for i in 0..tf::constant(3) {
        sum += x.gather(&i, 0);
        all = all.write(&i, &sum);
    }
    vec![tape.gradient(&all.stack().square(), x), all.stack()]
}

#[test]
fn fewer_turns_than_rows() {
    agree!(shorter, &x());
}

#[tf::function]
fn empty(x: &Tensor) -> Vec<Tensor> {
    let mut all = TensorArray::new(tf::f32, 0, [2]);
    let mut h = tf::ones([2]);
    for (i, row) in tf::rows(x).enumerate() {
        h = row * 2.0;
        all = all.write(&i, &h);
    }
    vec![all.stack(), h]
}

#[test]
fn without_a_row() {
    agree!(empty, &tf::zeros([0, 2]));
}

#[tf::function]
fn twice(x: &Tensor) -> Tensor {
    let outer = tf::GradientTape::new();
    outer.watch(x);
    let tape = tf::GradientTape::persistent();
    tape.watch(x);
    let mut h = tf::zeros([2]);
    let mut all = TensorArray::new(tf::f32, 4, [2]);
    for (i, row) in tf::rows(x).enumerate() {
        h = (row.tanh() * &h + row).sin();
        all = all.write(&i, &h);
    }
    let first = tape.gradient(&all.stack().square(), x);
    outer.gradient(&first.square(), x)
}

#[test]
fn second_derivatives_are_near() {
    let _alone = alone();
    tf::run_functions_eagerly(true);
    let eager = twice(&x()).to_vec::<f32>().unwrap();
    tf::run_functions_eagerly(false);
    let traced = twice(&x()).to_vec::<f32>().unwrap();
    for (a, b) in eager.iter().zip(&traced) {
        assert!((a - b).abs() <= 1e-5 * (1.0 + a.abs()), "{eager:?} {traced:?}");
    }
}

#[tf::function]
fn gated(x: &Tensor, w: &Tensor) -> Vec<Tensor> {
    let tape = tf::GradientTape::new();
    tape.watch(w);
    let mut h = tf::zeros([2, 3]);
    for row in tf::rows(x) {
        let gates = (row + h.matmul(w)).split(3, 1);
        h = gates[0].sigmoid() * gates[1].tanh() + gates[2].sigmoid() * &h;
    }
    vec![tape.gradient(&h.square().sum(), w)]
}

/// The gradient goes back through what the gates gave: neither they nor the product under them is computed a second time.
#[test]
fn gates_are_kept_in_place_of_products() {
    let x = tf::random::stateless_normal([5, 2, 9], [1, 2]);
    let w = tf::random::stateless_normal([3, 9], [3, 4]);
    agree!(gated, &x, &w);
    let plan = gated::concrete(&x, &w).unwrap().plan(&[x, w]).unwrap();
    let count = |text: &str, op: &str| text.matches(&format!(" {op}")).count();
    let (forward, back) = plan.rsplit_once("while:").unwrap();
    assert_eq!(
        [count(forward, "sigmoid"), count(forward, "tanh"), count(forward, "matmul")],
        [2, 1, 1],
        "{plan}"
    );
    assert_eq!([count(back, "sigmoid"), count(back, "tanh"), count(back, "matmul")], [0, 0, 2], "{plan}");
}

/// A loop over rows whose weights of the state have a gradient, which is a sum of products of the turns.
macro_rules! recurrent {
    ($name:ident, $dtype:expr) => {
        #[tf::function]
        fn $name(x: &Tensor, w: &Tensor) -> [Tensor; 2] {
            let tape = tf::GradientTape::new();
            tape.watch(x);
            tape.watch(w);
            let (turns, batch, units) = (x.shape()[0], x.shape()[1], x.shape()[2]);
            let mut h = tf::zeros_of($dtype, [batch, units]);
            let mut all = TensorArray::new($dtype, turns.size().unwrap(), [batch, units]);
            for (i, row) in tf::rows(x).enumerate() {
                h = (row + h.matmul(w)).tanh();
                all = all.write(&i, &h);
            }
            let loss = all.stack().square().sum();
            tape.gradient(&loss, &[x.clone(), w.clone()])
        }
    };
}
recurrent!(recurrent32, tf::f32);
recurrent!(recurrent64, tf::f64);

fn numbers(shape: [usize; 3]) -> Tensor {
    let n: usize = shape.iter().product();
    Tensor::from_vec((0..n).map(|i| (i * 37 % 101) as f32 * 0.01 - 0.5).collect::<Vec<_>>(), shape).unwrap()
}

#[test]
fn a_sum_of_products_is_computed_after_the_turns() {
    for (turns, batch, units) in [(5, 3, 4), (1, 2, 3), (7, 40, 70), (3, 512, 2), (3, 513, 2)] {
        let x = numbers([turns, batch, units]);
        let w = numbers([1, units, units]).reshape([units, units]);
        both(|| recurrent32(&x, &w).to_vec());
        let plan = recurrent32::concrete(&x, &w).unwrap().plan(&[x.clone(), w.clone()]).unwrap();
        // The product of a turn is one sum, or several.
        assert_eq!(plan.matches("after all turns").count(), usize::from(batch <= 512), "{plan}");
        let (x, w) = (x.cast(tf::f64), w.cast(tf::f64));
        both(|| recurrent64(&x, &w).to_vec());
    }
}

/// Multiplies by a turned matrix until the sum of squares is large enough.
#[tf::function]
fn grown(x: &Tensor, w: &Tensor, enough: &Tensor) -> Tensor {
    let mut h = x.clone();
    while h.cast(tf::f32).square().sum().less(enough) {
        h = h.matmul_with(w, false, true);
    }
    h
}

/// The same with a matrix that changes.
#[tf::function]
fn shrunk(x: &Tensor, w: &Tensor, turns: i64) -> Tensor {
    let (mut h, mut w) = (x.clone(), w.clone());
    for _ in 0..tf::constant(turns) {
        h = h.matmul_with(&w, false, true);
        w = &w * 0.5;
    }
    h
}

#[test]
fn matrices_that_every_turn_multiplies_by_are_packed_before_the_first() {
    const PACKED: &str = "packed before the first turn";
    let enough = tf::constant(1e3);
    for dtype in [tf::f16, tf::bf16, tf::f32, tf::f64] {
        for batch in [vec![], vec![3], vec![2, 3]] {
            let shape = |last: [usize; 2]| batch.iter().copied().chain(last).collect::<Vec<usize>>();
            let x = numbers([batch.iter().product(), 5, 20]);
            let x = x.reshape(shape([5, 20])).cast(dtype);
            // Packed anew at each call.
            for factor in [2.0, -3.0] {
                let w = (numbers([1, 20, 20]).reshape([20, 20]) * factor).cast(dtype);
                both(|| vec![grown(&x, &w, &enough)]);
                let plan =
                    grown::concrete(&x, &w, &enough).unwrap().plan(&[x.clone(), w, enough.clone()]).unwrap();
                assert_eq!(plan.matches(PACKED).count(), 1, "{plan}");
            }
            // No turn at all.
            let w = tf::zeros_of(dtype, [20, 20]);
            both(|| vec![grown(&x, &w, &tf::constant(0.0))]);
        }
    }
    // Of a gradient it is the matrix that the way back multiplies by; a few turns are too few.
    for (turns, packed) in [(3, 0), (4, 1)] {
        let (x, w) = (numbers([turns, 5, 20]), numbers([1, 20, 20]).reshape([20, 20]));
        both(|| recurrent32(&x, &w).to_vec());
        let plan = recurrent32::concrete(&x, &w).unwrap().plan(&[x, w]).unwrap();
        assert_eq!(plan.matches(PACKED).count(), packed, "{plan}");
    }
    let (x, w) = (numbers([1, 5, 20]).reshape([5, 20]), numbers([1, 20, 20]).reshape([20, 20]));
    both(|| vec![shrunk(&x, &w, 5)]);
    let plan = shrunk::concrete(&x, &w, 5).unwrap().plan(&[x, w]).unwrap();
    assert!(!plan.contains(PACKED), "{plan}");
}

/// A gated loop whose turns treat rows of the batch apart, with its gradients; `mixes` lets each row see the others.
macro_rules! batched {
    ($name:ident, $dtype:expr, $mixes:expr) => {
        #[tf::function]
        fn $name(x: &Tensor, w: &Tensor, mask: &Tensor, bias: &Tensor) -> Vec<Tensor> {
            let tape = tf::GradientTape::new();
            tape.watch(x);
            tape.watch(w);
            let (turns, batch, units) = (x.shape()[0], x.shape()[1], w.shape()[0]);
            let mut h = tf::zeros_of($dtype, [batch, units]);
            let mut all = TensorArray::new($dtype, turns.size().unwrap(), [batch, units]);
            for (i, row) in tf::rows(x).enumerate() {
                let gates = (row + h.matmul(w) + bias).split(2, 1);
                h = gates[0].tanh() * gates[1].sigmoid() + mask * &h * 0.5;
                if $mixes {
                    h = &h - h.reduce_mean(0, true);
                }
                all = all.write(&i, &h);
            }
            let all = all.stack();
            let gradients = tape.gradient(&all.square().sum(), &[x.clone(), w.clone()]);
            [all, h].into_iter().chain(gradients).collect()
        }
    };
}
batched!(batched32, tf::f32, false);
batched!(batched64, tf::f64, false);
batched!(mixed, tf::f32, true);

#[test]
fn turns_that_treat_rows_apart_are_shared_out_by_rows() {
    for (turns, batch, parts) in [(5, 32, Some(4)), (4, 40, Some(5)), (3, 15, None), (1, 48, Some(6))] {
        let units = 112;
        let x = numbers([turns, batch, 2 * units]);
        let w = numbers([1, units, 2 * units]).reshape([units, 2 * units]);
        let (mask, bias) = (numbers([1, batch, units]).reshape([batch, units]), numbers([1, 1, 2 * units]));
        let bias = bias.reshape([2 * units]);
        let plan = batched32::concrete(&x, &w, &mask, &bias).unwrap();
        let plan = plan.plan(&[x.clone(), w.clone(), mask.clone(), bias.clone()]).unwrap();
        match parts {
            Some(n) => {
                assert_eq!(plan.matches(&format!("shared out by rows: {n} parts")).count(), 2, "{plan}")
            }
            None => assert!(!plan.contains("shared out"), "{plan}"),
        }
        let plan = mixed::concrete(&x, &w, &mask, &bias).unwrap();
        let plan = plan.plan(&[x.clone(), w.clone(), mask.clone(), bias.clone()]).unwrap();
        assert!(!plan.contains("shared out"), "{plan}");
        for threads in [1, 2, 3] {
            tf::threads::insisting(threads, || {
                both(|| batched32(&x, &w, &mask, &bias));
                both(|| mixed(&x, &w, &mask, &bias));
                let [x, w, mask, bias] = [&x, &w, &mask, &bias].map(|x| x.cast(tf::f64));
                both(|| batched64(&x, &w, &mask, &bias));
            });
        }
    }
}
