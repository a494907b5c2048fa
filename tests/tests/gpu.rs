//! Programs on the GPU, through the facade. A software adapter is good enough; without any they are skipped, unless
//! `TENFOLD_REQUIRE_GPU` is set.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use tenfold as tf;
use tenfold_tests::gpu;
use tf::optimizers::Adam;
use tf::random::Generator;
use tf::{Device, Module as _, Tensor, Variable, losses};

fn bits(losses: &[f32]) -> Vec<u32> {
    losses.iter().map(|l| l.to_bits()).collect()
}

/// The largest difference of two runs, as a share of the values; NaN if there is one.
fn apart(a: &[f32], b: &[f32]) -> f32 {
    let larger = |most: f32, d: f32| if d > most || d.is_nan() { d } else { most };
    a.iter().zip(b).map(|(a, b)| ((a - b) / b).abs()).fold(0.0, larger)
}

#[derive(tf::Module)]
struct Mlp {
    w1: Variable,
    b1: Variable,
    w2: Variable,
    b2: Variable,
}

impl Mlp {
    fn new(seed: i64) -> Mlp {
        let g = Generator::from_seed(seed);
        let weights = |shape: [usize; 2]| Variable::new(g.normal(shape) * 0.3);
        Mlp {
            w1: weights([6, 16]),
            b1: Variable::new(tf::zeros([16])),
            w2: weights([16, 4]),
            b2: Variable::new(tf::zeros([4])),
        }
    }
    fn call(&self, x: &Tensor) -> Tensor {
        (x.matmul(&self.w1) + &self.b1).relu().matmul(&self.w2) + &self.b2
    }
}

fn step(model: &Mlp, optimizer: &Adam, x: &Tensor, y: &Tensor) -> Tensor {
    let tape = tf::GradientTape::new();
    let loss = losses::sparse_categorical_crossentropy_from_logits(y, &model.call(x)).mean();
    let variables = model.trainable_variables();
    optimizer.apply_gradients(tape.gradient(&loss, &variables), &variables);
    loss
}

/// The training step of the introduction: forward, backward and update are one graph, on either device.
#[test]
fn a_training_step_is_one_graph_on_the_gpu() {
    if gpu().is_none() {
        return;
    }
    #[tf::tf_function]
    fn train_step(model: &Mlp, optimizer: &Adam, x: &Tensor, y: &Tensor) -> Tensor {
        step(model, optimizer, x, y)
    }
    type Step = fn(&Mlp, &Adam, &Tensor, &Tensor) -> Tensor;
    let run = |device: &str, train_step: Step| -> Vec<f32> {
        let steps = tf::with_device(device, || {
            let (model, optimizer) = (Mlp::new(3), Adam::new(0.02));
            let x = Generator::from_seed(4i64).normal([24, 6]);
            let labels: Vec<i32> = (0..24).map(|i| i % 4).collect();
            let y = Tensor::from_vec(labels, [24])?.to(Device::current())?;
            let losses: Vec<Tensor> = (0..30).map(|_| train_step(&model, &optimizer, &x, &y)).collect();
            assert!(model.variables().iter().all(|v| v.device() == Device::current()));
            losses.iter().map(|loss| loss.item::<f32>()).collect::<tf::Result<Vec<f32>>>()
        });
        steps.and_then(|losses| losses).unwrap()
    };
    let there = run("GPU:0", train_step);
    tf::assert_traces!(train_step, 1);
    assert!(train_step::signatures().to_string().contains("GPU:0"), "{}", train_step::signatures());
    assert_eq!(bits(&there), bits(&run("GPU:0", step)), "eager and graph differ on the GPU");
    assert!(there[29] < 0.7 * there[0], "{there:?}");
    let here = run("CPU:0", train_step);
    assert!(apart(&there, &here) < 1e-4, "CPU and GPU differ by {:.1e}", apart(&there, &here));
}

#[derive(tf::Module)]
struct Convolutional {
    filter: Variable,
    channels: Variable,
    dense: Variable,
}

impl Convolutional {
    fn new() -> Convolutional {
        let g = Generator::from_seed(11i64);
        Convolutional {
            filter: Variable::new(g.normal([3, 3, 1, 4]) * 0.3),
            channels: Variable::new(g.normal([3, 3, 4, 2]) * 0.3),
            dense: Variable::new(g.normal([32, 3]) * 0.3),
        }
    }
    fn call(&self, images: &Tensor) -> Tensor {
        let x = images.conv2d(&self.filter.read(), 1, tf::Padding::Same).relu();
        let x = x.max_pool2d(2, 2, tf::Padding::Valid);
        let x = x.depthwise_conv2d(&self.channels.read(), 1, tf::Padding::Same).relu();
        x.avg_pool2d(2, 2, tf::Padding::Same).reshape([-1, 32]).matmul(&self.dense)
    }
}

/// A small convolutional network learns there, traced and eagerly, to the same bits, and close to the CPU.
#[test]
fn a_convolutional_network_learns_on_the_gpu() {
    if gpu().is_none() {
        return;
    }
    fn step(model: &Convolutional, adam: &Adam, x: &Tensor, y: &Tensor) -> Tensor {
        let tape = tf::GradientTape::new();
        let loss = losses::sparse_categorical_crossentropy_from_logits(y, &model.call(x)).mean();
        let variables = model.trainable_variables();
        adam.apply_gradients(tape.gradient(&loss, &variables), &variables);
        loss
    }
    #[tf::function]
    fn traced(model: &Convolutional, adam: &Adam, x: &Tensor, y: &Tensor) -> Tensor {
        step(model, adam, x, y)
    }
    type Step = fn(&Convolutional, &Adam, &Tensor, &Tensor) -> Tensor;
    let run = |device: &str, step: Step| -> Vec<f32> {
        let losses = tf::with_device(device, || {
            let (model, adam) = (Convolutional::new(), Adam::new(0.02));
            let x = Generator::from_seed(5i64).normal([9, 8, 8, 1]);
            let y =
                Tensor::from_vec((0..9).map(|i| i % 3).collect::<Vec<i32>>(), [9])?.to(Device::current())?;
            (0..12).map(|_| step(&model, &adam, &x, &y).item::<f32>()).collect::<tf::Result<Vec<f32>>>()
        });
        losses.and_then(|losses| losses).unwrap()
    };
    let there = run("GPU:0", traced);
    assert_eq!(bits(&there), bits(&run("GPU:0", step)), "eager and graph differ on the GPU");
    assert!(there[11] < 0.9 * there[0], "{there:?}");
    let here = run("CPU:0", traced);
    assert!(apart(&there, &here) < 1e-3, "CPU and GPU differ by {:.1e}", apart(&there, &here));
}

/// What depends on constants alone is computed when a graph is made, but with the device's bits.
#[test]
fn constants_keep_the_bits_of_the_device() {
    let Some(device) = gpu() else { return };
    fn eager(x: &Tensor) -> Tensor {
        let constants: Vec<f32> = (1..=40).map(|i| i as f32 * 0.173).collect();
        let constants = Tensor::from_vec(constants, [40]).unwrap();
        // In a trace the constants are the graph's.
        let constants = if x.is_symbolic() { constants } else { constants.to(x.device()).unwrap() };
        x * constants.exp().tanh().log().sin()
    }
    #[tf::function]
    fn traced(x: &Tensor) -> Tensor {
        eager(x)
    }
    for device in [Device::cpu(), device] {
        let x = tf::ones([40]).to(device).unwrap();
        let (a, b) = (traced(&x).to_vec::<f32>().unwrap(), eager(&x).to_vec::<f32>().unwrap());
        assert_eq!(bits(&a), bits(&b), "{device}");
    }
}
