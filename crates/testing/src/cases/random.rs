//! Random numbers: the same bits as TensorFlow's for the same seed.

use super::{Args, Row};
use tenfold_core as tf;
use tenfold_core::random::Distribution;
use tenfold_core::{DType, Tensor};

/// Rows of this family.
pub(super) const ROWS: &[Row] = &[
    ("tf.random.stateless_uniform", stateless_uniform),
    ("tf.random.stateless_normal", |a| vec![stateless(a, Distribution::Normal)]),
    ("tf.random.stateless_truncated_normal", |a| vec![stateless(a, Distribution::TruncatedNormal)]),
    ("tf.random.Generator", generator),
];

fn seed(a: &Args<'_>) -> [i64; 2] {
    a.values("seed").try_into().expect("a seed is two numbers")
}

fn stateless(a: &Args<'_>, distribution: Distribution) -> Tensor {
    tf::random::stateless(distribution, a.sizes("shape"), seed(a), a.dtype_or("dtype", DType::F32))
}

/// Without bounds an integer dtype means its whole range.
fn stateless_uniform(a: &Args<'_>) -> Vec<Tensor> {
    let dtype = a.dtype_or("dtype", DType::F32);
    vec![if !dtype.is_int() {
        stateless(a, Distribution::Uniform)
    } else if a.has("minval") {
        let (low, high) = (a.int("minval"), a.int("maxval"));
        tf::random::stateless_uniform_int(a.sizes("shape"), seed(a), low, high, dtype)
    } else {
        stateless(a, Distribution::FullInt)
    }]
}

/// The draws in order, then the state as TensorFlow writes it: the counter's two halves and the key.
fn generator(a: &Args<'_>) -> Vec<Tensor> {
    let generator = tf::random::Generator::from_seed(a.int("seed"));
    let mut results = Vec::new();
    for draw in a.attr("draws").and_then(|d| d.as_array()).expect("a list of draws") {
        let shape = a.sizes("shape");
        results.push(match draw.as_str() {
            Some("normal") => generator.normal(shape),
            Some("uniform") => generator.uniform(shape),
            other => panic!("no draw is called {other:?}"),
        });
    }
    let words = generator.state().read().to_vec::<u32>().expect("the state is in host memory");
    let wide = |i: usize| (u64::from(words[i]) | u64::from(words[i + 1]) << 32).cast_signed();
    results.push(tf::constant([wide(2), wide(4), wide(0)]));
    results
}
