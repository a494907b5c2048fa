//! Learning handwritten digits three ways: eagerly, as one traced graph on the CPU, as one traced graph on the GPU.
//!
//! The three are the same program. Eager and traced give the same losses to the bit; the GPU's differ in the last digits,
//! because its exponentials do. `cargo run --release --example digits -- --help` shows the options.

#![allow(clippy::print_stdout, reason = "an example speaks to a person")]

mod model;
mod report;

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use model::{Mlp, accuracy, step_eagerly, train_step};
use std::path::PathBuf;
use std::time::Instant;
use tenfold as tf;
use tenfold_examples::data::Digits;
use tf::Module;
use tf::optimizers::Adam;
use tf::random::Generator;

/// Learn handwritten digits eagerly, as a graph on the CPU, and as a graph on the GPU, and compare the three.
#[derive(Parser, Debug)]
struct Options {
    /// Passes over the training data.
    #[arg(long, default_value_t = 40)]
    epochs: usize,
    /// Images in a batch.
    #[arg(long, default_value_t = 32)]
    batch: usize,
    /// Units of each hidden layer.
    #[arg(long, value_delimiter = ',', default_values_t = [128, 64])]
    hidden: Vec<usize>,
    /// Adam's learning rate.
    #[arg(long, default_value_t = 0.002)]
    rate: f64,
    /// Seed of weights, split and order.
    #[arg(long, default_value_t = 1)]
    seed: i64,
    /// Where pictures and weights go.
    #[arg(long, default_value = "digits-out")]
    out: PathBuf,
    /// Which ways to learn: eager, graph, gpu. The GPU is left out when there is none.
    #[arg(long, value_delimiter = ',', default_values_t = ["eager".to_string(), "graph".to_string(), "gpu".to_string()])]
    ways: Vec<String>,
    /// Few epochs, to see that it runs. `TENFOLD_SHORT=1` does the same.
    #[arg(long)]
    short: bool,
}

/// What one way of learning gave.
pub struct Run {
    name: &'static str,
    losses: Vec<f32>,
    /// Mean loss and test accuracy after each epoch.
    epochs: Vec<(f64, f64)>,
    steps_per_second: f64,
    model: Mlp,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut options = Options::parse();
    if options.short || tenfold_examples::short() {
        options.epochs = options.epochs.min(3);
    }
    std::fs::create_dir_all(&options.out)?;
    let digits = Digits::load()?;
    let (train, test) = digits.split(0.8, &Generator::from_seed(options.seed))?;
    println!("{} digits to learn from, {} to be tested on\n", train.len(), test.len());

    let mut runs: Vec<Run> = vec![];
    for way in &options.ways {
        let (name, device) = match way.as_str() {
            "eager" => ("eager, CPU", "CPU:0"),
            "graph" => ("graph, CPU", "CPU:0"),
            "gpu" => ("graph, GPU", "GPU:0"),
            other => return Err(format!("--ways takes eager, graph and gpu, not `{other}`").into()),
        };
        if let Err(why) = tf::Device::named(device) {
            println!("{name}: left out. {}", why.hint().unwrap_or(why.message()));
            continue;
        }
        match tf::with_device(device, || learn(name, way == "eager", &options, &train, &test)).flatten() {
            Ok(run) => runs.push(run),
            Err(why) if why.kind() == tf::Kind::Unimplemented => println!("{name}: left out. {why}"),
            Err(why) => return Err(why.into()),
        }
    }
    report::print(&runs);
    report::compare(&runs)?;

    if let Some(best) = runs.last() {
        let weights = options.out.join("digits.safetensors");
        best.model.save(&weights)?;
        let again = Mlp::new(&options.hidden, &Generator::from_seed(options.seed + 1));
        again.load(&weights)?;
        let (before, after) = (accuracy(&best.model, &test)?, accuracy(&again, &test)?);
        println!("saved and loaded again: accuracy {:.2} % and {:.2} %", before * 100.0, after * 100.0);
        if before != after {
            return Err("the loaded weights are not the saved ones".into());
        }
        report::pictures(&options.out, &runs, &test)?;
    }
    let (x, y) = test.tensors()?;
    if let Some(run) = runs.iter().find(|r| r.name == "graph, CPU") {
        let graph = train_step::graph(&run.model, &Adam::new(options.rate), &x, &y)?;
        std::fs::write(options.out.join("step.svg"), graph.to_svg())?;
    }
    println!("pictures and weights are in {}", options.out.display());
    Ok(())
}

fn learn(
    name: &'static str,
    eagerly: bool,
    options: &Options,
    train: &Digits,
    test: &Digits,
) -> tf::Result<Run> {
    // Every way begins with the same weights and sees the same batches.
    let model = Mlp::new(&options.hidden, &Generator::from_seed(options.seed));
    let order = Generator::from_seed(options.seed + 100);
    let adam = Adam::new(options.rate);
    let steps = options.epochs * train.len().div_ceil(options.batch.max(1));
    let bar = ProgressBar::new(steps as u64).with_prefix(name);
    if let Ok(style) = ProgressStyle::with_template("{prefix}  {bar:30} {pos:>5}/{len} steps  {msg}") {
        bar.set_style(style);
    }
    let traces = train_step::trace_count();
    let mut run = Run { name, losses: vec![], epochs: vec![], steps_per_second: 0.0, model };
    let mut seconds = 0.0;
    for _ in 0..options.epochs {
        let batches = train.batches(options.batch, &order)?;
        let batches = batches
            .into_iter()
            .map(|(x, y)| Ok((x.to(tf::Device::current())?, y.to(tf::Device::current())?)));
        let batches = batches.collect::<tf::Result<Vec<_>>>()?;
        let started = Instant::now();
        let mut losses = vec![];
        for (x, y) in &batches {
            losses.push(match eagerly {
                true => step_eagerly(&run.model, &adam, x, y),
                false => train_step(&run.model, &adam, x, y),
            });
            bar.inc(1);
        }
        // Reading back waits for the device.
        let losses = losses.iter().map(|l| l.item::<f32>()).collect::<tf::Result<Vec<_>>>()?;
        seconds += started.elapsed().as_secs_f64();
        let mean = losses.iter().map(|l| f64::from(*l)).sum::<f64>() / losses.len() as f64;
        run.losses.extend(losses);
        let right = accuracy(&run.model, test)?;
        run.epochs.push((mean, right));
        bar.set_message(format!("loss {mean:.4}  accuracy {:.2} %", right * 100.0));
    }
    bar.finish();
    run.steps_per_second = steps as f64 / seconds;
    if !eagerly {
        println!("{name}: traced {} time(s) for {steps} steps", train_step::trace_count() - traces);
    }
    Ok(run)
}
