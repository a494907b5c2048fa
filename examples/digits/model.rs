//! The network and its training step.

use tenfold as tf;
use tenfold_examples::data::{Digits, PIXELS};
use tf::optimizers::Adam;
use tf::random::Generator;
use tf::{Module, Tensor, Variable, losses};

/// A layer `x·kernel + bias`.
#[derive(tf::Module)]
pub struct Dense {
    kernel: Variable,
    bias: Variable,
}

impl Dense {
    /// Glorot's uniform weights: between ±√(6 / (inputs + units)).
    fn new(inputs: usize, units: usize, generator: &Generator) -> Dense {
        let limit = (6.0 / (inputs + units) as f64).sqrt();
        let kernel = generator.uniform([inputs, units]) * (2.0 * limit) - limit;
        Dense { kernel: Variable::named("kernel", kernel), bias: Variable::named("bias", tf::zeros([units])) }
    }
    fn call(&self, x: &Tensor) -> Tensor {
        x.matmul(&self.kernel) + &self.bias
    }
}

/// Dense layers with relu between them.
#[derive(tf::Module)]
pub struct Mlp {
    hidden: Vec<Dense>,
    output: Dense,
}

impl Mlp {
    /// For images of 64 pixels and ten digits.
    pub fn new(hidden: &[usize], generator: &Generator) -> Mlp {
        let sizes: Vec<usize> = std::iter::once(PIXELS).chain(hidden.iter().copied()).collect();
        Mlp {
            hidden: sizes.windows(2).map(|s| Dense::new(s[0], s[1], generator)).collect(),
            output: Dense::new(sizes[sizes.len() - 1], 10, generator),
        }
    }
    /// The ten logits of each image.
    pub fn call(&self, x: &Tensor) -> Tensor {
        let mut x = x.clone();
        for (i, layer) in self.hidden.iter().enumerate() {
            x = tf::name_scope(&format!("hidden_{i}"), || layer.call(&x).relu());
        }
        tf::name_scope("output", || self.output.call(&x))
    }
}

/// One step of training, as one graph for every size of batch.
#[tf::function(signature = [x: [batch, 64], y: [batch]])]
pub fn train_step(model: &Mlp, adam: &Adam, x: &Tensor, y: &Tensor) -> Tensor {
    step_eagerly(model, adam, x, y)
}

/// The same step, run op by op.
pub fn step_eagerly(model: &Mlp, adam: &Adam, x: &Tensor, y: &Tensor) -> Tensor {
    let tape = tf::GradientTape::new();
    let loss = losses::sparse_categorical_crossentropy_from_logits(y, &model.call(x)).mean();
    let variables = model.trainable_variables();
    adam.apply_gradients(tape.gradient(&loss, &variables), &variables);
    loss
}

/// The share of digits that the model gets right.
pub fn accuracy(model: &Mlp, digits: &Digits) -> tf::Result<f64> {
    let guesses = guesses(model, digits)?;
    let right = guesses.iter().zip(&digits.labels).filter(|(g, l)| g == l).count();
    Ok(right as f64 / digits.len() as f64)
}

/// What the model says of each digit.
pub fn guesses(model: &Mlp, digits: &Digits) -> tf::Result<Vec<i32>> {
    let device = model.variables()[0].device();
    let (x, _) = digits.tensors()?;
    let logits = tf::catch(|| x.to(device).map(|x| model.call(&x)))??.to_vec::<f32>()?;
    let largest = |row: &[f32]| (0..row.len()).max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap_or(0) as i32;
    Ok(logits.chunks(10).map(largest).collect())
}
