//! What loops over tensors fill, and loops over integers of the host that become loops of the graph.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use tenfold as tf;
use tenfold_tests::{alone, both};
use tf::Tensor;

#[test]
fn lists_filled_in_a_loop() {
    #[tf::function(x: [n, 2])]
    fn sums(x: &Tensor) -> Vec<Tensor> {
        let mut sums = vec![];
        let mut twice: Vec<Tensor> = Vec::new();
        let mut sum = tf::zeros([2]);
        twice.push(sum.clone());
        for row in x {
            sum += &row;
            sums.push(sum.clone());
            if sum.sum() > 3.0 {
                twice.push(&row * 10.0);
            } else {
                twice.push(row);
            }
            twice.push(sum.clone());
        }
        vec![sum, tf::stack(&sums, 0), tf::stack(&twice, 1)]
    }
    for rows in [vec![[1.0, 2.0]], vec![[1.0, 0.5], [5.0, 1.0], [0.0, 4.0]]] {
        let x = tf::constant(&rows);
        let values = both(|| sums(&x));
        assert_eq!(values.len(), 2 + 2 * rows.len() + 2 * (1 + 2 * rows.len()));
        assert_eq!(values[2..4], [f64::from(rows[0][0]), f64::from(rows[0][1])]);
    }
    tf::assert_traces!(sums, 1);
}

#[test]
fn gradients_of_what_was_pushed() {
    #[tf::function]
    fn powers(x: &Tensor, n: &Tensor) -> Tensor {
        let mut all = vec![];
        let mut power = x.clone();
        let mut i = tf::constant(0);
        while &i < n {
            all.push(power.clone());
            power *= x;
            all.push(&power * 0.5);
            i += 1;
        }
        tf::stack(&all, 0)
    }
    let gradient = |n: i32| {
        both(|| {
            let x = tf::constant(1.5);
            let tape = tf::GradientTape::new();
            tape.watch(&x);
            let y = powers(&x, &tf::constant(n)).sum();
            vec![tape.gradient(&y, &x)]
        })
    };
    // x + x²/2, and then x² + x³/2 too.
    assert_eq!((gradient(1), gradient(2)), (vec![2.5], vec![2.5 + 3.0 + 3.375]));
}

#[test]
fn lists_of_an_inner_loop() {
    #[tf::function]
    fn table(n: &Tensor) -> Tensor {
        let mut lines = vec![];
        for i in 0..n {
            let mut line = vec![];
            for j in 0..n {
                line.push(&i * j);
            }
            lines.push(tf::stack(&line, 0).reduce_sum(0, false));
            #[tf::stage]
            for k in 0..2 {
                lines.push(&k + &i);
            }
        }
        tf::stack(&lines, 0)
    }
    assert_eq!(both(|| vec![table(&tf::constant(3))]), [0.0, 0.0, 1.0, 3.0, 1.0, 2.0, 6.0, 2.0, 3.0]);
}

#[test]
fn lists_that_a_turn_may_leave_unfilled_say_so() {
    #[tf::function]
    fn odd(n: &Tensor) -> Tensor {
        let mut odd = vec![];
        for i in 0..n {
            if &i % 2 == 0 {
                continue;
            }
            odd.push(i);
        }
        tf::stack(&odd, 0)
    }
    #[tf::function]
    fn counted(n: &Tensor) -> Tensor {
        let mut all = vec![];
        for i in 0..n {
            all.push(i);
        }
        all[0].clone()
    }
    let _guard = alone();
    for error in [tf::catch(|| odd(&tf::constant(3))), tf::catch(|| counted(&tf::constant(3)))] {
        let text = error.unwrap_err().to_string();
        assert!(
            text.contains("`odd` is built otherwise") || text.contains("`all` is built otherwise"),
            "{text}"
        );
        assert!(text.contains("TensorArray") && text.contains("collections.rs"), "{text}");
    }
}

#[test]
fn staged_ranges_are_loops_of_the_graph() {
    #[tf::function]
    fn staged(x: &Tensor, n: usize) -> Vec<Tensor> {
        let (mut y, mut digits) = (x.clone(), tf::constant(0));
        #[tf::stage]
        for i in 0..n {
            if &y > 50.0 {
                break;
            }
            y = &y * 2.0 + i.cast(tf::f32);
        }
        #[tf::stage]
        for i in (1..=7i32).step_by(3).rev() {
            digits = digits * 10 + i;
        }
        #[tf::stage]
        for i in 5..5 {
            digits = digits * 10 + i;
        }
        vec![y, digits]
    }
    assert_eq!(both(|| staged(&tf::constant(1.0), 3)), [12.0, 741.0]);
    assert_eq!(both(|| staged(&tf::constant(1.0), 100)), [58.0, 741.0]);
    // The body stands there once, however many turns there are.
    let nodes = |n: usize| staged::graph(&tf::constant(1.0), n).unwrap().nodes.len();
    assert_eq!(nodes(3), nodes(1000));
}
