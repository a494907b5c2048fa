//! Every construct of Rust over tensors: the same bits eagerly and as one graph. `docs/autograph.md` names these tests.

#![allow(
    clippy::unwrap_used,
    clippy::assign_op_pattern,
    reason = "a test may panic, and both ways to assign are to work"
)]

use tenfold as tf;
use tenfold_tests::{alone, both, scalars};
use tf::{Tensor, Variable};

#[test]
fn if_as_statement_and_as_value() {
    #[tf::function]
    fn f(x: &Tensor) -> Tensor {
        let mut y = x * 2.0;
        if x > 1.0 {
            y = y + 100.0;
        } else if x > 0.0 {
            y += 10.0;
        }
        let z = if x < 0.0 { -&y } else { y.clone() };
        z + y
    }
    assert_eq!(scalars(|x| f(x), &[2.0, 0.5, -1.0]), [208.0, 22.0, 0.0]);
    tf::assert_traces!(f, 1);
}

#[test]
fn a_variable_without_a_value_before() {
    #[tf::function]
    fn f(x: &Tensor) -> Tensor {
        let y;
        let z: Tensor;
        if x > 0.0 {
            y = x + 1.0;
            z = x.clone();
        } else {
            z = -x;
            y = x - 1.0;
        }
        y * z
    }
    assert_eq!(scalars(|x| f(x), &[2.0, -3.0]), [6.0, -12.0]);
}

#[test]
fn values_moved_in_branches() {
    fn consume(x: Tensor) -> Tensor {
        x + 1.0
    }
    #[tf::function]
    fn f(x: Tensor) -> Tensor {
        let extra = &x * 3.0;
        if x > 0.0 { consume(extra) } else { consume(extra) * x }
    }
    assert_eq!(scalars(|x| f(x.clone()), &[1.0, -1.0]), [4.0, 2.0]);
}

#[test]
fn places_tuples_and_structures() {
    #[derive(Clone, tf::Structure)]
    struct State {
        h: Tensor,
        parts: (Tensor, Vec<Tensor>),
    }
    #[tf::function]
    fn f(x: &Tensor) -> Vec<Tensor> {
        let mut s = State { h: x.clone(), parts: (x + 1.0, vec![x + 2.0, x + 3.0]) };
        let (mut a, mut b) = (x * 10.0, x * 20.0);
        if x > 0.0 {
            s.h = &s.h * 2.0;
            s.parts.1[1] = x - 7.0;
            (a, b) = (b, a);
        } else {
            s.parts.0 += 5.0;
        }
        let mut i = tf::constant(0);
        while i < 3 {
            s.h = &s.h + &s.parts.0;
            i += 1;
        }
        vec![s.h, s.parts.0, s.parts.1[0].clone(), s.parts.1[1].clone(), a, b]
    }
    let f = |v: f32| both(|| f(&tf::constant(v)));
    assert_eq!(f(1.0), [8.0, 2.0, 3.0, -6.0, 20.0, 10.0]);
    assert_eq!(f(-1.0), [14.0, 5.0, 1.0, 2.0, -10.0, -20.0]);
}

#[test]
fn early_return_at_any_depth() {
    #[tf::function]
    fn f(x: &Tensor) -> Tensor {
        if x > 10.0 {
            if x > 100.0 {
                return x * 0.0;
            }
            let y = x + 1.0;
            if y > 50.0 {
                return y;
            }
        }
        if x < 0.0 {
            return -x;
        }
        x * 2.0
    }
    assert_eq!(scalars(|x| f(x), &[200.0, 60.0, 20.0, -3.0, 4.0]), [0.0, 61.0, 40.0, 3.0, 8.0]);
}

#[test]
fn while_break_continue_and_return() {
    #[tf::function]
    fn f(n: &Tensor, limit: &Tensor) -> Tensor {
        let mut i = tf::constant(0);
        let mut sum = tf::constant(0);
        while &i < n {
            i += 1;
            if &i % 3 == 0 {
                continue;
            }
            sum += &i;
            if &sum > limit {
                break;
            }
            if sum == 12 {
                return sum * 1000;
            }
        }
        sum * 10 + i
    }
    let f = |n: i32, limit: i32| both(|| vec![f(&tf::constant(n), &tf::constant(limit))]);
    // 1, 3, 7, 12, 19, ..
    assert_eq!(f(0, 100), [0.0]);
    assert_eq!(f(3, 100), [33.0]);
    assert_eq!(f(5, 100), [12000.0]);
    assert_eq!(f(5, 6), [74.0]);
}

#[test]
fn loop_with_a_value_and_without() {
    #[tf::function]
    fn f(x: &Tensor) -> (Tensor, Tensor) {
        let mut x = x.clone();
        let mut turns = tf::constant(0);
        let big = loop {
            x = x * 2.0;
            turns += 1;
            if x > 50.0 {
                break &x + 0.5;
            }
        };
        loop {
            if turns > 10 {
                break;
            }
            turns += 2;
        }
        (big, turns)
    }
    let f = |v: f32| {
        both(|| {
            let (a, b) = f(&tf::constant(v));
            vec![a, b]
        })
    };
    assert_eq!(f(1.0), [64.5, 12.0]);
    assert_eq!(f(40.0), [80.5, 11.0]);
}

#[test]
fn loop_that_only_returns() {
    #[tf::function]
    fn f(x: &Tensor) -> Tensor {
        let mut x = x.clone();
        loop {
            x = x * 2.0;
            if x > 50.0 {
                return x;
            }
        }
    }
    assert_eq!(scalars(|x| f(x), &[1.0, 100.0]), [64.0, 200.0]);
}

#[test]
fn bisection_returns_out_of_a_loop() {
    #[tf::function]
    fn root(c: &Tensor) -> Tensor {
        let (mut low, mut high) = (c * 0.0, c + 1.0);
        for _ in 0..tf::constant(60) {
            let middle = (&low + &high) * 0.5;
            if (&middle * &middle - c).abs() < 1e-3 {
                return middle;
            }
            if &middle * &middle > c { high = middle } else { low = middle }
        }
        low
    }
    let roots = scalars(|x| root(x), &[2.0, 9.0]);
    assert!((roots[0] - 2f64.sqrt()).abs() < 1e-3 && (roots[1] - 3.0).abs() < 1e-3, "{roots:?}");
}

#[test]
fn labelled_loops() {
    #[tf::function]
    fn f(n: &Tensor) -> Tensor {
        let mut count = tf::constant(0);
        'rows: for i in 0..n {
            for j in 0..n {
                if &j > &i {
                    continue 'rows;
                }
                if &i * &j == 12 {
                    break 'rows;
                }
                count += 1;
            }
        }
        count
    }
    let f = |n: i32| both(|| vec![f(&tf::constant(n))]);
    assert_eq!(f(3), [6.0]);
    // Row 4 is left at column 3.
    assert_eq!(f(10), [13.0]);
}

#[test]
fn ranges_of_tensors() {
    #[tf::function]
    fn f(a: &Tensor, b: &Tensor) -> Vec<Tensor> {
        let mut digits = vec![tf::constant(0), tf::constant(0), tf::constant(0), tf::constant(0)];
        for i in a..b {
            digits[0] = &digits[0] * 10 + i;
        }
        for i in (0..b).step_by(2) {
            digits[1] = &digits[1] * 10 + i;
        }
        for i in (0..b).rev() {
            digits[2] = &digits[2] * 10 + i;
        }
        for i in 1..=b {
            digits[3] = &digits[3] * 10 + i;
        }
        digits
    }
    impl_start();
    let f = |a: i32, b: i32| both(|| f(&tf::constant(a), &tf::constant(b)));
    assert_eq!(f(2, 5), [234.0, 24.0, 43210.0, 12345.0]);
    assert_eq!(f(3, 1), [0.0, 0.0, 0.0, 1.0]);
}

/// Ranges of the host stay what they are.
fn impl_start() {
    #[tf::function]
    fn g(x: &Tensor) -> Tensor {
        let mut y = x.clone();
        let names = ["a", "bb"];
        for (i, name) in names.iter().enumerate() {
            y = y + (i * name.len()) as f64;
        }
        for i in (0..6usize).step_by(2).rev() {
            y = y * 2.0 + i as f64;
        }
        y
    }
    assert_eq!(both(|| vec![g(&tf::constant(1.0))]), [((3.0 * 2.0 + 4.0) * 2.0 + 2.0) * 2.0]);
}

#[test]
fn rows_zipped_and_numbered() {
    #[tf::function]
    fn f(x: &Tensor, y: &Tensor) -> Tensor {
        let mut sum = tf::zeros([2]);
        for row in x {
            sum = sum + row;
        }
        for (i, (a, b)) in tf::rows(x).zip(y).enumerate() {
            sum += a * b * i.cast(tf::f32);
        }
        for row in tf::rows(x).rev() {
            sum = sum * 0.5 + row;
        }
        sum
    }
    let x = tf::constant([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]);
    let y = tf::constant([[1.0, 1.0], [2.0, 2.0]]);
    assert_eq!(both(|| vec![f(&x, &y)]).len(), 2);
}

#[test]
fn a_loop_over_a_named_dimension() {
    #[tf::function(x: [n, 2])]
    fn f(x: &Tensor) -> Tensor {
        let mut best = tf::zeros([2]);
        for row in x {
            if row.sum() > best.sum() {
                best = row;
            }
        }
        best
    }
    for rows in [vec![[1.0, 2.0]], vec![[1.0, 2.0], [5.0, 1.0], [0.0, 4.0]]] {
        let x = tf::constant(&rows);
        both(|| vec![f(&x)]);
    }
    tf::assert_traces!(f, 1);
}

#[test]
fn conditions_are_lazy() {
    #[tf::function]
    fn f(n: &Tensor, d: &Tensor) -> Tensor {
        // Integer division by zero is an error: the second half must not be asked.
        if d != 0 && n / d > 2 {
            return tf::constant(1);
        }
        if d == 0 || n / d == 1 { tf::constant(2) } else { tf::constant(3) }
    }
    let f = |n: i32, d: i32| both(|| vec![f(&tf::constant(n), &tf::constant(d))]);
    assert_eq!((f(9, 3), f(9, 0), f(3, 3), f(4, 2)), (vec![1.0], vec![2.0], vec![2.0], vec![3.0]));
}

#[test]
fn comparisons_of_the_host_keep_their_meaning() {
    #[derive(PartialEq, PartialOrd, Clone, Copy)]
    enum Kind {
        Small,
        Large,
    }
    #[tf::function]
    fn f(x: &Tensor, name: &str, on: bool, n: Option<usize>) -> Tensor {
        let owned = name.to_string();
        let kind = if owned == "large" && on { Kind::Large } else { Kind::Small };
        let mut count = 0;
        while count < 3 && n != None {
            count += 1;
        }
        if kind == Kind::Large || n > Some(5) {
            return x * count as f64;
        }
        if let Some(n) = n
            && n >= 2
        {
            return x + n as f64;
        }
        match name {
            "a" => x * 7.0,
            _ if !on => x.clone(),
            _ => -x,
        }
    }
    let x = tf::constant(2.0);
    let f = |name: &str, on, n| both(|| vec![f(&x, name, on, n)])[0];
    assert_eq!(
        (
            f("large", true, Some(1)),
            f("b", false, Some(2)),
            f("a", true, None),
            f("b", false, None),
            f("b", true, None)
        ),
        (6.0, 4.0, 14.0, 2.0, -2.0)
    );
}

#[test]
fn match_over_integers() {
    #[tf::function]
    fn f(k: &Tensor, x: &Tensor) -> Tensor {
        let mut y = x.clone();
        match k {
            -1 => y = -y,
            0 | 1 => {}
            2 => {
                if x > 5.0 {
                    return y * 0.0;
                }
                y = y + 1.0;
            }
            _ => y = y * 100.0,
        }
        y + match k {
            3 => 0.5 * x,
            _ => x.clone(),
        }
    }
    let f = |k: i32, x: f32| both(|| vec![f(&tf::constant(k), &tf::constant(x))])[0];
    assert_eq!((f(-1, 2.0), f(1, 2.0), f(2, 2.0), f(2, 6.0), f(3, 2.0)), (0.0, 4.0, 5.0, 0.0, 201.0));
}

#[test]
fn variables_and_effects_inside() {
    #[tf::function]
    fn f(v: &Variable, n: &Tensor) -> Tensor {
        let mut i = tf::constant(0);
        while &i < n {
            if &i % 2 == 0 {
                v.assign_add(1.0);
            } else {
                v.assign(v.read() * 2.0);
            }
            assert!(v.read() < 1000.0, "too much");
            i += 1;
        }
        v.read() + 0.5
    }
    let _guard = alone();
    let mut seen = vec![];
    for eagerly in [true, false] {
        tf::run_functions_eagerly(eagerly);
        let v = Variable::new(1.0);
        let y = tf::catch(|| f(&v, &tf::constant(5)));
        let error = tf::catch(|| f(&v, &tf::constant(100)));
        tf::run_functions_eagerly(false);
        assert!(error.unwrap_err().to_string().contains("too much"));
        seen.push((y.unwrap().item::<f32>().unwrap(), v.read().item::<f32>().unwrap()));
    }
    assert_eq!(seen[0].0, 11.5);
    assert_eq!(seen[0], seen[1]);
}

#[test]
fn random_numbers_inside_a_loop() {
    #[tf::function]
    fn f(g: &tf::random::Generator, n: &Tensor) -> Tensor {
        let mut sum = tf::zeros([3]);
        for i in 0..n {
            if i == 1 {
                continue;
            }
            sum = sum + g.normal([3]);
        }
        sum
    }
    let run = || {
        let g = tf::random::Generator::from_seed(7);
        vec![f(&g, &tf::constant(4)), f(&g, &tf::constant(2))]
    };
    both(run);
}

#[test]
fn functions_inside_functions() {
    #[tf::function]
    fn clipped(x: &Tensor) -> Tensor {
        if x > 10.0 {
            return x * 0.0 + 10.0;
        }
        x.clone()
    }
    #[tf::function(inline = false)]
    fn apart(x: &Tensor) -> Tensor {
        if x > 3.0 { x - 3.0 } else { x.clone() }
    }
    #[tf::function]
    fn f(x: &Tensor) -> Tensor {
        let mut y = clipped(x) + 1.0;
        let mut i = tf::constant(0);
        while i < 3 {
            y = clipped(&(y * 2.0));
            if y == 10.0 {
                y = apart(&y);
            }
            i += 1;
        }
        y
    }
    scalars(|x| f(x), &[0.0, 1.0, 7.0, 30.0]);
}

#[test]
fn a_tape_inside_with_branches() {
    #[tf::function]
    fn f(v: &Variable, x: &Tensor) -> Tensor {
        let tape = tf::GradientTape::new();
        let loss = (v.read() * x).square();
        if loss > 100.0 {
            return loss * 0.0;
        }
        let g = tape.gradient(&loss, v);
        if g > 0.0 {
            v.assign_sub(&g * 0.1);
        }
        g
    }
    let run = |x: f32| {
        both(|| {
            let v = Variable::new(2.0);
            let g = f(&v, &tf::constant(x));
            vec![g, v.read()]
        })
    };
    assert_eq!(run(1.0), [4.0, 2.0 - f64::from(4.0f32 * 0.1)].map(|v| f64::from(v as f32)));
    assert_eq!(run(10.0), [0.0, 2.0]);
}

#[test]
fn question_marks_leave_the_trace() {
    #[tf::function]
    fn f(x: &Tensor, text: &str) -> tf::Result<Tensor> {
        let mut y = x.clone();
        if x > 0.0 {
            let k: f64 = text.parse().map_err(|_| tf::Error::invalid("f", format!("no number: {text}")))?;
            y = y * k;
        }
        Ok(y)
    }
    assert_eq!(both(|| vec![f(&tf::constant(2.0), "1.5").unwrap()]), [3.0]);
    let error = f(&tf::constant(2.0), "many").unwrap_err();
    assert!(error.to_string().contains("no number: many"), "{error}");
}

#[test]
fn loops_of_the_host_with_a_tensor_break() {
    #[tf::function]
    fn f(x: &Tensor) -> Tensor {
        let mut x = x.clone();
        for k in 0..5 {
            if x > 20.0 {
                break;
            }
            if x == 3.0 {
                continue;
            }
            x = x * 2.0 + k as f64;
        }
        x + 0.25
    }
    assert_eq!(scalars(|x| f(x), &[1.0, 3.0, 30.0]), [27.25, 3.25, 30.25]);
}

#[test]
fn what_changes_shape_or_dtype_says_so() {
    #[tf::function]
    fn grows(n: &Tensor) -> Tensor {
        let mut x = tf::zeros([1]);
        for _ in 0..n {
            x = tf::concat(&[x.clone(), x], 0);
        }
        x
    }
    #[tf::function]
    fn differs(x: &Tensor) -> Tensor {
        let mut y = x.clone();
        if x > 0.0 {
            y = y.cast(tf::f64);
        }
        y
    }
    let _guard = alone();
    let text = tf::catch(|| grows(&tf::constant(3))).unwrap_err().to_string();
    assert!(text.contains("`x`") && text.contains("f32[1]") && text.contains("f32[2]"), "{text}");
    assert!(text.contains("constructs.rs"), "{text}");
    let text = tf::catch(|| differs(&tf::constant(3.0))).unwrap_err().to_string();
    assert!(text.contains("`y`") && text.contains("f64") && text.contains("f32"), "{text}");
    let text = tf::catch(|| {
        #[tf::function]
        fn vector(x: &Tensor) -> Tensor {
            if x > 0.0 { x.clone() } else { -x }
        }
        vector(&tf::constant([1.0, 2.0]))
    })
    .unwrap_err()
    .to_string();
    assert!(text.contains("bool scalar") && text.contains("bool[2]"), "{text}");
}

/// `ForwardAccumulator` of TensorFlow: a tangent goes through branches and loops with the body's values.
#[test]
fn forward_mode_through_branches_and_loops() {
    #[tf::function]
    fn f(x: &Tensor, n: &Tensor) -> Tensor {
        let mut y = x.clone();
        let mut i = tf::constant(0);
        while &i < n {
            if y.sum() > 10.0 {
                y = y * 0.5;
            } else {
                y = &y * x;
            }
            i += 1;
            if y.sum() > 1000.0 {
                break;
            }
        }
        for row in x {
            y = y + &row * &row;
        }
        if n > 2 { y.sum() } else { y.exp().sum() }
    }
    let (x, t) = (tf::constant([1.5, 2.0, 3.0]), tf::constant([1.0, -0.5, 0.25]));
    for n in [0, 1, 2, 4] {
        let n = tf::constant(n);
        let made = both(|| {
            let (y, dy) = tf::jvp(|x| f(&x[0], &n), &[&x], &[&t]);
            vec![y, dy]
        });
        let tape = tf::GradientTape::new();
        tape.watch(&x);
        let y = f(&x, &n);
        let backwards = (tape.gradient(&y, &x) * &t).sum().item::<f32>().unwrap();
        assert!((made[1] - f64::from(backwards)).abs() <= 1e-5 * made[1].abs(), "{made:?} and {backwards}");
    }
}

/// Functional forms, gradients and functions traced apart in a body that is run several times.
#[test]
fn beside_functional_forms_and_gradients() {
    #[tf::function(inline = false)]
    fn half(x: &Tensor) -> Tensor {
        if x > 0.0 { x * 0.5 } else { x.clone() }
    }
    #[tf::function]
    fn clipped(x: &Tensor) -> Tensor {
        if x > 3.0 {
            return x * 0.0 + 3.0;
        }
        x.clone()
    }
    #[tf::function]
    fn f(x: &Tensor) -> Vec<Tensor> {
        let tape = tf::GradientTape::new();
        tape.watch(x);
        let y = tf::cond(&x.greater(1.0), || clipped(&(x * 2.0)) * x, || x * 3.0);
        let mut z = half(&y);
        if z > 1.0 {
            z = z * 2.0;
        }
        let sums =
            tf::scan(|sum: Tensor, v: Tensor| sum + clipped(&v), &tf::constant([1.0, 5.0, 2.0]), z.clone());
        let g = tape.gradient(&sums.sum(), x);
        if g > 10.0 {
            return vec![g, z, sums];
        }
        vec![-g, z, sums]
    }
    for v in [0.5f32, 1.25, 2.0] {
        both(|| f(&tf::constant(v)));
    }
}
