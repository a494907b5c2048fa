//! What the peers that are crates share: arguments, weights, and the runner's own way of timing.

#![forbid(unsafe_code)]

#[path = "../../../src/figures.rs"]
#[allow(dead_code, reason = "the runner's file; a peer needs the products only")]
mod figures;
#[path = "../../../src/harness.rs"]
#[allow(dead_code, reason = "the runner's file; no peer needs all of it")]
mod harness;

pub use figures::PRODUCTS;
pub use harness::Case;
use std::path::PathBuf;

/// What the runner asks for.
pub struct Request {
    pub workload: String,
    pub data: PathBuf,
    pub threads: usize,
    pub least: f64,
}

impl Request {
    /// From the command line, as the runner writes it.
    pub fn read() -> Request {
        let words: Vec<String> = std::env::args().collect();
        let after = |name: &str| {
            let at = words.iter().position(|w| w == name).unwrap_or_else(|| panic!("{name} is missing"));
            words[at + 1].clone()
        };
        Request {
            workload: words[1].clone(),
            data: after("--data").into(),
            threads: after("--threads").parse().expect("a number of threads"),
            least: after("--least").parse().expect("seconds"),
        }
    }
    /// The weights: those of W8 alone for W13.
    pub fn arrays(&self) -> Arrays {
        let name = if self.workload == "W13" { "gan" } else { "all" };
        Arrays(std::fs::read(self.data.join(name).with_extension("safetensors")).expect("the weights"))
    }
    /// Answers the runner until it has enough.
    pub fn serve(&self, cases: Vec<Case>) {
        harness::serve(cases, self.least).expect("the runner listens");
    }
    /// W13's answer.
    pub fn end(&self, mode: &str, loss: f32) {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with("VmHWM"));
        let kib: f64 = line.and_then(|l| l.split_whitespace().nth(1)?.parse().ok()).unwrap_or(f64::NAN);
        println!("{}", serde_json::json!({ "mode": mode, "loss": loss, "peak_mb": kib / 1024.0 }));
    }
}

/// The file of weights.
pub struct Arrays(Vec<u8>);

impl Arrays {
    fn words<T>(&self, name: &str, from: fn([u8; 4]) -> T) -> (Vec<T>, Vec<usize>) {
        let file = safetensors::SafeTensors::deserialize(&self.0).expect("a file of weights");
        let view = file.tensor(name).unwrap_or_else(|_| panic!("the weights have no {name}"));
        let values = view.data().as_chunks::<4>().0.iter().map(|w| from(*w)).collect();
        (values, view.shape().to_vec())
    }
    /// Weights or inputs, and their shape.
    pub fn f32(&self, name: &str) -> (Vec<f32>, Vec<usize>) {
        self.words(name, f32::from_le_bytes)
    }
    /// Labels.
    pub fn i32(&self, name: &str) -> (Vec<i32>, Vec<usize>) {
        self.words(name, i32::from_le_bytes)
    }
}

/// Numbers that look normal, from a multiplicative generator: their values do not matter, that they differ does.
pub fn normal(n: usize) -> Vec<f32> {
    let mut state = 12345u64;
    let mut uniform = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 24) as f32
    };
    (0..n).map(|_| (0..4).map(|_| uniform() - 0.5).sum::<f32>() * 1.7).collect()
}
