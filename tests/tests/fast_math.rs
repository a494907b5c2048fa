//! `fast_math`: each rewrite happens where it was asked for and nowhere else, and changes a result by some roundings at most.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use tenfold as tf;
use tf::Tensor;

fn x() -> Tensor {
    tf::constant([[0.5, 2.0, 1.25], [3.5, 0.125, 7.0]])
}

/// How often an op is in the text of a plan.
fn count(plan: &str, op: &str) -> usize {
    let names = plan.lines().filter_map(|line| line.split_once(": ")).map(|(_, names)| names);
    names.flat_map(|names| names.split(", ")).filter(|n| n.ends_with(&format!(" {op}"))).count()
}

/// A body with the attribute and without: `op` is there so often without and with, and the results are near each other.
macro_rules! rewritten {
    ($($name:ident($x:ident) $body:block $([$op:literal $without:literal $with:literal])+)+) => { $(
        #[test]
        fn $name() {
            #[tf::function]
            fn exact($x: &Tensor) -> Tensor $body
            #[tf::function(fast_math)]
            fn fast($x: &Tensor) -> Tensor $body
            let [found, wanted] = [fast(&x()), exact(&x())].map(|y| y.to_vec::<f32>().unwrap());
            for (found, wanted) in found.iter().zip(&wanted) {
                assert!((found - wanted).abs() <= 1e-6 * wanted.abs(), "{found} {wanted}");
            }
            let plans = [exact::concrete(&x()), fast::concrete(&x())].map(|c| c.unwrap().plan(&[x()]).unwrap());
            $(assert_eq!(
                [count(&plans[0], $op), count(&plans[1], $op)],
                [$without, $with],
                "{} in\n{}\nand\n{}", $op, plans[0], plans[1]
            );)+
        }
    )+ };
}

rewritten! {
    a_quotient_by_a_constant(x) { x / 3.0 } ["divide" 1 0] ["multiply" 0 1]
    a_quotient_of_a_multiple(x) { x * 2.0 / 3.0 / 0.7 } ["divide" 2 0] ["multiply" 1 1]
    a_quotient_by_a_row(x) { x / x.gather(&tf::constant([0]), 0) } ["divide" 1 0] ["reciprocal" 0 1]
    a_quotient_of_equals(x) { x / (x + 1.0) } ["divide" 1 1] ["reciprocal" 0 0]
    factors(x) { 0.3 * (x * 0.7) * 1.5 } ["multiply" 3 1]
    summands(x) { 1.0 + x + 0.25 - 0.75 } ["add" 2 1] ["subtract" 1 0]
    summands_that_cancel(x) { (x + 0.5 - 0.5).exp() } ["add" 1 0] ["subtract" 1 0]
    a_denormal_factor(x) { x / 2e38 / 2e38 } ["divide" 2 2] ["multiply" 0 0]
    a_factor_that_vanishes(x) { x * 1e-30 * 1e-30 } ["multiply" 2 2]
    nothing_added(x) { (x + 0.0).exp() } ["add" 1 0]
    the_first_power(x) { x.pow(1.0).exp() } ["pow" 1 0]
    squares(x) { x.pow(2.0) } ["pow" 1 0] ["square" 0 1]
    cubes(x) { x.pow(3.0) } ["pow" 1 0] ["square" 0 1] ["multiply" 0 1]
    fourth_powers(x) { x.pow(4.0) } ["pow" 1 0] ["square" 0 2]
    roots(x) { x.pow(0.5) } ["pow" 1 0] ["sqrt" 0 1]
    inverse_roots(x) { x.pow(-0.5) } ["pow" 1 0] ["rsqrt" 0 1]
    inverses(x) { x.pow(-1.0) } ["pow" 1 0] ["reciprocal" 0 1]
    other_powers(x) { x.pow(2.5) } ["pow" 1 1]
    logarithms(x) { x.exp().log() * 2.0 } ["log" 1 0] ["exp" 1 0]
    absolute_values(x) { (-x).square().sqrt() } ["sqrt" 1 0] ["abs" 0 1]
    inside_of_loops(x) {
        let mut y = x.clone();
        for _ in 0..tf::constant(3) {
            y /= 3.0;
        }
        y
    } ["divide" 1 0] ["multiply" 0 1]
    gradients(x) {
        let tape = tf::GradientTape::new();
        tape.watch(x);
        tape.gradient(&(x / 3.0).exp(), x)
    } ["divide" 2 0]
}

#[test]
fn quotients_of_half_floats_stay_where_reciprocals_are_denormal() {
    #[tf::function(fast_math)]
    fn by_row(x: &Tensor) -> Tensor {
        x / x.gather(&tf::constant([0]), 0)
    }
    #[tf::function(fast_math)]
    fn by_constant(x: &Tensor) -> Tensor {
        x / 60_000.0
    }
    let x = tf::constant([[60_000.0], [30_000.0]]).cast(tf::f16);
    assert_eq!(by_row(&x).cast(tf::f32).to_vec::<f32>().unwrap(), [1.0, 0.5]);
    assert_eq!(by_constant(&x).cast(tf::f32).to_vec::<f32>().unwrap(), [1.0, 0.5]);
}

#[test]
fn products_of_matrices_take_the_order_of_less_work() {
    #[tf::function(fast_math)]
    fn fast(a: &Tensor, b: &Tensor, c: &Tensor) -> Tensor {
        a.matmul(b).matmul(c)
    }
    #[tf::function(fast_math)]
    fn other(a: &Tensor, b: &Tensor, c: &Tensor) -> Tensor {
        a.matmul(b.matmul(c))
    }
    #[tf::function(fast_math)]
    fn wanted(a: &Tensor, b: &Tensor, c: &Tensor) -> [Tensor; 2] {
        let ab = a.matmul(b);
        [ab.matmul(c), ab]
    }
    let matrix = |m: usize, n: usize| tf::random::stateless_normal([m, n], [1, 2]);
    // Which of the two products is first, by the shape of its result.
    for (m, k, n, p, first) in [(20, 30, 40, 1, "f32[30, 1]"), (1, 30, 40, 20, "f32[1, 40]")] {
        let operands = [matrix(m, k), matrix(k, n), matrix(n, p)];
        let [a, b, c] = &operands;
        let eager = a.matmul(b).matmul(c);
        for (made, concrete) in
            [(fast(a, b, c), fast::concrete(a, b, c)), (other(a, b, c), other::concrete(a, b, c))]
        {
            assert!((&eager - &made).abs().max().item::<f32>().unwrap() < 1e-3);
            let plan = concrete.unwrap().plan(&operands).unwrap();
            assert!(plan.contains(&format!("{first} of step 0")), "{plan}");
        }
        // What is wanted itself is computed once.
        wanted(a, b, c);
        let plan = wanted::concrete(a, b, c).unwrap().plan(&operands).unwrap();
        assert!(plan.contains(&format!("f32[{m}, {n}] of step 0")), "{plan}");
    }
}
