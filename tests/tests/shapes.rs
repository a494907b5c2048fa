//! Values whose dtype or shape depends on the way taken: the errors, and shapes that are declared before a loop.

#![allow(clippy::unwrap_used, clippy::assign_op_pattern, reason = "a test may panic")]

use tenfold as tf;
use tenfold_tests::{alone, bits, both};
use tf::Tensor;

/// The text of the error that tracing ends with.
fn refused<R>(f: impl FnOnce() -> R) -> String {
    let _guard = alone();
    tf::catch(|| drop(f())).unwrap_err().to_string()
}

/// Where the first line with this code is in this file.
fn at(code: &str) -> String {
    let line = include_str!("shapes.rs").lines().position(|line| line.contains(code)).unwrap();
    format!("tests/tests/shapes.rs:{}", line + 1)
}

fn says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }
}

#[test]
fn results_of_branches_that_differ_say_so() {
    #[tf::function]
    fn assigned(x: &Tensor) -> Tensor {
        let mut y = tf::zeros([2]);
        if x > 0.0 {
            y = tf::ones([3]);
        }
        y
    }
    #[tf::function]
    fn value(x: &Tensor) -> Tensor {
        let y = if x > 0.0 { x.broadcast_to([2]) } else { x.broadcast_to([1, 2]) };
        y * 2.0
    }
    #[tf::function]
    fn returned(x: &Tensor) -> Tensor {
        if x > 0.0 {
            return x.cast(tf::i32);
        }
        x.clone()
    }
    #[tf::function]
    fn matched(x: &Tensor) -> Tensor {
        match x {
            0 => tf::zeros([2]),
            1 => tf::zeros([2, 1]),
            _ => tf::zeros([2]),
        }
    }
    let x = tf::constant(1.0);
    let text = refused(|| assigned(&x));
    says(&text, &[&format!("`y` is f32[3] where the condition holds (made at {})", at("y = tf::ones([3])"))]);
    says(
        &text,
        &["f32[2] where it does not", &format!("--> {}", at("if x > 0.0 {")), "broadcast_to", "tf::pad"],
    );
    let text = refused(|| value(&x));
    says(
        &text,
        &[
            "the value of the `if` is f32[2] where",
            &format!("--> {}", at("let y = if x > 0.0")),
            "f32[1, 2] where it does not",
        ],
    );
    let text = refused(|| returned(&x));
    says(&text, &["i32", "f32", "shapes.rs", ".cast(tf::i32)"]);
    let text = refused(|| matched(&tf::constant(0)));
    says(&text, &["f32[2, 1]", "f32[2]", "shapes.rs"]);
}

#[test]
fn carried_values_that_change_say_so() {
    #[tf::function]
    fn grows(n: &Tensor) -> Tensor {
        let mut x = tf::zeros([1, 4]);
        for _ in 0..n {
            x = tf::concat(&[x.clone(), tf::ones([1, 4])], 0);
        }
        x
    }
    #[tf::function]
    fn casts(n: &Tensor) -> Tensor {
        let mut x = tf::constant(1);
        let mut i = tf::constant(0);
        while &i < n {
            x = x.cast(tf::f32) * 2.0;
            i += 1;
        }
        x
    }
    #[tf::function]
    fn another_axis(n: &Tensor) -> Tensor {
        let mut x = tf::zeros([4]);
        let mut i = tf::constant(0);
        loop {
            x = x.expand_dims(0);
            i += 1;
            if &i >= n {
                break;
            }
        }
        x
    }
    let n = tf::constant(3);
    let text = refused(|| grows(&n));
    says(
        &text,
        &[
            "`x` is f32[1, 4] before the loop's body",
            &format!("f32[2, 4] after it (made at {})", at("x = tf::concat")),
            &format!("--> {}", at("for _ in 0..n {")),
        ],
    );
    says(&text, &["tf::stack", "tf::TensorArray", "#[tf::shape(x: [_, 4])]"]);
    let text = refused(|| casts(&n));
    says(
        &text,
        &[
            "`x` is i32",
            "f32",
            &format!("(made at {})", at("x = x.cast(tf::f32) * 2.0")),
            &format!("--> {}", at("while &i < n {")),
            "`x.cast(tf::i32)`",
        ],
    );
    let text = refused(|| another_axis(&n));
    says(&text, &["`x` is f32[4]", "f32[1, 4]", "number of axes"]);
}

/// A shape that is declared: eagerly, as a graph, with a named dimension, with a `break`, in an `if`, in another loop.
#[test]
fn declared_shapes_grow() {
    #[tf::function]
    fn grows(n: &Tensor) -> Tensor {
        let mut x = tf::zeros([0, 2]);
        #[tf::shape(x: [_, 2])]
        for i in 0..n {
            let row = i.cast(tf::f32).broadcast_to([1, 2]);
            x = tf::concat(&[x.clone() + 1.0, row], 0);
        }
        x * 2.0
    }
    #[tf::function]
    fn evens(xs: &Tensor) -> (Tensor, Tensor) {
        let mut found = tf::zeros_of(tf::i32, [0]);
        let mut i = tf::constant(0);
        #[tf::shape(found: [_])]
        while &i < xs.dim_value(0) {
            let x = xs.gather(&i, 0);
            i += 1;
            if &x % 2 != 0 {
                continue;
            }
            found = tf::concat(&[found, x.expand_dims(0)], 0);
            if found.sum() > 20 {
                break;
            }
        }
        (found.sum(), found)
    }
    #[tf::function(x: [batch])]
    fn doubled(x: &Tensor, n: &Tensor) -> Tensor {
        let mut y = x.clone();
        #[tf::shape(y: [_])]
        for _ in 0..n {
            let mut z = y.clone();
            #[tf::shape(z: [_])]
            for k in 0..tf::constant(2) {
                if k == 1 {
                    z = tf::concat(&[z.clone(), y.clone()], 0);
                }
            }
            y = z + 1.0;
        }
        y
    }
    for n in [0, 1, 4] {
        let values = both(|| vec![grows(&tf::constant(n))]);
        assert_eq!(values.len(), 2 * n as usize);
        let expected: Vec<f64> = (0..n)
            .flat_map(|i| [f64::from(2 * (n - 1)), 2.0 * f64::from(n - 1)].map(|v| v + 0.0 * f64::from(i)))
            .collect();
        assert_eq!(values, expected);
    }
    let list = |x: &[i32]| {
        both(|| {
            let (sum, found) = evens(&tf::constant(x));
            vec![sum, found]
        })
    };
    assert_eq!(list(&[1, 2, 3, 4, 5]), [6.0, 2.0, 4.0]);
    assert_eq!(list(&[1, 3, 5, 7, 9]), [0.0]);
    assert_eq!(list(&[20, 1, 2, 40, 6]), [22.0, 20.0, 2.0]);
    tf::assert_traces!(evens, 1);
    assert_eq!(both(|| vec![doubled(&tf::constant([1.0, 2.0]), &tf::constant(2))]).len(), 8);
    assert_eq!(both(|| vec![doubled(&tf::constant([1.0, 2.0, 5.0]), &tf::constant(1))]).len(), 6);
    tf::assert_traces!(doubled, 1);
}

/// What does not fit what was declared is an error with the same words eagerly and traced.
#[test]
fn declared_shapes_are_checked() {
    #[tf::function]
    fn wrong(n: &Tensor) -> Tensor {
        let mut x = tf::zeros([1, 3]);
        #[tf::shape(x: [_, 2])]
        for _ in 0..n {
            x = tf::concat(&[x.clone(), x], 0);
        }
        x
    }
    #[tf::function]
    fn grows_elsewhere(n: &Tensor) -> Tensor {
        let mut x = tf::zeros([1, 3]);
        #[tf::shape(x: [_, 3])]
        for _ in 0..n {
            x = tf::concat(&[x.clone(), x], 1);
        }
        x
    }
    let _guard = alone();
    let run = |f: &dyn Fn(&Tensor) -> Tensor, eagerly| {
        tf::run_functions_eagerly(eagerly);
        let text = tf::catch(|| f(&tf::constant(2))).unwrap_err().to_string();
        tf::run_functions_eagerly(false);
        text
    };
    for eagerly in [true, false] {
        says(&run(&|n| wrong(n), eagerly), &["`x` is f32[1, 3]", "[_, 2]", "shapes.rs"]);
    }
    says(&run(&|n| grows_elsewhere(n), true), &["`x` is f32[1, 6]", "[_, 3]", "shapes.rs"]);
    says(&run(&|n| grows_elsewhere(n), false), &["`x` is f32[1, 3]", "f32[?, 6] after it", "shapes.rs"]);
}

#[test]
fn gradients_through_declared_shapes() {
    #[tf::function]
    fn grows(x: &Tensor, n: &Tensor) -> Tensor {
        let mut y = x.expand_dims(0);
        let mut factor = tf::constant(1.0);
        #[tf::shape(y: [_, 2])]
        for _ in 0..n {
            factor = factor * 1.5;
            let last = y.slice(tf::s![-1..]);
            y = tf::concat(&[y.clone() * &factor, last * x], 0);
        }
        y.sum() * factor
    }
    let x = tf::constant([2.0, 3.0]);
    let gradient = |n: i32| {
        let tape = tf::GradientTape::new();
        tape.watch(&x);
        let y = grows(&x, &tf::constant(n));
        tape.gradient(&y, &x)
    };
    let second = |n: i32| {
        let outer = tf::GradientTape::new();
        outer.watch(&x);
        let inner = tf::GradientTape::new();
        inner.watch(&x);
        let y = grows(&x, &tf::constant(n));
        let first = inner.gradient(&y, &x).square().sum();
        outer.gradient(&first, &x)
    };
    for n in [0, 1, 3] {
        assert_eq!(both(|| vec![gradient(n)]).len(), 2);
    }
    for n in [1, 3] {
        assert_eq!(both(|| vec![second(n)]).len(), 2);
    }
    let _guard = alone();
    let g = gradient(1);
    // y = 1.5 x + x·x, times 1.5
    assert_eq!(bits(&g), bits(&tf::constant([1.5f32 * (1.5 + 4.0), 1.5 * (1.5 + 6.0)])));
}
