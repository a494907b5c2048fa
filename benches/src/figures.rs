//! What is measured: each figure's unit, its work, the limit of the machine that it is held against, and the loss that shows that
//! everyone did the same work. Programs report seconds a call and a loss; everything else is said here, once.

/// What bounds a figure, and how much of it one call needs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Limit {
    /// No physical limit worth the name: the cost is the framework's own.
    Own,
    /// f32 operations, a multiply-add counting as two.
    F32(f64),
    /// f64 operations.
    F64(f64),
    /// Bytes read and written, from memory.
    Memory(f64),
    /// Bytes read and written, in the second-level cache.
    L2(f64),
}

/// How seconds a call become the number in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Nanoseconds.
    Ns,
    /// Microseconds.
    Us,
    /// Milliseconds.
    Ms,
    /// Calls (steps, pairs) a second.
    PerSecond,
    /// 10⁹ operations or bytes of the limit a second.
    Giga(&'static str),
    /// Not a time at all: megabytes.
    Mb,
}

impl Unit {
    /// As it stands in tables.
    pub fn name(self) -> &'static str {
        match self {
            Unit::Ns => "ns",
            Unit::Us => "µs",
            Unit::Ms => "ms",
            Unit::PerSecond => "1/s",
            Unit::Giga(name) => name,
            Unit::Mb => "MB",
        }
    }
    /// Whether less is better.
    pub fn less_is_better(self) -> bool {
        matches!(self, Unit::Ns | Unit::Us | Unit::Ms | Unit::Mb)
    }
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Figure {
    /// `W6`.
    pub workload: &'static str,
    /// `batch32`.
    pub variant: &'static str,
    /// Its number's unit.
    pub unit: Unit,
    /// What bounds it.
    pub limit: Limit,
    /// The loss of the fifth step (W13: of the hundredth), or none. A second value is that of Adam with ε added before the bias correction, as TensorFlow does.
    pub losses: &'static [f64],
}

/// How far a loss may be from the reference, relatively: f32 sums in another order differ by less, another Adam by more.
const TOLERANCE: f64 = 1e-4;

impl Figure {
    /// The number in the table, of `seconds` a call (of megabytes, for [`Unit::Mb`]).
    pub fn value(&self, seconds: f64) -> f64 {
        match self.unit {
            Unit::Ns => seconds * 1e9,
            Unit::Us => seconds * 1e6,
            Unit::Ms => seconds * 1e3,
            Unit::PerSecond => 1.0 / seconds,
            Unit::Giga(_) => self.work() / seconds / 1e9,
            Unit::Mb => seconds,
        }
    }
    /// What one call does, in the unit of its limit.
    pub fn work(&self) -> f64 {
        match self.limit {
            Limit::Own => 0.0,
            Limit::F32(work) | Limit::F64(work) | Limit::Memory(work) | Limit::L2(work) => work,
        }
    }
    /// Whether a loss is one that the same work gives. A figure without a reference takes any.
    pub fn agrees(&self, loss: Option<f64>) -> bool {
        let near = |loss: f64| self.losses.iter().any(|r| (loss - r).abs() <= TOLERANCE * r.abs());
        self.losses.is_empty() || loss.is_some_and(near)
    }
}

/// The products of W5: name, m, k, n, and whether the first and the second operand lie transposed in memory, as the gradients of a
/// dense layer want them.
pub const PRODUCTS: [(&str, usize, usize, usize, [bool; 2]); 17] = [
    ("256", 256, 256, 256, [false, false]),
    ("1024", 1024, 1024, 1024, [false, false]),
    ("2048", 2048, 2048, 2048, [false, false]),
    ("32x784x512", 32, 784, 512, [false, false]),
    ("512x784x512", 512, 784, 512, [false, false]),
    ("784x32x512", 784, 32, 512, [false, false]),
    ("784x512x512", 784, 512, 512, [false, false]),
    ("32x512x784", 32, 512, 784, [false, false]),
    ("784x32x512_tn", 784, 32, 512, [true, false]),
    ("784x512x512_tn", 784, 512, 512, [true, false]),
    ("32x512x784_nt", 32, 512, 784, [false, true]),
    ("512x512x784_nt", 512, 512, 784, [false, true]),
    ("64", 64, 64, 64, [false, false]),
    ("128", 128, 128, 128, [false, false]),
    ("32x100x64", 32, 100, 64, [false, false]),
    ("1024x256x1024", 1024, 256, 1024, [false, false]),
    ("f64_1024", 1024, 1024, 1024, [false, false]),
];

const W6: f64 = (784 * 512 + 512 * 512 + 512 * 10) as f64;
/// The first layer's input needs no gradient.
const W6_BACK: f64 = W6 + (512 * 512 + 512 * 10) as f64;

const fn mlp(batch: f64) -> f64 {
    2.0 * batch * (W6 + W6_BACK)
}

/// Multiply-adds of the CNN for one image: first convolution, the rest.
const CNN: (f64, f64) = ((26 * 26 * 9 * 32) as f64, (24 * 24 * 9 * 32 * 64 + 9216 * 128 + 128 * 10) as f64);
const CONVOLUTION: f64 = (2 * 8 * 56 * 56 * 64 * 9 * 64) as f64;
const GENERATOR: f64 = (100 * 64 + 64 * 64 + 64) as f64;
const DISCRIMINATOR: f64 = (32 + 32) as f64;
/// The discriminator's step: a generated batch, two forward passes, two gradients of weights, two of the hidden layer. The
/// generator's: forward through both, back through both, gradients of its own weights.
const GAN: f64 = 64.0
    * (GENERATOR + 4.0 * DISCRIMINATOR + 2.0 * 32.0 + GENERATOR + 2.0 * DISCRIMINATOR + 2.0 * GENERATOR
        - 6400.0);
const BLOCK: f64 = 3.0 * (2 * 1024 * (4 * 256 * 256 + 2 * 256 * 1024) + 2 * 2 * 64 * 128 * 128 * 32) as f64;
/// Forward and backward of two products each step; the inputs need no gradient.
const fn recurrent(gates: f64) -> f64 {
    5.0 * 2.0 * 64.0 * 32.0 * 128.0 * 128.0 * gates
}

const fn figure(workload: &'static str, variant: &'static str, unit: Unit, limit: Limit) -> Figure {
    Figure { workload, variant, unit, limit, losses: &[] }
}

const fn trained(mut figure: Figure, losses: &'static [f64]) -> Figure {
    figure.losses = losses;
    figure
}

const GBS: Unit = Unit::Giga("GB/s");
const GFLOPS: Unit = Unit::Giga("GFLOP/s");
const MATRIX: f64 = (4096 * 1024 * 8) as f64;
const SUMMED: f64 = (4096 * 4096 * 4) as f64;

/// Every figure but the products, in the order of the table.
const OTHERS: [Figure; 28] = [
    figure("W1", "add16", Unit::Ns, Limit::Own),
    figure("W1", "matmul8", Unit::Ns, Limit::Own),
    figure("W1", "tape_per_op", Unit::Ns, Limit::Own),
    figure("W2", "call1", Unit::Ns, Limit::Own),
    figure("W2", "call8", Unit::Ns, Limit::Own),
    figure("W3", "first_call", Unit::Ms, Limit::Own),
    figure("W3", "retrace", Unit::Ms, Limit::Own),
    figure("W4", "chain_16M", GBS, Limit::Memory((8 << 24) as f64)),
    figure("W4", "chain_64k", GBS, Limit::L2((8 << 16) as f64)),
    figure("W4", "softmax", GBS, Limit::Memory(MATRIX)),
    figure("W4", "layer_norm", GBS, Limit::Memory(MATRIX)),
    figure("W4", "sum_axis0", GBS, Limit::Memory(SUMMED)),
    figure("W4", "sum_axis1", GBS, Limit::Memory(SUMMED)),
    figure("W5", "batched_64x128x64x128", GFLOPS, Limit::F32((2 * 64 * 128 * 64 * 128) as f64)),
    trained(figure("W6", "batch32", Unit::PerSecond, Limit::F32(mlp(32.0))), &[1.22784, 1.22722]),
    trained(figure("W6", "batch512", Unit::PerSecond, Limit::F32(mlp(512.0))), &[2.2028, 2.2035]),
    trained(
        figure("W7", "train", Unit::PerSecond, Limit::F32(128.0 * (2.0 * CNN.0 + 3.0 * CNN.1))),
        &[2.53497],
    ),
    figure("W7", "infer", Unit::PerSecond, Limit::F32(128.0 * (CNN.0 + CNN.1))),
    figure("W7", "conv_y", GFLOPS, Limit::F32(CONVOLUTION)),
    figure("W7", "conv_dx", GFLOPS, Limit::F32(CONVOLUTION)),
    figure("W7", "conv_dw", GFLOPS, Limit::F32(CONVOLUTION)),
    figure("W7", "conv_y_dx_dw", GFLOPS, Limit::F32(3.0 * CONVOLUTION)),
    trained(figure("W8", "pair", Unit::PerSecond, Limit::F32(GAN)), &[0.57127]),
    trained(figure("W9", "block", Unit::Ms, Limit::F32(BLOCK)), &[1.45559]),
    trained(figure("W10", "lstm", Unit::Ms, Limit::F32(recurrent(4.0))), &[0.038305]),
    trained(figure("W10", "rnn", Unit::Ms, Limit::F32(recurrent(1.0))), &[0.462514]),
    trained(figure("W13", "wall", Unit::Ms, Limit::Own), &[0.42773]),
    trained(figure("W13", "peak_memory", Unit::Mb, Limit::Own), &[0.42773]),
];

/// Every figure, in the order of the table.
pub fn figures() -> Vec<Figure> {
    let product = |&(name, m, k, n, _): &(&'static str, usize, usize, usize, _)| {
        let work = 2.0 * (m * k * n) as f64;
        let limit = if name.starts_with("f64") { Limit::F64(work) } else { Limit::F32(work) };
        figure("W5", name, GFLOPS, limit)
    };
    let at = OTHERS.iter().position(|f| f.workload == "W5").unwrap_or(0);
    let (before, after) = OTHERS.split_at(at);
    before.iter().copied().chain(PRODUCTS.iter().map(product)).chain(after.iter().copied()).collect()
}

/// The figure of this name.
pub fn find(workload: &str, variant: &str) -> Option<Figure> {
    figures().into_iter().find(|f| f.workload == workload && f.variant == variant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_the_table_is_in_order() {
        let all = figures();
        let number = |f: &Figure| f.workload[1..].parse::<u32>().expect("a number");
        assert!(all.windows(2).all(|w| number(&w[0]) <= number(&w[1])));
        for (i, f) in all.iter().enumerate() {
            assert_eq!(all.iter().position(|g| (g.workload, g.variant) == (f.workload, f.variant)), Some(i));
        }
    }

    #[test]
    fn the_python_peers_know_the_same_products() {
        let python = include_str!("../peers/harness.py");
        for (name, m, k, n, transposed) in PRODUCTS.into_iter().filter(|p| !p.0.starts_with("f64")) {
            let which = match transposed {
                [true, _] => "a",
                [_, true] => "b",
                _ => "",
            };
            let line = format!("(\"{name}\", {m}, {k}, {n}, \"{which}\"),");
            assert!(python.contains(&line), "harness.py has no {line}");
        }
    }

    #[test]
    fn a_loss_of_other_work_is_seen() {
        let figure = find("W6", "batch32").expect("it is there");
        assert!(figure.agrees(Some(1.22785)) && figure.agrees(Some(1.22722)));
        assert!(!figure.agrees(Some(1.2275)) && !figure.agrees(None));
    }

    #[test]
    fn work_is_counted() {
        assert_eq!(find("W5", "1024").expect("there").value(1.0), 2.147483648);
        // 784·512 + 512·512 + 512·10 weights: forward, gradients of weights, and of inputs but the first.
        let step = 2.0 * 32.0 * (3.0 * 668_672.0 - 401_408.0);
        assert_eq!(find("W6", "batch32").expect("there").work(), step);
    }
}
