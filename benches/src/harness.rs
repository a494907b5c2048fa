//! How a call is timed, and how a program answers for its cases on standard input and output.
//!
//! A program builds all cases of a workload, warms them up and names them, one JSON line each; then, for each number that it reads, it
//! measures that case once and answers with seconds a call. So programs of several frameworks stay warm and can take turns.

use serde_json::{Value, json};
use std::io::{BufRead, Write};
use std::time::Instant;

/// One thing that is measured.
pub struct Case {
    /// The variant of a [`Figure`](crate::figures::Figure).
    pub variant: &'static str,
    /// How it is called: `eager`, `graph`, ..
    pub mode: &'static str,
    /// The loss of the fifth step, where there is one.
    pub loss: Option<f64>,
    measure: Box<dyn FnMut(f64) -> f64>,
}

impl Case {
    /// A case that is called over and over, as often as the time for one measurement allows.
    pub fn calls(variant: &'static str, mode: &'static str, mut f: impl FnMut() + 'static) -> Case {
        let mut calls = None;
        let measure = move |least: f64| {
            if least == 0.0 {
                return seconds(1, &mut f);
            }
            // The processor's caches and clock belong to whoever ran before.
            f();
            let n = *calls.get_or_insert_with(|| enough(least, &mut f));
            seconds(n, &mut f) / n as f64
        };
        Case { variant, mode, loss: None, measure: Box::new(measure) }
    }
    /// A case that is called once a measurement and says itself how many seconds counted.
    pub fn once(variant: &'static str, mode: &'static str, mut f: impl FnMut() -> f64 + 'static) -> Case {
        Case { variant, mode, loss: None, measure: Box::new(move |_| f()) }
    }
    /// With the loss that shows that the work is the same.
    pub fn loss(mut self, loss: f32) -> Case {
        self.loss = Some(f64::from(loss));
        self
    }
    /// With `n` times the work of what the figure counts in each call.
    pub fn per(mut self, n: f64) -> Case {
        let mut measure = self.measure;
        self.measure = Box::new(move |least| measure(least) / n);
        self
    }
    /// Seconds a call, from one measurement of at least `least` seconds; from a single call if that is nothing.
    pub fn measure(&mut self, least: f64) -> f64 {
        (self.measure)(least)
    }
}

fn seconds(n: u64, f: &mut impl FnMut()) -> f64 {
    let started = Instant::now();
    for _ in 0..n {
        f();
    }
    started.elapsed().as_secs_f64()
}

/// How many calls take at least `least` seconds.
fn enough(least: f64, f: &mut impl FnMut()) -> u64 {
    let mut n = 1;
    loop {
        let took = seconds(n, f);
        if took >= least * 0.3 {
            return ((n as f64 * least / took) as u64).max(1);
        }
        n = (n * 10).min((n as f64 * 0.5 * least / took.max(1e-9)) as u64).max(n + 1);
    }
}

/// Serves `cases` until the input ends.
///
/// # Errors
///
/// If the other side is gone or asks for a case that there is not.
pub fn serve(mut cases: Vec<Case>, least: f64) -> Result<(), Box<dyn std::error::Error>> {
    let mut out = std::io::stdout().lock();
    let mut say = |line: Value| writeln!(out, "{line}").and_then(|()| out.flush());
    for case in &cases {
        say(json!({ "variant": case.variant, "mode": case.mode, "loss": case.loss }))?;
    }
    say(json!({ "ready": cases.len() }))?;
    for line in std::io::stdin().lock().lines() {
        let index: usize = line?.trim().parse()?;
        let case = cases.get_mut(index).ok_or("there is no such case")?;
        say(json!({ "seconds": case.measure(least) }))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn seconds_a_call() {
        let mut case = Case::calls("v", "m", || std::thread::sleep(Duration::from_millis(2)));
        let once = case.measure(0.01);
        assert!((0.002..0.02).contains(&once), "{once}");
        let mut half = Case::calls("v", "m", || std::thread::sleep(Duration::from_millis(2))).per(2.0);
        assert!(half.measure(0.01) < once);
    }
}
