//! Trainings recorded from TensorFlow, done again: every loss, metric and final weight, eagerly and as one graph a step.
//!
//! Weights and data are the recording's. Eager and traced runs must give the same bits; both must be as near to the
//! recording as [`OWN`] says. A recording of another folder (`TENFOLD_FIXTURES`) is held to its own tolerances.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use tenfold as tf;
use tenfold_testing::cases::{to_array, to_tensor};
use tenfold_testing::compare;
use tenfold_testing::fixtures::{self, Array, Compare, Curve};
use tf::optimizers::{Adam, Sgd};
use tf::{Module, Tensor, Variable, losses};

/// How near losses, metrics and weights are to this repository's recordings: `atol + rtol·|expected|`, a few roundings of
/// f32 after 20 steps. Not nearer, because TensorFlow adds up the products of matrices in another order.
const OWN: Tolerance = Tolerance { rtol: 1e-6, atol: 1e-6 };

#[derive(Clone, Copy)]
struct Tolerance {
    rtol: f64,
    atol: f64,
}

/// What a training gives: arrays under the recording's names.
type Results = BTreeMap<String, Tensor>;

/// Layers one after another.
#[derive(tf::Module)]
struct Model {
    layers: Vec<Layer>,
}

/// What the recorded models are made of.
#[derive(tf::Module)]
enum Layer {
    /// `activation(x·kernel + bias)`.
    Dense { kernel: Variable, bias: Option<Variable>, activation: String },
    /// `keras.layers.BatchNormalization(momentum=0.9)` and relu.
    Normalised { gamma: Variable, beta: Variable, mean: Variable, variance: Variable },
}

impl Layer {
    fn call(&self, x: &Tensor, training: bool) -> Tensor {
        match self {
            Layer::Dense { kernel, bias, activation } => {
                let y = x.matmul(kernel);
                let y = bias.as_ref().map_or(y.clone(), |b| y + b);
                match activation.as_str() {
                    "" | "linear" => y,
                    "relu" => y.relu(),
                    "elu" => y.elu(),
                    "tanh" => y.tanh(),
                    "sigmoid" => y.sigmoid(),
                    other => panic!("the recording uses the activation `{other}`, which this test lacks"),
                }
            }
            Layer::Normalised { gamma, beta, mean, variance } => {
                let (m, v) = if training {
                    let (m, v) = tf::moments(x, 0, false);
                    mean.assign(mean * 0.9 + &m * (1.0 - 0.9));
                    variance.assign(variance * 0.9 + &v * (1.0 - 0.9));
                    (m, v)
                } else {
                    (mean.read(), variance.read())
                };
                tf::nn::batch_normalization(x, &m, &v, Some(&beta.read()), Some(&gamma.read()), 1e-3).relu()
            }
        }
    }
}

impl Model {
    /// Dense layers whose weights are the arrays `{prefix}0` (kernel), `{prefix}1` (bias) and so on.
    fn dense(curve: &Curve, prefix: &str, activations: &[&str]) -> Model {
        let layer = |(i, activation): (usize, &&str)| Layer::Dense {
            kernel: variable(curve, &format!("{prefix}{}", 2 * i)),
            bias: Some(variable(curve, &format!("{prefix}{}", 2 * i + 1))),
            activation: activation.to_string(),
        };
        Model { layers: activations.iter().enumerate().map(layer).collect() }
    }
    fn call(&self, x: &Tensor) -> Tensor {
        self.run(x, false)
    }
    fn run(&self, x: &Tensor, training: bool) -> Tensor {
        self.layers.iter().fold(x.clone(), |x, layer| layer.call(&x, training))
    }
    /// The weights as they are now, under the recording's names.
    fn weights(&self, prefix: &str, results: &mut Results) {
        for (i, v) in self.variables().iter().enumerate() {
            results.insert(format!("{prefix}{i}"), v.read());
        }
    }
}

fn tensor(array: &Array) -> Tensor {
    to_tensor(array).unwrap()
}

fn variable(curve: &Curve, name: &str) -> Variable {
    Variable::named(name, tensor(curve.tensor(name)))
}

fn vector(values: &[f32]) -> Tensor {
    tf::constant(values.to_vec())
}

fn one(x: &Tensor) -> f32 {
    x.item().unwrap()
}

fn number(curve: &Curve, key: &str) -> f64 {
    curve.info[key].as_f64().unwrap()
}

fn text<'a>(curve: &'a Curve, key: &str) -> &'a str {
    curve.info[key].as_str().unwrap()
}

/// Adam's step down the gradient of `loss` for one model's variables.
fn descend(tape: tf::GradientTape, loss: &Tensor, model: &Model, adam: &Adam) {
    let variables = model.trainable_variables();
    adam.apply_gradients(tape.gradient(loss, &variables), &variables);
}

// The two networks.

fn cross_entropy(truth: &Tensor, logits: &Tensor) -> Tensor {
    tf::sigmoid_cross_entropy_with_logits(truth, logits).mean()
}

fn discriminate(d: &Model, g: &Model, adam: &Adam, z: &Tensor, real: &Tensor) -> Tensor {
    let tape = tf::GradientTape::new();
    let (yes, no) = (d.call(real), d.call(&g.call(z)));
    let loss = cross_entropy(&tf::ones_like(&yes), &yes) + cross_entropy(&tf::zeros_like(&no), &no);
    descend(tape, &loss, d, adam);
    loss
}

fn generate(d: &Model, g: &Model, adam: &Adam, z: &Tensor) -> Tensor {
    let tape = tf::GradientTape::new();
    let fooled = d.call(&g.call(z));
    let loss = cross_entropy(&tf::ones_like(&fooled), &fooled);
    descend(tape, &loss, g, adam);
    loss
}

#[tf::function]
fn discriminate_traced(d: &Model, g: &Model, adam: &Adam, z: &Tensor, real: &Tensor) -> Tensor {
    discriminate(d, g, adam, z, real)
}

#[tf::function]
fn generate_traced(d: &Model, g: &Model, adam: &Adam, z: &Tensor) -> Tensor {
    generate(d, g, adam, z)
}

/// The activations in a text such as `Dense(64,elu) Dense(1) on 100`.
fn activations(layers: &str) -> Vec<&str> {
    let dense = layers.split_whitespace().filter_map(|word| word.strip_prefix("Dense(")?.strip_suffix(')'));
    dense.map(|inside| inside.split_once(',').map_or("", |(_, activation)| activation)).collect()
}

fn gan(curve: &Curve, traced: bool) -> Results {
    let g = Model::dense(curve, "gen.w0.", &activations(text(curve, "generator")));
    let d = Model::dense(curve, "dis.w0.", &activations(text(curve, "discriminator")));
    let rate = number(curve, "learning_rate");
    let (adam_d, adam_g) = (Adam::new(rate), Adam::new(rate));
    let [z_d, z_g, real] = ["z_d", "z_g", "real"].map(|name| tensor(curve.tensor(name)));
    let (mut d_loss, mut g_loss) = (vec![], vec![]);
    for k in 0..number(curve, "steps") as i64 {
        let [z_d, z_g, real] = [&z_d, &z_g, &real].map(|x| x.slice(tf::s![k]));
        let loss = if traced { discriminate_traced } else { discriminate };
        d_loss.push(one(&loss(&d, &g, &adam_d, &z_d, &real)));
        let loss = if traced { generate_traced } else { generate };
        g_loss.push(one(&loss(&d, &g, &adam_g, &z_g)));
    }
    let mut results = Results::from([
        ("d_loss".to_string(), vector(&d_loss)),
        ("g_loss".to_string(), vector(&g_loss)),
        // The recording asks the trained generator about the first noise.
        ("gen_out_after".to_string(), g.call(&z_g.slice(tf::s![0]))),
    ]);
    g.weights("gen.w1.", &mut results);
    d.weights("dis.w1.", &mut results);
    results
}

// The digits.

/// Loss and share of right answers of one batch, before the step.
fn classify(model: &Model, adam: &Adam, x: &Tensor, y: &Tensor) -> (Tensor, Tensor) {
    let tape = tf::GradientTape::new();
    let logits = model.call(x);
    let loss = losses::sparse_categorical_crossentropy_from_logits(y, &logits).mean();
    descend(tape, &loss, model, adam);
    let right = logits.argmax(-1).cast(y.dtype()).equal(y);
    (loss, right.cast(tf::f32).mean())
}

#[tf::function]
fn classify_traced(model: &Model, adam: &Adam, x: &Tensor, y: &Tensor) -> (Tensor, Tensor) {
    classify(model, adam, x, y)
}

fn classifier(curve: &Curve, traced: bool) -> Results {
    let hidden = curve.info["hidden"].as_array().unwrap().len();
    let mut layers = vec![text(curve, "activation"); hidden];
    layers.push("");
    let model = Model::dense(curve, "w0.", &layers);
    let adam = Adam::new(number(curve, "learning_rate"));
    let x = tensor(curve.tensor("x")).cast(tf::f32) / 16.0;
    let y = tensor(curve.tensor("y")).cast(tf::i32);
    let batches = tensor(curve.tensor("batch_indices"));
    let (mut loss, mut accuracy) = (vec![], vec![]);
    for k in 0..number(curve, "steps") as i64 {
        let batch = batches.slice(tf::s![k]);
        let step = if traced { classify_traced } else { classify };
        let (l, a) = step(&model, &adam, &x.gather(&batch, 0), &y.gather(&batch, 0));
        loss.push(one(&l));
        accuracy.push(one(&a));
    }
    let mut results = Results::from([
        ("loss".to_string(), vector(&loss)),
        ("accuracy".to_string(), vector(&accuracy)),
        ("final_logits_first_100".to_string(), model.call(&x.slice(tf::s![..100]))),
    ]);
    model.weights("w1.", &mut results);
    results
}

// What `model.fit` does.

/// Loss of one batch, and its logits, before the step.
fn fit_step(model: &Model, sgd: &Sgd, x: &Tensor, y: &Tensor, weights: &Tensor) -> (Tensor, Tensor) {
    let tape = tf::GradientTape::new();
    let logits = model.run(x, true);
    let loss = (losses::binary_crossentropy_from_logits(y, &logits) * weights).mean();
    let variables = model.trainable_variables();
    sgd.apply_gradients(tape.gradient(&loss, &variables), &variables);
    (loss, logits)
}

#[tf::function]
fn fit_step_traced(model: &Model, sgd: &Sgd, x: &Tensor, y: &Tensor, weights: &Tensor) -> (Tensor, Tensor) {
    fit_step(model, sgd, x, y, weights)
}

/// A recorded model by the names of its weights: `model/layer/weight`.
fn named_layers(curve: &Curve) -> Model {
    let names: Vec<&str> =
        curve.info["weights"].as_array().unwrap().iter().map(|w| w.as_str().unwrap()).collect();
    let weight = |i: usize| Variable::named(names[i], tensor(curve.tensor(&format!("w0.{i}"))));
    let moving = |i: usize| Variable::untrainable(names[i], tensor(curve.tensor(&format!("w0.{i}"))));
    let (mut layers, mut i) = (vec![], 0);
    while i < names.len() {
        let kinds: Vec<&str> = names[i..].iter().map(|n| n.rsplit('/').next().unwrap()).collect();
        let layer = match kinds[..] {
            ["gamma", "beta", "moving_mean", "moving_variance", ..] => Layer::Normalised {
                gamma: weight(i),
                beta: weight(i + 1),
                mean: moving(i + 2),
                variance: moving(i + 3),
            },
            ["kernel", "bias", ..] => {
                Layer::Dense { kernel: weight(i), bias: Some(weight(i + 1)), activation: String::new() }
            }
            ["kernel", ..] => Layer::Dense { kernel: weight(i), bias: None, activation: String::new() },
            _ => panic!("no layer of this test begins with the weight `{}`", names[i]),
        };
        i += layer.variables().len();
        layers.push(layer);
    }
    Model { layers }
}

/// The metrics of an epoch from all logits and truths.
struct Scores {
    logits: Vec<Tensor>,
    truths: Vec<Tensor>,
}

impl Scores {
    fn accuracy(&self) -> f32 {
        let (logits, truths) = (tf::concat(&self.logits, 0), tf::concat(&self.truths, 0));
        one(&logits.greater(0.0).equal(truths.greater(0.5)).cast(tf::f32).mean())
    }
    /// `keras.metrics.AUC()`: the area under the ROC curve by trapezoids between 200 thresholds.
    fn auc(&self) -> f32 {
        let p = tf::concat(&self.logits, 0).sigmoid().reshape([-1, 1]);
        let truths = tf::concat(&self.truths, 0).reshape([-1, 1]);
        let inner = (1..199).map(|i| i as f32 / 199.0);
        let thresholds: Vec<f32> = std::iter::once(-1e-7).chain(inner).chain([1.0 + 1e-7]).collect();
        let said = p.greater(vector(&thresholds)).cast(tf::f32);
        let rate = |of: &Tensor| (&said * of).reduce_sum(0, false) / of.reduce_sum(0, false);
        let (hits, alarms) = (rate(&truths), rate(&(1.0 - &truths)));
        let (from, to) = (tf::s![..-1], tf::s![1..]);
        let heights = (hits.slice(from.clone()) + hits.slice(to.clone())) / 2.0;
        one(&((alarms.slice(from) - alarms.slice(to)) * heights).reduce_sum(0, false))
    }
}

/// The weight of each example by its class; 1 where the recording has none.
fn class_weights(curve: &Curve, y: &Tensor) -> Tensor {
    let of = |class: &str| curve.info["class_weight"].get(class).map_or(1.0, |w| w.as_f64().unwrap());
    let y = y.reshape([-1]);
    (1.0 - &y) * of("0") + y * of("1")
}

fn fit(curve: &Curve, traced: bool) -> Results {
    let model = named_layers(curve);
    let sgd = Sgd::new(number(curve, "learning_rate")).momentum(number(curve, "momentum"));
    let (x, y) = (tensor(curve.tensor("x")), tensor(curve.tensor("y")));
    let rows = x.shape().to_vec()[0] as i64;
    // The note says `rows 0..79 train`, the last one included; the others are for validation.
    let last =
        text(curve, "note").split_once("rows 0..").and_then(|(_, rest)| rest.split_whitespace().next());
    let trained = last.and_then(|n| n.parse::<i64>().ok()).unwrap() + 1;
    assert!(trained < rows, "{}: no rows are left for validation", curve.id);
    let batch = number(curve, "batch_size") as i64;
    let mut history: BTreeMap<&str, Vec<f32>> = BTreeMap::new();
    for _ in 0..curve.info["history"]["loss"].as_array().unwrap().len() {
        let mut scores = Scores { logits: vec![], truths: vec![] };
        let (mut sum, mut from) = (0.0, 0);
        while from < trained {
            let to = (from + batch).min(trained);
            let (x, y) = (x.slice(tf::s![from..to]), y.slice(tf::s![from..to]));
            let step = if traced { fit_step_traced } else { fit_step };
            let (loss, logits) = step(&model, &sgd, &x, &y, &class_weights(curve, &y));
            sum += one(&loss) * (to - from) as f32;
            scores.logits.push(logits);
            scores.truths.push(y);
            from = to;
        }
        let (x, y) = (x.slice(tf::s![trained..]), y.slice(tf::s![trained..]));
        let logits = model.call(&x);
        let loss = one(&losses::binary_crossentropy_from_logits(&y, &logits).mean());
        let seen = Scores { logits: vec![logits], truths: vec![y] };
        let row = [
            ("loss", sum / trained as f32),
            ("accuracy", scores.accuracy()),
            ("auc", scores.auc()),
            ("val_loss", loss),
            ("val_accuracy", seen.accuracy()),
            ("val_auc", seen.auc()),
        ];
        row.into_iter().for_each(|(name, value)| history.entry(name).or_default().push(value));
    }
    let mut results: Results =
        history.into_iter().map(|(k, v)| (format!("history.{k}"), vector(&v))).collect();
    model.weights("w1.", &mut results);
    results
}

// Recorded against done.

/// What was recorded under a result's name.
fn recorded(curve: &Curve, name: &str) -> Array {
    let Some(name) = name.strip_prefix("history.") else { return curve.tensor(name).clone() };
    let values = curve.info["history"][name].as_array().unwrap();
    let values: Vec<f32> = values.iter().map(|v| v.as_f64().unwrap() as f32).collect();
    to_array(&vector(&values)).unwrap()
}

/// The tolerance of the recording itself for a result.
fn stated(curve: &Curve, name: &str) -> Tolerance {
    let of = |key: &str| curve.info["tol"].get(key).and_then(fixtures::number);
    match name.contains("loss") || name.contains("accuracy") {
        _ if of("rtol").is_some() => Tolerance { rtol: of("rtol").unwrap(), atol: of("rtol").unwrap() },
        true => Tolerance { rtol: of("loss_rtol").unwrap(), atol: 0.0 },
        false => Tolerance { rtol: of("loss_rtol").unwrap(), atol: of("weights_atol").unwrap() },
    }
}

/// Trains every curve of a kind twice and compares: the runs with each other, one run with the recording.
fn check(kind: &str, train: fn(&Curve, bool) -> Results) -> usize {
    let curves = fixtures::curves().unwrap();
    let curves: Vec<&Curve> = curves.iter().filter(|c| c.kind == kind).collect();
    assert!(!curves.is_empty(), "no training of the kind {kind} is recorded");
    let mut wrong = vec![];
    for curve in &curves {
        let [eager, traced] = [train(curve, false), train(curve, true)];
        let unnamed = |t: &&String| (t.contains("w1.") || t.contains("loss")) && !eager.contains_key(*t);
        assert_eq!(curve.tensors.keys().filter(unnamed).count(), 0, "{}: an array is not compared", curve.id);
        for ((name, got), again) in eager.iter().zip(traced.values()) {
            let [got, again] = [got, again].map(|x| to_array(x).unwrap());
            assert_eq!(got.bytes, again.bytes, "{}: {name} of the traced run has other bits", curve.id);
            let own = std::env::var_os("TENFOLD_FIXTURES").is_none();
            let Tolerance { rtol, atol } = if own { OWN } else { stated(curve, name) };
            let answer = compare::by(Compare::AllClose, &got, &recorded(curve, name), rtol, atol);
            wrong.extend(answer.err().map(|what| format!("{}: {name}: {what}", curve.id)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    curves.len()
}

#[test]
fn the_two_networks() {
    let curves = check("gan", gan);
    assert_eq!((discriminate_traced::trace_count(), generate_traced::trace_count()), (curves, curves));
}

#[test]
fn the_digits() {
    let curves = check("classifier", classifier);
    tf::assert_traces!(classify_traced, curves);
}

#[test]
fn a_whole_fit() {
    check("model.fit", fit);
    assert!(fit_step_traced::trace_count() > 0);
}

/// No recording is passed over.
#[test]
fn every_recorded_training_is_done_again() {
    for curve in fixtures::curves().unwrap() {
        assert!(["gan", "classifier", "model.fit"].contains(&curve.kind.as_str()), "{}", curve.id);
    }
}
