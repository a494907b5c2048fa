//! The same bits for any number of threads; and functions that many threads call at once.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use rayon::prelude::*;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tenfold as tf;
use tenfold_core::{Device, Result, Tensor};
use tenfold_testing::suite::{self, Case, all_cases, large_cases, same_bits_all};
use tf::optimizers::Adam;
use tf::threads::insisting;
use tf::{Module as _, Variable};

const COUNTS: [usize; 4] = [1, 2, 3, 8];

/// Every case with every number of threads, against the first.
fn same_everywhere(cases: &[Case], call: impl Fn(&Case) -> Result<Vec<Tensor>> + Sync) -> Vec<String> {
    let run = |threads: usize| -> Vec<Option<Vec<Tensor>>> {
        insisting(threads, || cases.iter().map(|case| call(case).ok()).collect())
    };
    let first = run(COUNTS[0]);
    assert!(first.iter().filter(|r| r.is_some()).count() * 2 > cases.len(), "most cases succeed");
    let mut failures = vec![];
    for threads in &COUNTS[1..] {
        for ((case, got), want) in cases.iter().zip(run(*threads)).zip(&first) {
            let answer = match (&got, want) {
                (Some(got), Some(want)) => same_bits_all(got, want),
                (None, None) => Ok(()),
                _ => Err("succeeds with one of them only".to_string()),
            };
            failures.extend(answer.err().map(|what| format!("{case}, {threads} threads: {what}")));
        }
    }
    failures
}

#[test]
fn samples_are_the_same_for_any_number_of_threads() {
    let cases: Vec<Case> = all_cases().filter(Case::succeeds).collect();
    suite::report(&same_everywhere(&cases, |case| case.call(&case.inputs())));
}

#[test]
fn large_inputs_are_the_same_for_any_number_of_threads() {
    let cases = large_cases();
    assert!(cases.iter().any(|c| c.op.name == "matmul") && cases.len() > 20, "{}", cases.len());
    suite::report(&same_everywhere(&cases, |case| case.call(&case.inputs())));
}

/// A graph with a fused group, a reduction, a product and their gradients.
#[test]
fn a_training_step_is_the_same_for_any_number_of_threads() {
    let mut numbers = suite::Numbers::new(1);
    let x = numbers.tensor(tf::DType::F32, &[300, 120].into());
    let w = numbers.tensor(tf::DType::F32, &[120, 90].into());
    let metas = [x.meta().clone(), w.meta().clone()];
    let made = tenfold_core::testing::trace(Device::cpu(), &metas, |v| {
        let tape = tf::GradientTape::new();
        tape.watch(&v[1]);
        let y = tf::matmul(&v[0], &v[1]).tanh();
        let loss = (&y * &y).sum_to_shape(());
        Ok(vec![tape.gradient(&loss, &v[1]), loss, y])
    })
    .expect("traced");
    let graph =
        tenfold_core::graph::passes::optimise(&made.graph, tenfold_core::Device::cpu()).expect("optimised");
    let run = |threads: usize| {
        let plan = Device::cpu().backend().compile(&graph).expect("compiled");
        insisting(threads, || plan.run(&[x.clone(), w.clone()], &[])).expect("runs")
    };
    let want = run(1);
    for threads in &COUNTS[1..] {
        same_bits_all(&run(*threads), &want).unwrap_or_else(|e| panic!("{threads} threads: {e}"));
    }
}

#[derive(tf::Module)]
struct Network {
    hidden: Variable,
    output: Variable,
}

fn update(model: &Network, adam: &Adam, x: &Tensor, y: &Tensor) -> Tensor {
    let tape = tf::GradientTape::new();
    let logits = x.matmul(&model.hidden).elu().matmul(&model.output);
    let loss = tf::losses::sparse_categorical_crossentropy_from_logits(y, &logits).mean();
    let variables = model.trainable_variables();
    adam.apply_gradients(tape.gradient(&loss, &variables), &variables);
    loss
}

#[tf::function]
fn step(model: &Network, adam: &Adam, x: &Tensor, y: &Tensor) -> Tensor {
    update(model, adam, x, y)
}

/// Losses and weights of a training, eagerly and as a graph, with every number of threads.
#[test]
fn a_training_is_the_same_for_any_number_of_threads() {
    let mut numbers = suite::Numbers::new(2);
    let mut f32s = |shape: [usize; 2]| numbers.tensor(tf::DType::F32, &shape.into());
    let (x, hidden, output) = (f32s([500, 200]), f32s([200, 150]), f32s([150, 10]));
    let y = tf::constant((0..500).map(|i| i % 10).collect::<Vec<i32>>());
    let train = |threads: usize, traced: bool| {
        insisting(threads, || {
            let model =
                Network { hidden: Variable::new(&hidden * 0.1), output: Variable::new(&output * 0.1) };
            let (adam, step) = (Adam::new(0.01), if traced { step } else { update });
            let mut all: Vec<Tensor> = (0..4).map(|_| step(&model, &adam, &x, &y)).collect();
            all.extend(model.variables().iter().map(Variable::read));
            all
        })
    };
    let want = train(1, false);
    let (first, last) = (want[0].item::<f32>().unwrap(), want[3].item::<f32>().unwrap());
    assert!(last < first, "it learns: {first}, {last}");
    for threads in COUNTS {
        for traced in [false, true] {
            let got = train(threads, traced);
            same_bits_all(&got, &want).unwrap_or_else(|e| panic!("{threads} threads, traced {traced}: {e}"));
        }
    }
}

/// Calls from a rayon pool of the program's own, more of them than processors, with the number of threads changed
/// meanwhile: the same bits, and nobody waits for ever.
#[test]
fn calls_from_inside_a_pool_are_the_same() {
    let mut numbers = suite::Numbers::new(3);
    let x = numbers.tensor(tf::DType::F32, &[200, 300].into());
    let f = |x: &Tensor| x.matmul(x.transpose([1, 0])).tanh().reduce_sum(0, false);
    let want = f(&x);
    let before = tf::threads::get();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(6).build().expect("a pool");
    let work = |i: usize| {
        tf::threads::set(1 + i % 3);
        same_bits_all(&[f(&x)], std::slice::from_ref(&want))
    };
    let all = pool.install(|| (0..60).into_par_iter().map(work).collect::<std::result::Result<Vec<()>, _>>());
    tf::threads::set(before);
    assert_eq!(all.map(|done| done.len()), Ok(60));
}

/// Runs `f` in so many threads that begin together.
fn together(threads: usize, f: impl Fn(usize) + Sync) {
    let barrier = Barrier::new(threads);
    std::thread::scope(|s| {
        for i in 0..threads {
            let (barrier, f) = (&barrier, &f);
            s.spawn(move || {
                barrier.wait();
                f(i);
            });
        }
    });
}

/// All threads wait for the one that traces, every time that there is nothing in the cache.
#[test]
fn a_race_for_the_first_call_traces_once() {
    static BODIES: AtomicUsize = AtomicUsize::new(0);
    #[tf::function]
    fn f(x: &Tensor) -> Tensor {
        BODIES.fetch_add(1, Ordering::Relaxed);
        std::thread::sleep(std::time::Duration::from_millis(5));
        x * 2.0 + 1.0
    }
    for round in 1..=10 {
        together(16, |i| {
            let x = i as f32;
            for _ in 0..3 {
                assert_eq!(
                    f(&tf::constant([x, -x])).to_vec::<f32>().unwrap(),
                    [x * 2.0 + 1.0, 1.0 - x * 2.0]
                );
            }
        });
        assert_eq!((BODIES.load(Ordering::Relaxed), f::trace_count()), (round, round));
        f::clear_cache();
    }
}

/// More shapes than the cache keeps, from many threads: every answer is right and the cache stays within its bound.
#[test]
fn many_threads_with_many_shapes_share_a_bounded_cache() {
    const SHAPES: usize = 150;
    #[tf::function]
    fn f(x: &Tensor) -> Tensor {
        x.reduce_sum(0, false) + 0.5
    }
    together(8, |i| {
        for k in 0..SHAPES {
            // Each thread begins elsewhere, so that shapes are dropped and asked for again.
            let n = 1 + (k + i * SHAPES / 8) % SHAPES;
            assert_eq!(f(&tf::ones([n])).item::<f32>().unwrap(), n as f32 + 0.5);
            assert!(f::signatures().len() <= 128);
        }
    });
    assert!(f::trace_count() >= SHAPES, "{}", f::trace_count());
    assert!(f::signatures().len() <= 128, "{}", f::signatures().len());
}

/// A trace that fails leaves nothing behind: one of the threads that waited for it makes it.
#[test]
fn a_trace_that_fails_does_not_stop_the_others() {
    static FIRST: AtomicBool = AtomicBool::new(true);
    #[tf::function]
    fn f(x: &Tensor) -> tf::Result<Tensor> {
        std::thread::sleep(std::time::Duration::from_millis(5));
        if FIRST.swap(false, Ordering::Relaxed) {
            return Err(tf::Error::invalid("test", "the first one fails"));
        }
        x.try_add(1.0)
    }
    let failed = AtomicUsize::new(0);
    together(8, |_| match f(&tf::constant(1.0)) {
        Ok(y) => assert_eq!(y.item::<f32>().unwrap(), 2.0),
        Err(_) => drop(failed.fetch_add(1, Ordering::Relaxed)),
    });
    assert_eq!((failed.load(Ordering::Relaxed), f::signatures().len()), (1, 1));
    tf::assert_traces!(f, 1);
}

/// Functions that trace each other apart, from both ends at once: nobody waits for ever.
#[test]
fn functions_that_need_each_other_do_not_wait_for_ever() {
    #[tf::function(inline = false)]
    fn even(x: &Tensor, n: u32) -> Tensor {
        if n == 0 { x + 1.0 } else { odd(x, n - 1) * 2.0 }
    }
    #[tf::function(inline = false)]
    fn odd(x: &Tensor, n: u32) -> Tensor {
        if n == 0 { x - 1.0 } else { even(x, n - 1) * 3.0 }
    }
    for _ in 0..20 {
        together(6, |i| {
            let x = tf::constant(1.0);
            let (got, want) = if i % 2 == 0 { (even(&x, 4), 72.0) } else { (odd(&x, 4), 0.0) };
            assert_eq!(got.item::<f32>().unwrap(), want);
        });
        even::clear_cache();
        odd::clear_cache();
    }
}

/// A call keeps its frame, and the loop inside it its own memory, for itself: many threads at once get what one alone gets.
#[test]
fn calls_at_once_do_not_meet_in_their_memory() {
    #[tf::function]
    fn f(model: &Network, x: &Tensor, n: &Tensor) -> (Tensor, Tensor) {
        let mut h = x.matmul(&model.hidden).tanh();
        let mut sum = h.clone();
        for _ in 0..n {
            h = (&h * 0.5 + 1.0).matmul(&model.output);
            sum += h.softmax(-1);
        }
        (h, sum)
    }
    let mut numbers = suite::Numbers::new(5);
    let mut f32s = |shape: [usize; 2]| numbers.tensor(tf::DType::F32, &shape.into());
    let model =
        Network { hidden: Variable::new(f32s([90, 64]) * 0.1), output: Variable::new(f32s([64, 64]) * 0.1) };
    let inputs: Vec<Tensor> = (0..12).map(|_| f32s([24, 90])).collect();
    let n = tf::constant(5);
    let call = |x: &Tensor| {
        let (h, sum) = f(&model, x, &n);
        vec![h, sum]
    };
    let want: Vec<Vec<Tensor>> = inputs.iter().map(call).collect();
    together(6, |i| {
        for k in 0..60 {
            let k = (k + i) % inputs.len();
            same_bits_all(&call(&inputs[k]), &want[k])
                .unwrap_or_else(|e| panic!("thread {i}, input {k}: {e}"));
        }
    });
    assert_eq!(f::trace_count(), 1);
}

/// Who reads a variable while another thread writes it, in place where it can, has one of its values and not parts of two.
#[test]
fn a_variable_that_is_written_meanwhile_is_read_whole() {
    #[tf::function]
    fn read(x: &Tensor, w: &Variable) -> Tensor {
        x.matmul(w)
    }
    #[tf::function]
    fn write(w: &Variable) {
        w.assign_add(1.0);
    }
    let (w, x) = (Variable::new(tf::zeros([64, 40])), tf::ones([1, 64]));
    const WRITES: usize = 400;
    together(6, |i| {
        if i == 0 {
            (0..WRITES).for_each(|_| write(&w));
            return;
        }
        let mut last = 0.0;
        for _ in 0..WRITES {
            let y = read(&x, &w).to_vec::<f32>().unwrap();
            assert!(y.iter().all(|v| *v == y[0]) && y[0] % 64.0 == 0.0, "parts of two values: {y:?}");
            assert!(y[0] >= last, "{} after {last}", y[0]);
            last = y[0];
        }
    });
    assert_eq!(w.read().to_vec::<f32>().unwrap(), [WRITES as f32; 64 * 40]);
}
