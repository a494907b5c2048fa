//! Random numbers: counter-based, the same in eager and graph, on CPU and GPU.
//!
//! A [`Generator`] holds a place in a Philox 4×32-10 stream; every draw takes a fixed part of it, so that a program's
//! numbers depend on the seed and on the order of its draws alone. The functions of this module draw from one global
//! generator, which [`set_seed`] restarts. The `stateless_*` functions have no state: the same seed gives the same
//! numbers, which are TensorFlow's own.
//!
//! Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (2011); `tf.random.Generator`;
//! `tf.random.stateless_uniform` and its kin.

use crate::device::Device;
use crate::dim::Dim;
use crate::dtype::DType;
use crate::error::{OrRaise, Result};
use crate::ops::{self, stream_of, words_of};
use crate::shape::Shape;
use crate::tensor::{Scalar, Tensor, free_faces};
use crate::variable::Variable;
use std::hash::{BuildHasher, Hasher};
use std::sync::LazyLock;
use tenfold_kernels::philox::GeneratorState;

/// A source of random numbers with a state, of TensorFlow's `Philox` algorithm. Clones share the state.
///
/// ```
/// # use tenfold_core as tf;
/// let (a, b) = (tf::random::Generator::from_seed(7), tf::random::Generator::from_seed(7));
/// let (first, second) = (a.normal([2]), a.normal([2]));
/// assert_eq!(b.normal([2]).to_vec::<f32>().unwrap(), first.to_vec::<f32>().unwrap());
/// assert_ne!(second.to_vec::<f32>().unwrap(), first.to_vec::<f32>().unwrap());
/// ```
#[derive(Clone, Debug)]
pub struct Generator {
    /// Six u32 words, always in host memory: key, then counter.
    state: Variable,
}

static GLOBAL: LazyLock<Generator> = LazyLock::new(|| {
    // Unlike each run's last, unless a seed is set.
    let entropy = std::hash::RandomState::new().build_hasher().finish();
    Generator::from_seed(i128::from(entropy))
});

/// Restarts the global generator.
///
/// Source: `tf.random.set_seed`. The numbers that follow are those of `Generator::from_seed(seed)`.
pub fn set_seed(seed: i64) {
    GLOBAL.reset_from_seed(i128::from(seed));
}

/// The generator that the functions of this module draw from.
pub fn global_generator() -> Generator {
    GLOBAL.clone()
}

impl Generator {
    /// A generator at the start of a seed's stream.
    ///
    /// Source: `tf.random.Generator.from_seed(seed, alg="philox")`.
    pub fn from_seed(seed: impl Into<i128>) -> Generator {
        let words = words_of(&GeneratorState::from_seed(seed.into()).stream());
        let state = crate::trace::init_scope(|| {
            let host = Tensor::from_vec(words.to_vec(), [words.len()]).or_raise();
            Variable::untrainable("generator", host)
        });
        Generator { state }
    }
    /// Goes back to the start of a seed's stream.
    pub fn reset_from_seed(&self, seed: impl Into<i128>) {
        let words = words_of(&GeneratorState::from_seed(seed.into()).stream());
        self.state.poke(Tensor::from_vec(words.to_vec(), [words.len()]).or_raise());
    }
    /// The variable that holds the state, for checkpoints.
    pub fn state(&self) -> &Variable {
        &self.state
    }
    /// The stream for a draw of `elements` elements, and past it with the state.
    #[track_caller]
    fn take(&self, elements: Dim) -> Result<Tensor> {
        crate::door::rng_read_and_skip(&self.state, elements)
    }
    /// f32 numbers uniform in [0, 1).
    ///
    /// # Panics
    ///
    /// If memory or the device fails.
    #[track_caller]
    pub fn uniform(&self, shape: impl Into<Shape>) -> Tensor {
        self.try_draw(Distribution::Uniform, shape, DType::F32).or_raise()
    }
    /// f32 numbers of the standard normal distribution.
    ///
    /// # Panics
    ///
    /// If memory or the device fails.
    #[track_caller]
    pub fn normal(&self, shape: impl Into<Shape>) -> Tensor {
        self.try_draw(Distribution::Normal, shape, DType::F32).or_raise()
    }
    /// f32 numbers of the standard normal distribution within two deviations.
    ///
    /// # Panics
    ///
    /// If memory or the device fails.
    #[track_caller]
    pub fn truncated_normal(&self, shape: impl Into<Shape>) -> Tensor {
        self.try_draw(Distribution::TruncatedNormal, shape, DType::F32).or_raise()
    }
    /// Numbers of a distribution in a dtype.
    ///
    /// # Errors
    ///
    /// If the distribution has no such dtype, or memory or the device fails.
    #[track_caller]
    pub fn try_draw(
        &self,
        distribution: Distribution,
        shape: impl Into<Shape>,
        dtype: DType,
    ) -> Result<Tensor> {
        let shape = shape.into();
        draw(&self.take(shape.elements())?, distribution, shape, dtype)
    }
    /// Integers uniform in `low .. high`, of a 32-bit or 64-bit integer dtype.
    ///
    /// # Errors
    ///
    /// If `low` is not less than `high`, or a bound does not fit the dtype.
    #[track_caller]
    pub fn try_uniform_int(
        &self,
        shape: impl Into<Shape>,
        low: i64,
        high: i64,
        dtype: DType,
    ) -> Result<Tensor> {
        let shape = shape.into();
        integers(&self.take(shape.elements())?, shape, low, high, dtype)
    }
}

/// Which numbers to draw.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Distribution {
    /// Floats in [0, 1).
    Uniform,
    /// Standard normal floats.
    Normal,
    /// Standard normal floats within two deviations.
    TruncatedNormal,
    /// Integers over the whole range of their dtype.
    FullInt,
}

#[track_caller]
fn draw(stream: &Tensor, distribution: Distribution, shape: Shape, dtype: DType) -> Result<Tensor> {
    match distribution {
        Distribution::Uniform => ops::try_uniform_of(stream, shape, dtype),
        Distribution::Normal => ops::try_normal_of(stream, shape, dtype),
        Distribution::TruncatedNormal => ops::try_truncated_normal_of(stream, shape, dtype),
        Distribution::FullInt => ops::try_uniform_full_int_of(stream, shape, dtype),
    }
}

#[track_caller]
fn integers(stream: &Tensor, shape: Shape, low: i64, high: i64, dtype: DType) -> Result<Tensor> {
    let bound = |v: i64| -> Result<Tensor> {
        let scalar = Scalar::Int(i128::from(v));
        if !scalar.fits(dtype) {
            let text = format!("the bound {v} does not fit {dtype}");
            return Err(crate::Error::invalid("uniform_int", text).at(crate::Place::caller()));
        }
        let host = scalar.tensor(dtype);
        if stream.remote().is_some() { crate::device::transfer(&host, stream.device()) } else { Ok(host) }
    };
    ops::try_uniform_int_of(stream, &bound(low)?, &bound(high)?, shape)
}

/// The stream of a stateless seed, where new tensors belong.
#[track_caller]
fn seeded(seed: [i64; 2]) -> Result<Tensor> {
    let words = words_of(&tenfold_kernels::philox::Philox::from_stateless_seed(seed));
    crate::device::place_new(Tensor::from_vec(words.to_vec(), [words.len()])?)
}

/// `x` in [0, 1) or standard normal, stretched: `x · (high - low) + low`.
#[track_caller]
fn stretched(x: Tensor, low: f64, high: f64) -> Result<Tensor> {
    if (low, high) == (0.0, 1.0) { Ok(x) } else { x.try_multiply(high - low)?.try_add(low) }
}

free_faces! {
    /// f32 numbers uniform in [low, high), from the global generator.
    ///
    /// Source: `tf.random.uniform`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// tf::random::set_seed(1);
    /// let x = tf::random::uniform([3], -1.0, 1.0).to_vec::<f32>().unwrap();
    /// assert!(x.iter().all(|v| (-1.0..1.0).contains(v)));
    /// ```
    pub fn uniform / try_uniform(shape: impl Into<Shape>, low: f64, high: f64) =
        stretched(GLOBAL.try_draw(Distribution::Uniform, shape, DType::F32)?, low, high);
    /// f32 numbers of a normal distribution, from the global generator.
    ///
    /// Source: `tf.random.normal`.
    pub fn normal / try_normal(shape: impl Into<Shape>, mean: f64, stddev: f64) =
        stretched(GLOBAL.try_draw(Distribution::Normal, shape, DType::F32)?, mean, mean + stddev);
    /// f32 numbers of a normal distribution within two deviations of the mean, from the global generator.
    ///
    /// Source: `tf.random.truncated_normal`.
    pub fn truncated_normal / try_truncated_normal(shape: impl Into<Shape>, mean: f64, stddev: f64) =
        stretched(GLOBAL.try_draw(Distribution::TruncatedNormal, shape, DType::F32)?, mean, mean + stddev);
    /// i32 numbers uniform in `low .. high`, from the global generator.
    ///
    /// Source: `tf.random.uniform` with an integer dtype.
    pub fn uniform_int / try_uniform_int(shape: impl Into<Shape>, low: i64, high: i64) =
        GLOBAL.try_uniform_int(shape, low, high, DType::I32);
    /// Numbers of a distribution that depend on `seed` alone: TensorFlow's own for the same seed.
    ///
    /// Source: `tf.random.stateless_uniform`, `stateless_normal`, `stateless_truncated_normal`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// use tf::random::{Distribution, stateless};
    /// let draw = || stateless(Distribution::Normal, [2], [1, 2], tf::DType::F32).to_vec::<f32>().unwrap();
    /// assert_eq!(draw(), draw());
    /// ```
    pub fn stateless / try_stateless(distribution: Distribution, shape: impl Into<Shape>, seed: [i64; 2], dtype: DType) =
        draw(&seeded(seed)?, distribution, shape.into(), dtype);
    /// f32 numbers uniform in [0, 1) that depend on `seed` alone.
    ///
    /// Source: `tf.random.stateless_uniform`.
    pub fn stateless_uniform / try_stateless_uniform(shape: impl Into<Shape>, seed: [i64; 2]) =
        try_stateless(Distribution::Uniform, shape, seed, DType::F32);
    /// f32 standard normal numbers that depend on `seed` alone.
    ///
    /// Source: `tf.random.stateless_normal`.
    pub fn stateless_normal / try_stateless_normal(shape: impl Into<Shape>, seed: [i64; 2]) =
        try_stateless(Distribution::Normal, shape, seed, DType::F32);
    /// f32 standard normal numbers within two deviations that depend on `seed` alone.
    ///
    /// Source: `tf.random.stateless_truncated_normal`.
    pub fn stateless_truncated_normal / try_stateless_truncated_normal(shape: impl Into<Shape>, seed: [i64; 2]) =
        try_stateless(Distribution::TruncatedNormal, shape, seed, DType::F32);
    /// Integers uniform in `low .. high` that depend on `seed` alone.
    ///
    /// Source: `tf.random.stateless_uniform` with `minval`, `maxval` and an integer dtype.
    pub fn stateless_uniform_int / try_stateless_uniform_int(shape: impl Into<Shape>, seed: [i64; 2], low: i64, high: i64, dtype: DType) =
        integers(&seeded(seed)?, shape.into(), low, high, dtype);
}

/// Takes the stream out of a generator's state now, and moves the state past a draw of `elements` elements. What an
/// executable does when it reaches `rng_read_and_skip`.
pub fn read_and_skip(state: &Variable, elements: usize) -> Result<Tensor> {
    let mut value = state.lock();
    let before = value.alias();
    let words = before.to_vec::<u32>()?;
    let after = words_of(&stream_of(&words).skip_elements(elements as u64));
    *value = Tensor::from_vec(after.to_vec(), [after.len()])?;
    Ok(before)
}

/// The stream on the device where new tensors belong.
#[track_caller]
pub(crate) fn eager_stream(state: &Variable, elements: usize) -> Result<Tensor> {
    let stream = read_and_skip(state, elements)?;
    let device = Device::current();
    if device.is_cpu() { Ok(stream) } else { crate::device::transfer(&stream, device) }
}
