//! burn on its flex backend: W1, W4 to W9, W13. Images are channels first, filters `[out, in, height, width]`.

use bench_common::{Arrays, Case, PRODUCTS, Request, normal};
use burn::optim::{Adam, AdamConfig, AdamState, Optimizer};
use burn::tensor::ops::{ConvOptions, MaxPoolOptions};
use burn::tensor::{Device, Gradients, Int, Tensor, TensorData, activation as act, module};
use std::hint::black_box;

const MODE: &str = "flex";

/// The arrays on burn's device.
struct Source {
    arrays: Arrays,
    device: Device,
}

impl Source {
    fn tensor<const N: usize>(&self, name: &str) -> Tensor<N> {
        let (values, shape) = self.arrays.f32(name);
        Tensor::from_data(TensorData::new(values, shape), &self.device)
    }
    fn labels(&self, name: &str) -> Tensor<1, Int> {
        let (values, shape) = self.arrays.i32(name);
        Tensor::from_data(TensorData::new(values, shape), &self.device)
    }
    fn random<const N: usize>(&self, shape: [usize; N]) -> Tensor<N> {
        Tensor::from_data(TensorData::new(normal(shape.iter().product()), shape), &self.device)
    }
    fn ones(&self, n: usize) -> Tensor<1> {
        Tensor::from_data(TensorData::new(vec![1f32; n], [n]), &self.device)
    }
    fn dense(&self, kernel: &str, bias: &str) -> Dense {
        Dense { kernel: Weight::new(self.tensor(kernel)), bias: Weight::new(self.tensor(bias)) }
    }
    /// With the axes of images or filters as burn wants them, contiguous.
    fn permuted(&self, name: &str, axes: [isize; 4]) -> Tensor<4> {
        Tensor::from_data(self.tensor::<4>(name).permute(axes).into_data(), &self.device)
    }
}

/// A weight and its share of Adam's state.
struct Weight<const N: usize> {
    value: Tensor<N>,
    state: Option<AdamState<N>>,
}

impl<const N: usize> Weight<N> {
    fn new(value: Tensor<N>) -> Self {
        Weight { value: value.autodiff().require_grad(), state: None }
    }
    fn step(&mut self, adam: &Adam, gradients: &mut Gradients) {
        let gradient = self.value.grad_remove(gradients).expect("a gradient for every weight");
        let (value, state) = adam.step(1e-3, self.value.clone().inner(), gradient, self.state.take());
        (self.value, self.state) = (value.autodiff().require_grad(), state);
    }
}

struct Dense {
    kernel: Weight<2>,
    bias: Weight<1>,
}

impl Dense {
    fn call(&self, x: Tensor<2>) -> Tensor<2> {
        module::linear(x, self.kernel.value.clone(), Some(self.bias.value.clone()))
    }
    fn step(&mut self, adam: &Adam, gradients: &mut Gradients) {
        self.kernel.step(adam, gradients);
        self.bias.step(adam, gradients);
    }
}

fn adam() -> Adam {
    AdamConfig::new().with_epsilon(1e-8).build()
}

fn scalar(x: Tensor<1>) -> f32 {
    x.into_data_as::<f32>().try_into_vec::<f32>().expect("f32")[0]
}

fn wait(device: &Device) {
    let _ = device.sync();
}

fn case<T>(source: &Source, variant: &'static str, mut f: impl FnMut() -> T + 'static) -> Case {
    let device = source.device.clone();
    Case::calls(variant, MODE, move || {
        black_box(f());
        wait(&device);
    })
}

fn trained(source: &Source, variant: &'static str, mut step: impl FnMut() -> Tensor<1> + 'static) -> Case {
    for _ in 0..4 {
        step();
    }
    let loss = scalar(step().inner());
    case(source, variant, step).loss(loss)
}

fn eager(s: &Source) -> Vec<Case> {
    let (a, b) = (s.ones(16), s.ones(16));
    let eye: Vec<f32> = (0..64).map(|i| if i % 9 == 0 { 1.0 } else { 0.0 }).collect();
    let m = Tensor::<2>::from_data(TensorData::new(eye, [8, 8]), &s.device);
    let (v, w) = (s.ones(16).autodiff().require_grad(), s.ones(16).autodiff());
    let chain = move || {
        let mut y = v.clone() * w.clone();
        for _ in 0..9 {
            y = (y * w.clone()).tanh();
        }
        v.grad(&y.sum().backward())
    };
    vec![
        Case::calls("add16", MODE, move || {
            black_box(a.clone() + b.clone());
        }),
        Case::calls("matmul8", MODE, move || {
            black_box(m.clone().matmul(m.clone()));
        }),
        case(s, "tape_per_op", chain).per(20.0),
    ]
}

fn chain(x: Tensor<1>) -> Tensor<1> {
    let cube = x.clone() * x.clone() * x.clone() * 0.044715;
    let tanh = ((x.clone() + cube) * 0.7978845608).tanh() + 1.0;
    x.clone() * 0.5 * tanh * act::sigmoid(x.clone()) + x.clone() * x
}

fn elementwise(s: &Source) -> Vec<Case> {
    let mut cases = Vec::new();
    for (variant, size) in [("chain_16M", 16 << 20), ("chain_64k", 1 << 16)] {
        let x = s.random([size]);
        cases.push(case(s, variant, move || chain(x.clone())));
    }
    let (x, square) = (s.random([4096, 1024]), s.random([4096, 4096]));
    let (gamma, beta, y) = (s.ones(1024), s.ones(1024) - 1.0, x.clone());
    cases.push(case(s, "softmax", move || act::softmax(x.clone(), 1)));
    cases.push(case(s, "layer_norm", move || {
        module::layer_norm(y.clone(), gamma.clone(), Some(beta.clone()), 1e-5)
    }));
    for (variant, axis) in [("sum_axis0", 0), ("sum_axis1", 1)] {
        let square = square.clone();
        cases.push(case(s, variant, move || square.clone().sum_dim(axis)));
    }
    cases
}

fn products(s: &Source) -> Vec<Case> {
    let mut cases = Vec::new();
    for (variant, m, k, n, [ta, tb]) in PRODUCTS.into_iter().filter(|p| !p.0.starts_with("f64")) {
        let a = if ta { s.random([k, m]).transpose() } else { s.random([m, k]) };
        let b = if tb { s.random([n, k]).transpose() } else { s.random([k, n]) };
        cases.push(case(s, variant, move || a.clone().matmul(b.clone())));
    }
    let (a, b) = (s.random([64, 128, 64]), s.random([64, 64, 128]));
    cases.push(case(s, "batched_64x128x64x128", move || a.clone().matmul(b.clone())));
    cases
}

/// Cross entropy as burn's own loss computes it.
fn cross_entropy(logits: Tensor<2>, y: Tensor<1, Int>) -> Tensor<1> {
    let n = logits.dims()[0];
    act::log_softmax(logits, 1).gather(1, y.reshape([n, 1])).mean().neg()
}

fn mlp(s: &Source) -> Vec<Case> {
    let mut cases = Vec::new();
    for (variant, batch) in [("batch32", 32), ("batch512", 512)] {
        let x = s.tensor::<2>(&format!("w6.x{batch}")).autodiff();
        let (y, adam) = (s.labels(&format!("w6.y{batch}")), adam());
        let mut layers = [s.dense("w6.w1", "w6.b1"), s.dense("w6.w2", "w6.b2"), s.dense("w6.w3", "w6.b3")];
        cases.push(trained(s, variant, move || {
            let h = act::relu(layers[0].call(x.clone()));
            let h = act::relu(layers[1].call(h));
            let loss = cross_entropy(layers[2].call(h), y.clone());
            let mut gradients = loss.backward();
            layers.iter_mut().for_each(|layer| layer.step(&adam, &mut gradients));
            loss
        }));
    }
    cases
}

fn convolve(x: Tensor<4>, filters: Tensor<4>, bias: Option<Tensor<1>>, padding: usize) -> Tensor<4> {
    module::conv2d(x, filters, bias, ConvOptions::new([1, 1], [padding, padding], [1, 1], 1))
}

struct Cnn {
    convolutions: [(Weight<4>, Weight<1>); 2],
    hidden: Dense,
    output: Dense,
}

impl Cnn {
    fn new(s: &Source) -> Cnn {
        let convolution = |filters: &str, bias: &str| {
            (Weight::new(s.permuted(filters, [3, 2, 0, 1])), Weight::new(s.tensor(bias)))
        };
        // Flattened images have their channels first here.
        let flat = s.tensor::<2>("w7.d1").reshape([12, 12, 64, 128]).permute([2, 0, 1, 3]);
        let flat = Tensor::<4>::from_data(flat.into_data(), &s.device).reshape([9216, 128]);
        Cnn {
            convolutions: [convolution("w7.c1", "w7.cb1"), convolution("w7.c2", "w7.cb2")],
            hidden: Dense { kernel: Weight::new(flat), bias: Weight::new(s.tensor("w7.db1")) },
            output: s.dense("w7.d2", "w7.db2"),
        }
    }
    /// With gradients, or without any.
    fn call(&self, mut x: Tensor<4>, learns: bool) -> Tensor<2> {
        fn of<const N: usize>(weight: &Weight<N>, learns: bool) -> Tensor<N> {
            if learns { weight.value.clone() } else { weight.value.clone().inner() }
        }
        for (filters, bias) in &self.convolutions {
            x = act::relu(convolve(x, of(filters, learns), Some(of(bias, learns)), 0));
        }
        let pooled = module::max_pool2d(x, MaxPoolOptions::new([2, 2]).with_stride([2, 2]));
        let dense = |x, d: &Dense| module::linear(x, of(&d.kernel, learns), Some(of(&d.bias, learns)));
        dense(act::relu(dense(pooled.flatten(1, 3), &self.hidden)), &self.output)
    }
}

fn cnn(s: &Source) -> Vec<Case> {
    let (mut model, adam) = (Cnn::new(s), adam());
    let (images, y) = (s.permuted("w7.x", [0, 3, 1, 2]), s.labels("w7.y"));
    let x = images.clone().autodiff();
    let train = trained(s, "train", move || {
        let loss = cross_entropy(model.call(x.clone(), true), y.clone());
        let mut gradients = loss.backward();
        for (filters, bias) in &mut model.convolutions {
            filters.step(&adam, &mut gradients);
            bias.step(&adam, &mut gradients);
        }
        model.hidden.step(&adam, &mut gradients);
        model.output.step(&adam, &mut gradients);
        loss
    });
    let model = Cnn::new(s);
    let infer = case(s, "infer", move || model.call(images.clone(), false));
    let (x, w) = (s.permuted("w7.cx", [0, 3, 1, 2]), s.permuted("w7.cw", [3, 2, 0, 1]));
    let (vx, vw) = (x.clone().autodiff().require_grad(), w.clone().autodiff().require_grad());
    let forward = case(s, "conv_y", move || convolve(x.clone(), w.clone(), None, 1));
    let all = case(s, "conv_y_dx_dw", move || convolve(vx.clone(), vw.clone(), None, 1).sum().backward());
    vec![train, infer, forward, all]
}

/// Sigmoid cross entropy in its stable form: max(l, 0) - l·t + log(1 + exp(-|l|)).
fn bce(logits: Tensor<2>, label: f64) -> Tensor<1> {
    let soft = (logits.clone().abs().neg().exp() + 1.0).log();
    (act::relu(logits.clone()) - logits * label + soft).mean()
}

fn gan(s: &Source) -> impl FnMut() -> Tensor<1> + 'static {
    let mut g = [s.dense("w8.g1", "w8.gb1"), s.dense("w8.g2", "w8.gb2"), s.dense("w8.g3", "w8.gb3")];
    let mut d = [s.dense("w8.d1", "w8.db1"), s.dense("w8.d2", "w8.db2")];
    let (real, z) = (s.tensor::<2>("w8.real").autodiff(), s.tensor::<2>("w8.z").autodiff());
    let adam = adam();
    let generator =
        |g: &[Dense; 3], z: Tensor<2>| g[2].call(act::elu(g[1].call(act::elu(g[0].call(z), 1.0)), 1.0));
    let discriminator = |d: &[Dense; 2], x: Tensor<2>| d[1].call(act::elu(d[0].call(x), 1.0));
    move || {
        let fake = generator(&g, z.clone()).detach();
        let loss = bce(discriminator(&d, real.clone()), 1.0) + bce(discriminator(&d, fake), 0.0);
        let mut gradients = loss.backward();
        d.iter_mut().for_each(|layer| layer.step(&adam, &mut gradients));
        let loss = bce(discriminator(&d, generator(&g, z.clone())), 1.0);
        let mut gradients = loss.backward();
        g.iter_mut().for_each(|layer| layer.step(&adam, &mut gradients));
        loss
    }
}

fn attention(s: &Source) -> Vec<Case> {
    let layer = |n: &str| s.dense(&format!("w9.w{n}"), &format!("w9.b{n}"));
    let [q, k, v, o] = ["q", "k", "v", "o"].map(layer);
    let [wide, narrow] = ["1", "2"].map(|n| s.dense(&format!("w9.f{n}"), &format!("w9.fb{n}")));
    let norms = ["1", "2"].map(|n| {
        let weight = |what: &str| Weight::new(s.tensor::<1>(&format!("w9.ln{n}{what}")));
        (weight("g"), weight("b"))
    });
    let x = s.tensor::<3>("w9.x").reshape([1024, 256]).autodiff();
    let step = move || {
        let norm = |x, i: usize| {
            let (gamma, beta) = &norms[i];
            module::layer_norm(x, gamma.value.clone(), Some(beta.value.clone()), 1e-5)
        };
        let h: Tensor<2> = norm(x.clone(), 0);
        let heads = |layer: &Dense| layer.call(h.clone()).reshape([8, 128, 8, 32]).swap_dims(1, 2);
        let scores: Tensor<4> = heads(&q).matmul(heads(&k).swap_dims(2, 3)) * 32f64.powf(-0.5);
        let mixed = act::softmax(scores, 3).matmul(heads(&v)).swap_dims(1, 2).reshape([1024, 256]);
        let x = x.clone() + o.call(mixed);
        let h = act::gelu_approximate(wide.call(norm(x.clone(), 1)));
        let loss = (x + narrow.call(h)).powi_scalar(2).mean();
        black_box(loss.backward());
        loss
    };
    vec![trained(s, "block", step)]
}

fn main() {
    let request = Request::read();
    let source = Source { arrays: request.arrays(), device: Device::flex() };
    if request.workload == "W13" {
        let mut pair = gan(&source);
        for _ in 0..99 {
            pair();
        }
        return request.end(MODE, scalar(pair().inner()));
    }
    request.serve(match request.workload.as_str() {
        "W1" => eager(&source),
        "W4" => elementwise(&source),
        "W5" => products(&source),
        "W6" => mlp(&source),
        "W7" => cnn(&source),
        "W8" => vec![trained(&source, "pair", gan(&source))],
        "W9" => attention(&source),
        _ => Vec::new(),
    });
}
