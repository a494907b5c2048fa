//! Control flow over tensors through the facade: eager runs and graphs agree to the bit, gradients too, on the GPU as well.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::{Arc, Mutex, MutexGuard};
use tenfold as tf;
use tenfold_tests::gpu;
use tf::{DType, Tensor, Variable};

/// Eager running is a switch for the whole program: one test at a time may turn it.
static SWITCH: Mutex<()> = Mutex::new(());

fn switch() -> MutexGuard<'static, ()> {
    SWITCH.lock().unwrap_or_else(|p| p.into_inner())
}

fn bits(x: &Tensor) -> (tf::Meta, Vec<u8>) {
    (x.meta().clone(), x.storage().unwrap().bytes().to_vec())
}

/// What `f` gives eagerly and then twice as a graph: all must be the same bits.
fn agree(f: impl Fn() -> Vec<Tensor>) -> Vec<Tensor> {
    let _guard = switch();
    tf::run_functions_eagerly(true);
    let eager = f();
    tf::run_functions_eagerly(false);
    for _ in 0..2 {
        let traced = f();
        let (a, b): (Vec<_>, Vec<_>) = (eager.iter().map(bits).collect(), traced.iter().map(bits).collect());
        assert_eq!(a, b, "{eager:?} {traced:?}");
    }
    eager
}

#[tf::function]
fn collatz(n: &Tensor) -> Tensor {
    let (_, steps) = tf::while_loop(
        |s| s.0.greater(1),
        |(n, steps)| {
            let odd = n.floormod(2).equal(1);
            (tf::cond(&odd, || &n * 3 + 1, || n.floordiv(2)), steps + 1)
        },
        (n.clone(), tf::constant(0)),
    );
    steps
}

/// The steps that Collatz' numbers take are known: 27 takes 111.
#[test]
fn one_graph_for_every_number_of_turns() {
    for (n, steps) in [(1, 0), (2, 1), (27, 111), (97, 118)] {
        let y = agree(|| vec![collatz(&tf::constant(n))]);
        assert_eq!(y[0].item::<i32>().unwrap(), steps);
    }
    tf::assert_traces!(collatz, 1);
}

/// Newton's method for a square root, until it is as near as f32 gets or 20 turns are over.
#[tf::function]
fn root(a: &Tensor) -> Tensor {
    let step = |(x, _): (Tensor, Tensor)| {
        let next = (&x + a / &x) * 0.5;
        let moved = (&next - &x).abs().max();
        (next, moved)
    };
    let (x, _) =
        tf::while_loop_at_most(|s| s.1.greater(1e-7), step, (tf::ones_like(a), tf::constant(1.0)), 20);
    x
}

#[test]
fn a_gradient_goes_through_as_many_turns_as_there_were() {
    for a in [[4.0, 9.0], [2.0, 0.25]] {
        let a = tf::constant(a);
        let results = agree(|| {
            let outer = tf::GradientTape::persistent();
            outer.watch(&a);
            let inner = tf::GradientTape::new();
            inner.watch(&a);
            let x = root(&a);
            let dx = inner.gradient(&x, &a);
            let d2x = outer.gradient(&dx, &a);
            vec![x, dx, d2x]
        });
        let [x, dx, d2x] = [0, 1, 2].map(|i| results[i].to_vec::<f32>().unwrap());
        for (i, a) in a.to_vec::<f32>().unwrap().into_iter().enumerate() {
            assert!((x[i] - a.sqrt()).abs() < 1e-5);
            assert!((dx[i] - 0.5 / a.sqrt()).abs() < 1e-4, "{dx:?}");
            assert!((d2x[i] + 0.25 / a.powf(1.5)).abs() < 1e-2 * (0.25 / a.powf(1.5)), "{d2x:?}");
        }
    }
}

/// A cell over the rows of a batch: weights are variables, the number of rows is open.
#[tf::function(signature = [xs: [time, 3]])]
fn cell(w: &Variable, u: &Variable, xs: &Tensor, h: &Tensor) -> Tensor {
    tf::foldl(
        |h: Tensor, x: Tensor| (x.expand_dims(0).matmul(w.read()).reshape([2]) + &h * u).tanh(),
        xs,
        h.clone(),
    )
}

#[test]
fn a_cell_over_time_with_a_named_dimension() {
    let w = Variable::new(tf::constant([[0.5, -0.25], [0.125, 0.75], [-0.5, 1.0]]));
    let u = Variable::new(tf::constant([0.5, -0.5]));
    let h = tf::constant([0.1, -0.2]);
    for n in [0usize, 1, 5] {
        let xs = Tensor::from_vec((0..n * 3).map(|i| (i as f32 * 0.7).sin()).collect(), [n, 3]).unwrap();
        agree(|| {
            let tape = tf::GradientTape::persistent();
            tape.watch(&xs);
            tape.watch(&h);
            let y = cell(&w, &u, &xs, &h).sum();
            let zeros = tf::GradientOptions::new().unconnected(tf::Unconnected::Zero);
            let mut all = tape.gradient_with(&y, &[&w, &u], &zeros).unwrap().to_vec();
            all.extend(tape.gradient_with(&y, &[&xs, &h], &zeros).unwrap());
            all.push(y);
            // What no turn used has no gradient eagerly, and one of -0 as a graph, which cannot know.
            if n == 0 { all.iter().map(|g| g + 0.0).collect() } else { all }
        });
    }
    tf::assert_traces!(cell, 1);
}

#[tf::function]
fn talk(v: &Variable, n: &Tensor) -> Tensor {
    tf::while_loop(
        |i| i.less(n),
        |i| {
            tf::cond(
                &i.equal(1),
                || {
                    tf::print!("one {}", v.read());
                    v.assign_add(10.0);
                },
                || tf::print!("turn {}", i),
            );
            tf::assert!(v.read().less(15.0), "v is {}", v.read());
            i + 1
        },
        tf::constant(0),
    )
}

#[test]
fn effects_happen_in_the_turns_that_run_and_a_failed_check_ends_the_loop() {
    let _guard = switch();
    let lines = Arc::new(Mutex::new(Vec::new()));
    let kept = lines.clone();
    tf::set_print_handler(move |line| kept.lock().unwrap().push(line.to_string()));
    let mut seen = vec![];
    for eagerly in [true, false] {
        tf::run_functions_eagerly(eagerly);
        let v = Variable::new(1.0);
        let i = talk(&v, &tf::constant(3));
        let v2 = Variable::new(9.0);
        let error = tf::catch(|| talk(&v2, &tf::constant(3))).unwrap_err();
        assert!(error.message().contains("v is 19.0"), "{error}");
        assert!(error.place().unwrap().file.ends_with("control.rs"), "{error}");
        let values = [v.read(), v2.read()].map(|v| v.item::<f32>().unwrap());
        seen.push((std::mem::take(&mut *lines.lock().unwrap()), i.item::<i32>().unwrap(), values));
    }
    tf::run_functions_eagerly(false);
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0].0, ["turn 0", "one 1.0", "turn 2", "turn 0", "one 9.0"]);
    assert_eq!(seen[0].2, [11.0, 19.0]);
}

/// A power of a matrix by squaring, and rows that are mapped: run on the device, close to what the CPU gives.
#[tf::function]
fn mixed(x: &Tensor, n: &Tensor) -> (Tensor, Tensor, Tensor) {
    let (power, ..) = tf::while_loop(
        |s| s.2.greater(0),
        |(power, base, n)| {
            let odd = n.floormod(2).equal(1);
            let power = tf::cond(&odd, || power.matmul(&base), || power.clone());
            (power, base.matmul(&base), n.floordiv(2))
        },
        (tf::eye(2), x.clone(), n.clone()),
    );
    let (sums, rows) = tf::map_fn(|r: Tensor| (r.sum(), &r * 2.0), x);
    (power, sums, rows)
}

#[test]
fn on_the_gpu() {
    let Some(device) = gpu() else { return };
    let _guard = switch();
    let x = tf::constant([[0.5, 0.25], [-0.125, 1.0]]);
    let run = |x: &Tensor, n: i32| {
        let n = tf::constant(n).to(x.device()).unwrap();
        let tape = tf::GradientTape::new();
        tape.watch(x);
        let (power, sums, rows) = mixed(x, &n);
        let y = power.sum() + (sums * 3.0).sum() + rows.square().sum();
        let dx = tape.gradient(&y, x);
        [power, dx].map(|t| t.to(tf::Device::cpu()).unwrap().to_vec::<f32>().unwrap())
    };
    // More rows than a kernel has bindings.
    #[tf::function]
    fn many(x: &Tensor) -> Tensor {
        tf::scan(|s: Tensor, r: Tensor| s * 0.5 + r, x, tf::zeros([3]))
    }
    let rows = Tensor::from_vec((0..120).map(|i| i as f32).collect(), [40, 3]).unwrap();
    let there = many(&rows.to(device).unwrap()).to(tf::Device::cpu()).unwrap();
    assert_eq!(bits(&many(&rows)), bits(&there));
    assert_eq!(many(&tf::zeros([0, 3]).to(device).unwrap()).shape().to_vec(), [0, 3]);
    for n in [0, 1, 5] {
        let (here, there) = (run(&x, n), run(&x.to(device).unwrap(), n));
        for (a, b) in here.iter().flatten().zip(there.iter().flatten()) {
            assert!((a - b).abs() <= 1e-5 * a.abs().max(1.0), "{here:?} {there:?}");
        }
    }
}

/// A loop that reads and writes a variable and draws random numbers, with a gradient through both.
#[tf::function]
fn wander(v: &Variable, generator: &tf::random::Generator, x: &Tensor, n: &Tensor) -> Tensor {
    let (y, _) = tf::while_loop(
        |s| s.1.less(n),
        |(y, i)| {
            let y = tf::cond(&y.sum().greater(0.0), || &y * v, || y.clone()) + generator.uniform([2]);
            v.assign_add(0.5);
            (y, i + 1)
        },
        (x.clone(), tf::zeros_like(n)),
    );
    y
}

#[test]
fn effects_inside_loops_on_the_gpu() {
    let Some(device) = gpu() else { return };
    let _guard = switch();
    let run = |device: tf::Device| {
        let generator = tf::random::Generator::from_seed(3);
        let v = tf::with_device(device, || Variable::new(tf::constant([1.0, 2.0]))).unwrap();
        let x = tf::constant([0.5, -0.25]).to(device).unwrap();
        let tape = tf::GradientTape::persistent();
        tape.watch(&x);
        let y = wander(&v, &generator, &x, &tf::constant(3).to(device).unwrap()).sum();
        let (dx, dv) = (tape.gradient(&y, &x), tape.gradient(&y, &v));
        let all = [y, dx, dv, v.read()].map(|t| t.to(tf::Device::cpu()).unwrap().to_vec::<f32>().unwrap());
        (all, generator.state().read().to_vec::<u32>().unwrap())
    };
    let ((here, state), (there, other)) = (run(tf::Device::cpu()), run(device));
    assert_eq!(state, other, "as many numbers were drawn");
    assert_eq!(here[3], [2.5, 3.5]);
    for (a, b) in here.iter().flatten().zip(there.iter().flatten()) {
        assert!((a - b).abs() <= 1e-5 * a.abs().max(1.0), "{here:?} {there:?}");
    }
}

#[test]
fn the_results_of_the_sides_must_be_alike() {
    #[tf::function]
    fn unlike(x: &Tensor) -> Tensor {
        tf::cond(&x.less(1.0), || x.clone(), || x.cast(DType::F64))
    }
    let _guard = switch();
    let error = tf::catch(|| unlike(&tf::constant(2.0))).unwrap_err();
    assert!(error.message().contains("f32[] and f64[]"), "{error}");
    assert!(error.place().unwrap().file.ends_with("control.rs"), "{error}");
}
