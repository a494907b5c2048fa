//! W8: a generator and a discriminator that learn from each other, as two graphs and as one.

use super::model::{Dense, adam};
use super::{Arrays, fifth};
use crate::harness::Case;
use std::hint::black_box;
use tenfold as tf;
use tf::nn::{elu, sigmoid_cross_entropy_with_logits};
use tf::optimizers::Adam;
use tf::{Module, Tensor};

#[derive(tf::Module)]
struct Generator {
    first: Dense,
    second: Dense,
    output: Dense,
}

impl Generator {
    fn call(&self, noise: &Tensor) -> Tensor {
        let x = elu(&self.first.call(noise));
        let x = elu(&self.second.call(&x));
        self.output.call(&x)
    }
}

#[derive(tf::Module)]
struct Discriminator {
    hidden: Dense,
    output: Dense,
}

impl Discriminator {
    fn call(&self, x: &Tensor) -> Tensor {
        self.output.call(&elu(&self.hidden.call(x)))
    }
}

/// Both networks, each with its optimizer.
#[derive(tf::Structure)]
struct Gan {
    generator: Generator,
    discriminator: Discriminator,
    generator_adam: Adam,
    discriminator_adam: Adam,
}

fn real(logits: &Tensor) -> Tensor {
    sigmoid_cross_entropy_with_logits(&tf::ones_like(logits), logits).mean()
}

fn fake(logits: &Tensor) -> Tensor {
    sigmoid_cross_entropy_with_logits(&tf::zeros_like(logits), logits).mean()
}

impl Gan {
    fn new(arrays: &Arrays) -> Gan {
        Gan {
            generator: Generator {
                first: Dense::new(arrays, "w8.g1", "w8.gb1"),
                second: Dense::new(arrays, "w8.g2", "w8.gb2"),
                output: Dense::new(arrays, "w8.g3", "w8.gb3"),
            },
            discriminator: Discriminator {
                hidden: Dense::new(arrays, "w8.d1", "w8.db1"),
                output: Dense::new(arrays, "w8.d2", "w8.db2"),
            },
            generator_adam: adam(),
            discriminator_adam: adam(),
        }
    }
    fn discriminator_step(&self, x: &Tensor, noise: &Tensor) -> Tensor {
        let tape = tf::GradientTape::new();
        let generated = self.generator.call(noise);
        let loss = real(&self.discriminator.call(x)) + fake(&self.discriminator.call(&generated));
        let variables = self.discriminator.trainable_variables();
        self.discriminator_adam.apply_gradients(tape.gradient(&loss, &variables), &variables);
        loss
    }
    fn generator_step(&self, noise: &Tensor) -> Tensor {
        let tape = tf::GradientTape::new();
        let loss = real(&self.discriminator.call(&self.generator.call(noise)));
        let variables = self.generator.trainable_variables();
        self.generator_adam.apply_gradients(tape.gradient(&loss, &variables), &variables);
        loss
    }
}

#[tf::function]
fn discriminator_graph(gan: &Gan, x: &Tensor, noise: &Tensor) -> Tensor {
    gan.discriminator_step(x, noise)
}

#[tf::function]
fn generator_graph(gan: &Gan, noise: &Tensor) -> Tensor {
    gan.generator_step(noise)
}

fn pair(gan: &Gan, x: &Tensor, noise: &Tensor) -> Tensor {
    gan.discriminator_step(x, noise);
    gan.generator_step(noise)
}

#[tf::function]
fn pair_graph(gan: &Gan, x: &Tensor, noise: &Tensor) -> Tensor {
    pair(gan, x, noise)
}

fn two_graphs(gan: &Gan, x: &Tensor, noise: &Tensor) -> Tensor {
    discriminator_graph(gan, x, noise);
    generator_graph(gan, noise)
}

pub(super) fn cases(arrays: &Arrays) -> tf::Result<Vec<Case>> {
    type Pair = fn(&Gan, &Tensor, &Tensor) -> Tensor;
    let modes =
        [("eager", pair as Pair), ("two graphs", two_graphs as Pair), ("one graph", pair_graph as Pair)];
    let mut cases = Vec::new();
    for (mode, pair) in modes {
        let (gan, x, noise) = (Gan::new(arrays), arrays.tensor("w8.real"), arrays.tensor("w8.z"));
        let loss = fifth(|| pair(&gan, &x, &noise))?;
        let case = Case::calls("pair", mode, move || {
            black_box(pair(&gan, &x, &noise));
        });
        cases.push(case.loss(loss));
    }
    Ok(cases)
}

/// The last loss of 100 pairs.
pub(super) fn process(arrays: &Arrays) -> tf::Result<(&'static str, f32)> {
    let (gan, x, noise) = (Gan::new(arrays), arrays.tensor("w8.real"), arrays.tensor("w8.z"));
    for _ in 0..99 {
        pair_graph(&gan, &x, &noise);
    }
    Ok(("one graph", pair_graph(&gan, &x, &noise).item()?))
}
