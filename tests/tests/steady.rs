//! In the steady state a call of a traced function allocates nothing: a training step of a network, with its optimizer.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Mutex;
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

/// Runs `test` on a thread of its own while no other test runs, to the end of the thread: what it counted of memory is told then,
/// and what it made is gone.
fn alone(test: impl FnOnce() + Send) {
    let _turn = TURN.lock().unwrap_or_else(|p| p.into_inner());
    let ended = std::thread::scope(|s| s.spawn(test).join());
    ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
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
    alone(|| {
        let (model, adam) = (Mlp::new(&[64, 128, 128, 10]), Adam::new(0.001));
        let x = Generator::from_seed(2).normal([32, 64]);
        let y = tf::range(0, 32, 1).floormod(10).cast(tf::i32);
        let count = allocations(200, || drop(train_step(&model, &adam, &x, &y)));
        assert_eq!(count, 0, "in 200 calls");
    });
}

#[tf::function]
fn block(x: &Tensor, w: &Tensor) -> (Tensor, Tensor) {
    let scores = x.matmul(w).softmax(-1);
    let centred = &scores - scores.reduce_mean(-1, true);
    (centred.transpose([1, 0]), scores)
}

#[test]
fn results_are_recycled_when_dropped() {
    alone(|| {
        let generator = Generator::from_seed(3);
        let (x, w) = (generator.normal([100, 64]), generator.normal([64, 200]));
        assert_eq!(allocations(200, || drop(block(&x, &w))), 0, "in 200 calls");
        let before = tf::memory::stats();
        for _ in 0..2000 {
            drop(block(&x, &w));
        }
        let after = tf::memory::stats();
        assert!(after.used + after.held <= before.used + before.held, "{before:?} {after:?}");
    });
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
    alone(|| {
        let x = Generator::from_seed(4).normal([4, 5]);
        assert_eq!(allocations(100, || drop(steps(&x))), 0, "in 100 calls of 50 turns");
    });
}

/// Calls it until nothing is new, counts what 100 calls ask for, and looks at memory before and after `steps` of them.
fn steady(steps: usize, mut call: impl FnMut()) {
    assert_eq!(allocations(100, &mut call), 0, "in 100 calls");
    tf::memory::reset_peak();
    let before = tf::memory::stats();
    (0..steps).for_each(|_| call());
    let after = tf::memory::stats();
    assert_eq!(after.used, before.used);
    assert!(after.used + after.held <= before.used + before.held, "{before:?} {after:?}");
}

#[tf::function]
fn gan_pair(
    g: &Mlp,
    d: &Mlp,
    d_adam: &Adam,
    g_adam: &Adam,
    real: &Tensor,
    noise: &Tensor,
) -> (Tensor, Tensor) {
    let bce = |logits: &Tensor, label: f64| {
        tf::losses::binary_crossentropy_from_logits(&(tf::zeros_like(logits) + label), logits).mean()
    };
    let tape = tf::GradientTape::new();
    let d_loss = bce(&d.call(real), 1.0) + bce(&d.call(&g.call(noise)), 0.0);
    let variables = d.trainable_variables();
    d_adam.apply_gradients(tape.gradient(&d_loss, &variables), &variables);
    let tape = tf::GradientTape::new();
    let g_loss = bce(&d.call(&g.call(noise)), 1.0);
    let variables = g.trainable_variables();
    g_adam.apply_gradients(tape.gradient(&g_loss, &variables), &variables);
    (d_loss, g_loss)
}

#[test]
fn a_gan_allocates_nothing_and_its_memory_stays_flat() {
    alone(|| {
        let generator = Generator::from_seed(5);
        let (g, d) = (Mlp::new(&[16, 32, 2]), Mlp::new(&[2, 32, 1]));
        let (d_adam, g_adam) = (Adam::new(0.001), Adam::new(0.001));
        let (real, noise) = (generator.normal([8, 2]), generator.normal([8, 16]));
        steady(10_000, || drop(gan_pair(&g, &d, &d_adam, &g_adam, &real, &noise)));
    });
}

#[test]
fn ten_thousand_training_steps_keep_memory_flat() {
    alone(|| {
        let (model, adam) = (Mlp::new(&[8, 16, 10]), Adam::new(0.001));
        let x = Generator::from_seed(6).normal([8, 8]);
        let y = tf::range(0, 8, 1).cast(tf::i32);
        steady(10_000, || drop(train_step(&model, &adam, &x, &y)));
    });
}

#[tf::function]
fn attention_step(model: &Mlp, x: &Tensor) -> [Tensor; 3] {
    let tape = tf::GradientTape::new();
    let h = model.call(x);
    let heads = h.reshape([4, 6, 2, 8]).transpose([0, 2, 1, 3]);
    let attention = (heads.matmul_with(&heads, false, true) * 0.35).softmax(-1);
    let mixed = attention.matmul(&heads).transpose([0, 2, 1, 3]).reshape([-1, 16]);
    let centred = &mixed - mixed.reduce_mean(-1, true);
    let loss =
        (&centred * (centred.square().reduce_mean(-1, true) + 1e-5).rsqrt() + &h).gelu_approximate().mean();
    // Arrays, because a list of results is memory that the caller gets.
    let [kernel, bias] = tape.gradient(&loss, &[&model.kernels[0], &model.biases[0]]);
    [loss, kernel, bias]
}

#[test]
fn attention_allocates_nothing_and_its_memory_stays_flat() {
    alone(|| {
        let model = Mlp::new(&[16, 32, 16]);
        let x = Generator::from_seed(7).normal([24, 16]);
        steady(10_000, || drop(attention_step(&model, &x)));
    });
}

#[tf::function]
fn recurrent_step(model: &Mlp, x: &Tensor) -> [Tensor; 3] {
    let tape = tf::GradientTape::new();
    let mut h = tf::zeros([3, 8]);
    let mut all = tf::TensorArray::new(tf::f32, 6, [3, 8]);
    for (i, row) in tf::rows(x).enumerate() {
        let gates = (row + h.matmul(&model.kernels[0]) + &model.biases[0]).split(2, 1);
        h = gates[0].sigmoid() * gates[1].tanh();
        all = all.write(&i, &h);
    }
    let loss = all.stack().square().mean();
    // Arrays, because a list of results is memory that the caller gets.
    let [kernel, bias] = tape.gradient(&loss, &[&model.kernels[0], &model.biases[0]]);
    [loss, kernel, bias]
}

#[test]
fn a_loop_over_time_allocates_nothing_and_its_memory_stays_flat() {
    alone(|| {
        let model = Mlp::new(&[8, 16]);
        let x = Generator::from_seed(8).normal([6, 3, 16]);
        steady(10_000, || drop(recurrent_step(&model, &x)));
    });
}
