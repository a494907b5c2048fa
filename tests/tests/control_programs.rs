//! Whole programs with control flow over tensors, eagerly and as graphs.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use tenfold as tf;
use tenfold_tests::{alone, both};
use tf::Tensor;

/// Moves centres to the means of their points until none moves.
#[tf::function(points: [n, 2])]
fn k_means(points: &Tensor, centres: &Tensor) -> (Tensor, Tensor) {
    let mut centres = centres.clone();
    let mut turns = tf::constant(0);
    loop {
        let apart = points.expand_dims(1) - centres.expand_dims(0);
        let nearest = apart.square().reduce_sum(-1, false).argmin(1);
        let moved = points.unsorted_segment_mean(&nearest, 2);
        let still = (&moved - &centres).abs().max() < 1e-6;
        centres = moved;
        turns += 1;
        if still || turns >= 100 {
            break;
        }
    }
    (centres, turns)
}

/// The likeliest word, letter by letter, until an end or a letter too unlikely.
#[tf::function]
fn greedy(logits: &Tensor, end: i32, least: f32) -> (Tensor, Tensor) {
    let n = 8;
    let mut word = tf::TensorArray::new(tf::i32, n, tf::Shape::scalar());
    let mut state = tf::constant(0);
    let mut length = tf::constant(0);
    for i in 0..tf::constant(n as i32) {
        let row = logits.gather(&state, 0);
        let best = row.argmax(0).cast(tf::i32);
        if best == end || row.max() < f64::from(least) {
            break;
        }
        word = word.write(&i, &best);
        state = best;
        length += 1;
    }
    (word.stack(), length)
}

/// Turns until a number is 1, and the largest on the way.
#[tf::function]
fn collatz(n: &Tensor) -> (Tensor, Tensor) {
    let (mut n, mut turns, mut largest) = (n.clone(), tf::constant(0), n.clone());
    while n != 1 {
        n = if &n % 2 == 0 { &n / 2 } else { 3 * &n + 1 };
        largest = largest.maximum(&n);
        turns += 1;
    }
    (turns, largest)
}

/// The numbers of Fibonacci up to a limit.
#[tf::function]
fn fibonacci(limit: &Tensor) -> Tensor {
    let (mut a, mut b) = (tf::constant(1), tf::constant(1));
    let mut numbers = vec![];
    while &a <= limit {
        numbers.push(a.clone());
        (a, b) = (b.clone(), a + b);
    }
    tf::stack(&numbers, 0)
}

/// The largest eigenvalue of a symmetric matrix, until the vector stands still.
#[tf::function(a: [n, n])]
fn power_iteration(a: &Tensor, tolerance: f64) -> (Tensor, Tensor) {
    let mut v = a.reduce_sum(1, true);
    let mut turns = tf::constant(0);
    loop {
        let next = a.matmul(&v);
        let next = &next / next.square().sum().sqrt();
        turns += 1;
        let still = (&next - &v).abs().max() < tolerance;
        v = next;
        if still || turns >= 1000 {
            break;
        }
    }
    ((&v * a.matmul(&v)).sum(), turns)
}

/// The root of `x³ = c` by Newton's method.
#[tf::function]
fn cube_root(c: &Tensor, tolerance: f64) -> Tensor {
    let mut x = c.abs().maximum(1.0);
    while (&x * &x * &x - c).abs() > tolerance {
        x = &x - (&x * &x * &x - c) / (3.0 * &x * &x);
    }
    x
}

/// A cell over time, with a list of its states: the mean of the last state, and all of them.
#[tf::function(x: [time, batch, 2])]
fn cell_over_time(x: &Tensor, w: &tf::Variable, u: &tf::Variable) -> (Tensor, Tensor) {
    let mut h = x.gather(&tf::constant(0), 0).matmul(w.read()) * 0.0;
    let mut states = vec![];
    for row in x {
        h = (row.matmul(w.read()) + h.matmul(u.read())).tanh();
        states.push(h.clone());
    }
    (h.mean(), tf::stack(&states, 1))
}

fn eagerly_and_traced<R>(f: impl Fn() -> R, same: impl Fn(&R, &R)) -> R {
    let _alone = alone();
    tf::run_functions_eagerly(true);
    let eager = tf::catch(&f);
    tf::run_functions_eagerly(false);
    let (eager, traced) = (eager.unwrap(), f());
    same(&eager, &traced);
    traced
}

#[test]
fn turns_until_one() {
    let turns = |n: i32| {
        both(|| {
            let (turns, largest) = collatz(&tf::constant(n));
            vec![turns, largest]
        })
    };
    assert_eq!((turns(1), turns(6), turns(27)), (vec![0.0, 1.0], vec![8.0, 16.0], vec![111.0, 9232.0]));
    tf::assert_traces!(collatz, 1);
}

#[test]
fn numbers_of_fibonacci() {
    let upto = |limit: i32| both(|| vec![fibonacci(&tf::constant(limit))]);
    assert_eq!(upto(1), [1.0, 1.0]);
    assert_eq!(upto(50), [1.0, 1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 21.0, 34.0]);
}

#[test]
fn the_largest_eigenvalue() {
    // 2 and 1 beside -1: the largest eigenvalues are 2 + √2 and 3.
    let three = tf::constant([[2.0, -1.0, 0.0], [-1.0, 2.0, -1.0], [0.0, -1.0, 2.0]]);
    let two = tf::constant([[2.0, 1.0], [1.0, 2.0]]);
    for (a, expected) in [(three, 2.0 + 2f64.sqrt()), (two, 3.0)] {
        let values = both(|| {
            let (value, turns) = power_iteration(&a, 1e-4);
            vec![value, turns]
        });
        assert!((values[0] - expected).abs() < 1e-3 && values[1] < 100.0, "{values:?}");
    }
    tf::assert_traces!(power_iteration, 1);
}

#[test]
fn newton_with_a_tolerance() {
    for c in [27.0f32, 0.5, 1000.0] {
        let values = both(|| {
            let c = tf::constant(c);
            let tape = tf::GradientTape::new();
            tape.watch(&c);
            let x = cube_root(&c, 1e-4);
            vec![tape.gradient(&x, &c), x]
        });
        let root = f64::from(c).cbrt();
        assert!((values[1] - root).abs() < 1e-3, "{values:?}");
        // d ∛c / dc = 1 / (3 x²)
        assert!((values[0] * 3.0 * root * root - 1.0).abs() < 1e-2, "{values:?}");
    }
}

#[test]
fn a_cell_over_time() {
    let w = tf::Variable::new(tf::constant([[0.5, -0.25, 0.1], [0.3, 0.2, -0.4]]));
    let u = tf::Variable::new(tf::constant([[0.1, 0.2, 0.3], [-0.3, 0.1, 0.2], [0.2, -0.1, 0.4]]));
    for time in [1usize, 4, 7] {
        let values: Vec<f32> = (0..time * 5 * 2).map(|i| (i as f32 * 0.37).sin()).collect();
        let x = Tensor::from_vec(values, [time, 5, 2]).unwrap();
        let values = both(|| {
            let tape = tf::GradientTape::new();
            let (mean, states) = cell_over_time(&x, &w, &u);
            let [dw, du] = tape.gradient(&(mean + states.square().mean()), &[&w, &u]);
            vec![dw, du, states]
        });
        assert_eq!(values.len(), 6 + 9 + 5 * time * 3);
    }
    tf::assert_traces!(cell_over_time, 1);
}

#[test]
fn k_means_until_nothing_moves() {
    let start = tf::constant([[0.0, 0.0], [1.0, 1.0]]);
    for n in [20usize, 33] {
        let values: Vec<f32> = (0..2 * n)
            .map(|i| {
                let offset = if (i / 2) % 2 == 0 { -3.0 } else { 4.0 };
                offset + ((i * 37) % 11) as f32 / 11.0
            })
            .collect();
        let points = Tensor::from_vec(values, [n, 2]).unwrap();
        let (centres, turns) = eagerly_and_traced(
            || k_means(&points, &start),
            |a, b| {
                let bits =
                    |x: &Tensor| x.to_vec::<f32>().unwrap().iter().map(|v| v.to_bits()).collect::<Vec<_>>();
                assert_eq!(bits(&a.0), bits(&b.0));
                assert_eq!(a.1.item::<i32>().unwrap(), b.1.item::<i32>().unwrap());
            },
        );
        let centres = centres.to_vec::<f32>().unwrap();
        assert!(centres[..2].iter().all(|c| (-3.0..-2.0).contains(c)), "{centres:?}");
        assert!(centres[2..].iter().all(|c| (4.0..5.0).contains(c)), "{centres:?}");
        assert!((2..10).contains(&turns.item::<i32>().unwrap()));
    }
    tf::assert_traces!(k_means, 1);
}

#[test]
fn a_search_with_a_break() {
    let logits = tf::constant([
        [0.0, 3.0, 1.0, 0.0],
        [0.0, 0.0, 5.0, 1.0],
        [1.0, 0.0, 0.0, 2.0],
        [9.0, 0.0, 0.0, 0.0],
    ]);
    let words = |end, least| {
        let (word, length) = eagerly_and_traced(
            || greedy(&logits, end, least),
            |a, b| assert_eq!(a.0.to_vec::<i32>().unwrap(), b.0.to_vec::<i32>().unwrap()),
        );
        let n = length.item::<i32>().unwrap() as usize;
        word.to_vec::<i32>().unwrap()[..n].to_vec()
    };
    assert_eq!(words(3, 0.0), [1, 2]);
    assert_eq!(words(7, 0.0), [1, 2, 3, 0, 1, 2, 3, 0]);
    assert_eq!(words(7, 2.5), [1, 2]);
}
