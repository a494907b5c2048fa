//! What the three ways gave, in words and pictures.

use super::Run;
use super::model::guesses;
use std::error::Error;
use std::path::Path;
use tenfold_examples::data::Digits;
use tenfold_examples::plot::{Curve, Guess, curves, digits};

/// A table of the runs.
pub fn print(runs: &[Run]) {
    println!("\n{:<12} {:>12} {:>12} {:>12} {:>12}", "way", "first loss", "last loss", "accuracy", "steps/s");
    for run in runs {
        let (first, last) = (run.losses.first().unwrap_or(&f32::NAN), run.losses.last().unwrap_or(&f32::NAN));
        let accuracy = run.epochs.last().map_or(f64::NAN, |e| e.1 * 100.0);
        println!(
            "{:<12} {first:>12.6} {last:>12.6} {accuracy:>10.2} % {:>12.0}",
            run.name, run.steps_per_second
        );
    }
    println!();
}

/// How many of the first losses on CPU and GPU are held to [`CLOSE`]; later ones drift apart, as rounding is amplified.
const FIRST: usize = 20;

/// How far apart they may be, as a share of the loss.
const CLOSE: f32 = 1e-4;

/// Eager and graph on the CPU must agree to the bit; the GPU must be close at the start.
pub fn compare(runs: &[Run]) -> Result<(), Box<dyn Error>> {
    let named = |name: &str| runs.iter().find(|r| r.name == name);
    if let (Some(eager), Some(graph)) = (named("eager, CPU"), named("graph, CPU")) {
        let bits = |run: &Run| run.losses.iter().map(|l| l.to_bits()).collect::<Vec<_>>();
        if bits(eager) != bits(graph) {
            let step = eager.losses.iter().zip(&graph.losses).position(|(a, b)| a.to_bits() != b.to_bits());
            return Err(format!("eager and graph differ first at step {step:?}").into());
        }
        println!("eager and graph: {} losses, equal to the bit", eager.losses.len());
    }
    if let (Some(cpu), Some(gpu)) = (named("graph, CPU"), named("graph, GPU")) {
        let apart = |(a, b): (&f32, &f32)| ((a - b) / a).abs();
        // A NaN stays.
        let larger = |most: f32, d: f32| if d > most || d.is_nan() { d } else { most };
        let largest = |n: usize| cpu.losses.iter().zip(&gpu.losses).take(n).map(apart).fold(0.0, larger);
        let (first, all) = (largest(FIRST), largest(usize::MAX));
        println!(
            "CPU and GPU: losses differ by at most {first:.1e} of their value in the first {FIRST} steps, {all:.1e} in all"
        );
        if first.is_nan() || first > CLOSE {
            return Err(format!("more than {CLOSE:.0e} apart: the GPU computes something else").into());
        }
    }
    Ok(())
}

/// The curves of all runs, and what the last one says of some digits: the wrong ones first.
pub fn pictures(folder: &Path, runs: &[Run], test: &Digits) -> Result<(), Box<dyn Error>> {
    let column = |f: fn(&(f64, f64)) -> f64| -> Vec<Vec<f64>> {
        runs.iter().map(|r| r.epochs.iter().map(f).collect()).collect()
    };
    let (loss, accuracy) = (column(|e| e.0), column(|e| e.1 * 100.0));
    let lines = |columns: &'_ [Vec<f64>]| {
        runs.iter()
            .zip(columns.to_vec())
            .map(|(r, values)| Curve { name: r.name, values })
            .collect::<Vec<_>>()
    };
    let charts = [("training loss", lines(&loss)), ("test accuracy, %", lines(&accuracy))];
    curves(&folder.join("curves.png"), &charts)?;

    let Some(run) = runs.last() else { return Ok(()) };
    let said = guesses(&run.model, test)?;
    let mut order: Vec<usize> = (0..test.len()).collect();
    order.sort_by_key(|i| said[*i] == test.labels[*i]);
    let shown: Vec<Guess<'_>> = order
        .iter()
        .take(40)
        .map(|i| Guess { pixels: test.image(*i), label: test.labels[*i], guess: said[*i] })
        .collect();
    digits(&folder.join("predictions.png"), &shown, 10)?;
    Ok(())
}
