//! A small network trained on the GPU with the core's tape and optimizers, beside the same training on the CPU.

#![allow(clippy::unwrap_used, reason = "the helpers of the tests panic as tests do")]

mod common;

use common::gpu;
use tenfold_core::optimizers::Adam;
use tenfold_core::{Device, GradientTape, Tensor, Variable, with_device};

/// Losses of `steps` steps of a two-layer network that learns the sign of a product.
fn losses(device: Device, steps: usize) -> Vec<f32> {
    let wave = |n: usize, shape: [usize; 2], f: f32| {
        let values = (0..n).map(|i| (i as f32 * f).sin()).collect();
        Tensor::from_vec::<f32>(values, shape).unwrap().to(device).unwrap()
    };
    let x = wave(64 * 2, [64, 2], 1.7);
    let y = {
        let host = x.to("CPU").unwrap().to_vec::<f32>().unwrap();
        let values = host.chunks(2).map(|p| (p[0] * p[1]).signum()).collect();
        Tensor::from_vec::<f32>(values, [64, 1]).unwrap().to(device).unwrap()
    };
    with_device(device, || {
        let (w1, w2) = (Variable::new(wave(32, [2, 16], 3.1)), Variable::new(wave(16, [16, 1], 2.3)));
        let b1 = Variable::new(tenfold_core::zeros([16]));
        let adam = Adam::new(0.05);
        let step = || {
            let tape = GradientTape::new();
            let hidden = (x.matmul(w1.read()) + &b1).tanh();
            let loss = (hidden.matmul(w2.read()) - &y).square().mean();
            let variables = [w1.clone(), w2.clone(), b1.clone()];
            let gradients = tape.gradient(&loss, &variables);
            adam.apply_gradients(gradients, variables);
            loss
        };
        (0..steps).map(|_| step().item::<f32>().unwrap()).collect()
    })
    .unwrap()
}

#[test]
fn losses_fall_as_on_the_cpu() {
    let Some(device) = gpu() else { return };
    let (there, here) = (losses(device, 40), losses(Device::cpu(), 40));
    assert!(there[39] < 0.5 * there[0], "{there:?}");
    for (there, here) in there.iter().zip(&here) {
        assert!((there - here).abs() < 1e-3 * here.abs().max(0.1), "{there} on the GPU, {here} on the CPU");
    }
    assert_eq!(losses(device, 40), there, "the same bits a second time");
}
