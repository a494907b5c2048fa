//! In the steady state a call of a traced function allocates nothing: a training step of a network, with its optimizer.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::{Mutex, MutexGuard};
use tenfold as tf;
use tf::optimizers::Adam;
use tf::random::Generator;
use tf::{Module, Tensor, Variable};

/// Counts what this thread asks for.
struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: it hands every call on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // While a thread ends there may be no count.
        let _ = COUNT.try_with(|c| c.set(c.get() + 1));
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The memory that is used is the whole process's: one test at a time.
static TURN: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(|p| p.into_inner())
}

fn allocations(calls: usize, mut call: impl FnMut()) -> usize {
    for _ in 0..20 {
        call();
    }
    let before = COUNT.get();
    for _ in 0..calls {
        call();
    }
    COUNT.get() - before
}

#[derive(tf::Module)]
struct Mlp {
    kernels: Vec<Variable>,
    biases: Vec<Variable>,
}

impl Mlp {
    fn new(sizes: &[usize]) -> Mlp {
        let generator = Generator::from_seed(1);
        Mlp {
            kernels: sizes.windows(2).map(|s| Variable::new(generator.normal([s[0], s[1]]) * 0.1)).collect(),
            biases: sizes[1..].iter().map(|n| Variable::new(tf::zeros([*n]))).collect(),
        }
    }
    fn call(&self, x: &Tensor) -> Tensor {
        let mut x = x.clone();
        for (i, (kernel, bias)) in self.kernels.iter().zip(&self.biases).enumerate() {
            x = x.matmul(kernel) + bias;
            if i + 1 < self.kernels.len() {
                x = x.relu();
            }
        }
        x
    }
}

#[tf::function]
fn train_step(model: &Mlp, adam: &Adam, x: &Tensor, y: &Tensor) -> Tensor {
    let tape = tf::GradientTape::new();
    let loss = tf::losses::sparse_categorical_crossentropy_from_logits(y, &model.call(x)).mean();
    let variables = model.trainable_variables();
    adam.apply_gradients(tape.gradient(&loss, &variables), &variables);
    loss
}

#[test]
fn a_training_step_allocates_nothing() {
    let _alone = alone();
    let (model, adam) = (Mlp::new(&[64, 128, 128, 10]), Adam::new(0.001));
    let x = Generator::from_seed(2).normal([32, 64]);
    let y = tf::range(0, 32, 1).floormod(10).cast(tf::i32);
    let count = allocations(200, || drop(train_step(&model, &adam, &x, &y)));
    assert_eq!(count, 0, "in 200 calls");
}

#[tf::function]
fn block(x: &Tensor, w: &Tensor) -> (Tensor, Tensor) {
    let scores = x.matmul(w).softmax(-1);
    let centred = &scores - scores.reduce_mean(-1, true);
    (centred.transpose([1, 0]), scores)
}

#[test]
fn results_are_recycled_when_dropped() {
    let _alone = alone();
    let generator = Generator::from_seed(3);
    let (x, w) = (generator.normal([100, 64]), generator.normal([64, 200]));
    assert_eq!(allocations(200, || drop(block(&x, &w))), 0, "in 200 calls");
    let before = tf::memory::stats();
    for _ in 0..2000 {
        drop(block(&x, &w));
    }
    let after = tf::memory::stats();
    assert!(after.used + after.held <= before.used + before.held, "{before:?} {after:?}");
}

#[tf::function]
fn steps(x: &Tensor) -> Tensor {
    let mut y = x.clone();
    for _ in 0..tf::constant(50) {
        y = (&y * 0.9).tanh();
    }
    y
}

#[test]
fn the_turns_of_a_loop_allocate_nothing() {
    let _alone = alone();
    let x = Generator::from_seed(4).normal([4, 5]);
    assert_eq!(allocations(100, || drop(steps(&x))), 0, "in 100 calls of 50 turns");
}
