//! W7: a small convolutional network, trained and asked, and one convolution with its two gradients.

use super::model::{Dense, adam, classify};
use super::{Arrays, fifth};
use crate::harness::Case;
use std::hint::black_box;
use tenfold as tf;
use tf::optimizers::Adam;
use tf::{Padding, Tensor, Variable};

#[derive(tf::Module)]
struct Conv {
    filters: Variable,
    bias: Variable,
}

impl Conv {
    fn call(&self, x: &Tensor) -> Tensor {
        (x.conv2d(&self.filters.read(), 1, Padding::Valid) + &self.bias).relu()
    }
}

#[derive(tf::Module)]
struct Cnn {
    convolutions: [Conv; 2],
    hidden: Dense,
    output: Dense,
}

impl Cnn {
    fn new(arrays: &Arrays) -> Cnn {
        let conv = |filters, bias| Conv { filters: arrays.variable(filters), bias: arrays.variable(bias) };
        Cnn {
            convolutions: [conv("w7.c1", "w7.cb1"), conv("w7.c2", "w7.cb2")],
            hidden: Dense::new(arrays, "w7.d1", "w7.db1"),
            output: Dense::new(arrays, "w7.d2", "w7.db2"),
        }
    }
    fn call(&self, x: &Tensor) -> Tensor {
        let x = self.convolutions[1].call(&self.convolutions[0].call(x));
        let x = x.max_pool2d(2, 2, Padding::Valid).reshape([-1, 9216]);
        self.output.call(&self.hidden.call(&x).relu())
    }
}

#[tf::function]
fn train(model: &Cnn, adam: &Adam, x: &Tensor, y: &Tensor) -> Tensor {
    classify(model, adam, y, || model.call(x))
}

#[tf::function]
fn infer(model: &Cnn, x: &Tensor) -> Tensor {
    model.call(x)
}

#[tf::function]
fn forward(x: &Tensor, filters: &Tensor) -> Tensor {
    x.conv2d(filters, 1, Padding::Same)
}

/// The gradients that are asked for, with ones coming from above.
#[tf::function]
fn gradients(x: &Tensor, filters: &Tensor, for_x: bool, for_filters: bool) -> Vec<Tensor> {
    let tape = tf::GradientTape::new();
    let mut sources = Vec::new();
    for source in [for_x.then_some(x), for_filters.then_some(filters)].into_iter().flatten() {
        tape.watch(source);
        sources.push(source.clone());
    }
    let y = x.conv2d(filters, 1, Padding::Same);
    let mut results = tape.gradient(&y, &sources);
    if for_x && for_filters {
        results.push(y);
    }
    results
}

pub(super) fn cases(arrays: &Arrays) -> tf::Result<Vec<Case>> {
    let (images, labels) = (arrays.tensor("w7.x"), arrays.tensor("w7.y"));
    let (model, optimizer, x) = (Cnn::new(arrays), adam(), images.clone());
    let loss = fifth(|| train(&model, &optimizer, &x, &labels))?;
    let training = Case::calls("train", "graph", move || {
        black_box(train(&model, &optimizer, &x, &labels));
    });
    let model = Cnn::new(arrays);
    let inference = Case::calls("infer", "graph", move || {
        black_box(infer(&model, &images));
    });
    let (x, filters) = (arrays.tensor("w7.cx"), arrays.tensor("w7.cw"));
    let mut cases = vec![training.loss(loss), inference];
    for (variant, for_x, for_filters) in
        [("conv_dx", true, false), ("conv_dw", false, true), ("conv_y_dx_dw", true, true)]
    {
        let (x, filters) = (x.clone(), filters.clone());
        cases.push(Case::calls(variant, "graph", move || {
            black_box(gradients(&x, &filters, for_x, for_filters));
        }));
    }
    cases.push(Case::calls("conv_y", "graph", move || {
        black_box(forward(&x, &filters));
    }));
    Ok(cases)
}
