//! Programs on the GPU, through the facade. A software adapter is good enough; without any they are skipped, unless
//! `TENFOLD_REQUIRE_GPU` is set.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and says why it was skipped")]

use std::sync::OnceLock;
use tenfold as tf;
use tf::optimizers::Adam;
use tf::random::Generator;
use tf::{Device, Kind, Module as _, Tensor, Variable, losses};

fn gpu() -> Option<Device> {
    static GPU: OnceLock<Option<Device>> = OnceLock::new();
    *GPU.get_or_init(|| {
        tenfold_wgpu::register_software();
        match Device::named("GPU:0") {
            Ok(device) => Some(device),
            Err(error) => {
                assert!(!tenfold_wgpu::gpu_required(), "TENFOLD_REQUIRE_GPU is set, but: {error}");
                println!("skipped: {error}");
                None
            }
        }
    })
}

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

/// A tensor goes there and returns unchanged, and a tape follows it both ways.
#[test]
fn tensors_move_both_ways() {
    let Some(device) = gpu() else { return };
    let x = tf::constant([1.0, f32::NAN, -0.0, f32::MIN_POSITIVE / 4.0]);
    let there = x.to("GPU:0").unwrap();
    assert_eq!((x.device(), there.device()), (Device::cpu(), device));
    let back = there.to("CPU:0").unwrap();
    assert_eq!(back.device(), Device::cpu());
    assert_eq!(bits(&back.to_vec::<f32>().unwrap()), bits(&x.to_vec::<f32>().unwrap()));
    // Case does not matter, and the first of a kind needs no number.
    assert_eq!(x.to("gpu").unwrap().device(), device);

    let x = tf::constant([2.0, 3.0]);
    let tape = tf::GradientTape::new();
    tape.watch(&x);
    let y = x.to(device).unwrap().square().to("CPU").unwrap() * 10.0;
    let d = tape.gradient(&y, &x);
    assert_eq!((d.device(), d.to_vec::<f32>().unwrap()), (Device::cpu(), vec![40.0, 60.0]));
}

/// A variable lives where it was made, and an assignment from elsewhere is refused with both names.
#[test]
fn variables_live_on_devices() {
    let Some(device) = gpu() else { return };
    let v = tf::with_device(device, || Variable::new(tf::constant([1.0, 2.0]))).unwrap();
    assert_eq!((v.device(), v.read().device()), (device, device));
    v.assign_add(tf::constant([10.0, 20.0]).to(device).unwrap());
    assert_eq!(v.read().to_vec::<f32>().unwrap(), [11.0, 22.0]);
    let error = v.try_assign(tf::constant([0.0, 0.0])).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("GPU:0") && text.contains("CPU:0"), "{text}");
    assert_eq!(v.read().to_vec::<f32>().unwrap(), [11.0, 22.0], "a refused assignment changes nothing");
}

/// Operands of two devices are refused: both are named, and what to do about it.
#[test]
fn mixed_devices_are_a_clear_error() {
    let Some(device) = gpu() else { return };
    #[tf::function]
    fn double(x: &Tensor) -> Tensor {
        x * 2.0
    }
    let (here, there) = (tf::ones([2]), tf::ones([2]).to(device).unwrap());
    let error = here.try_add(&there).unwrap_err();
    assert_eq!(error.kind(), Kind::InvalidArgument);
    let text = format!("{error:?}");
    for part in ["CPU:0", "GPU:0", ".to("] {
        assert!(text.contains(part), "{text}");
    }
    // A traced function runs where its arguments are.
    assert_eq!(double(&here).device(), Device::cpu());
    assert_eq!(double(&there).device(), device);
    tf::assert_traces!(double, 2);
}

/// An unknown device is answered with those that there are.
#[test]
fn an_unknown_device_lists_what_there_is() {
    let Some(_) = gpu() else { return };
    for name in ["GPU:7", "TPU:0", ""] {
        let error = Device::named(name).unwrap_err();
        assert_eq!(error.kind(), Kind::NotFound, "{error}");
        assert!(error.to_string().contains("CPU:0, GPU:0"), "{error}");
        assert!(tf::constant(1.0).to(name).is_err() && tf::with_device(name, || ()).is_err());
    }
}
