//! Philox 4×32-10, the counter-based generator behind every random number, and TensorFlow's ways of keying it.
//!
//! A [`Philox`] is a value: a 64-bit key and a 128-bit counter. Block `n` of its stream is a pure function of
//! key and `counter + n`, so a fill can start at any element, and threads can fill parts, with the same bits.
//! Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (SC 2011); the layout of seeds,
//! counters and groups is TensorFlow's, checked against recorded values.

mod normal;
#[cfg(test)]
mod tests;
mod uniform;

pub use normal::{NormalFloat, fill_normal, fill_truncated_normal};
pub use uniform::{UniformFloat, UniformInt, fill_uniform, fill_uniform_full, fill_uniform_int};

use super::parallel;

/// Blocks computed together, so that the rounds become vector instructions.
const BATCH: usize = 16;

/// Elements one parallel task fills: a multiple of every batch.
const TASK: usize = 16_384;

/// How far TensorFlow advances a stream for each element drawn from it, whatever the distribution.
const SKIP_PER_ELEMENT: u64 = 256;

/// A position in a Philox 4×32-10 stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Philox {
    key: [u32; 2],
    counter: u128,
}

impl Philox {
    /// The stream of `key`, at `counter` (low word first): the form of `tf.random.Generator` and of the
    /// `StatelessRandom*V2` nodes.
    pub fn new(key: u64, counter: [u64; 2]) -> Self {
        Self { key: split(key), counter: u128::from(counter[0]) | u128::from(counter[1]) << 64 }
    }

    /// The stream of a stateful random op (`RandomUniform` and its kin) with attributes `seed` and `seed2`.
    pub fn from_op_seeds(seed: i64, seed2: i64) -> Self {
        Self::new(seed.cast_unsigned(), [0, seed2.cast_unsigned()])
    }

    /// The stream of a stateless op with `seed`: TensorFlow's `StatelessRandomGetKeyCounter`, which scrambles
    /// both words so that no bit of a seed is weak.
    pub fn from_stateless_seed(seed: [i64; 2]) -> Self {
        let [s0, s1] = seed.map(i64::cast_unsigned);
        let mix = Self::new(0x0246_1e29_3ec8_f720, [s0, s1]).block(0);
        let key = u64::from(mix[0]) | u64::from(mix[1]) << 32;
        Self::new(key, [0, u64::from(mix[2]) | u64::from(mix[3]) << 32])
    }

    /// The key as one word.
    pub fn key(&self) -> u64 {
        u64::from(self.key[0]) | u64::from(self.key[1]) << 32
    }

    /// The counter, low word first.
    pub fn counter(&self) -> [u64; 2] {
        [self.counter as u64, (self.counter >> 64) as u64]
    }

    /// This stream, `blocks` blocks of four 32-bit words later.
    #[must_use]
    pub fn skip(&self, blocks: u64) -> Self {
        Self { counter: self.counter.wrapping_add(u128::from(blocks)), ..*self }
    }

    /// This stream after an op has drawn `elements` elements, as TensorFlow's stateful ops and generators
    /// count: 256 blocks for each, whatever the distribution took.
    #[must_use]
    pub fn skip_elements(&self, elements: u64) -> Self {
        self.skip(elements.wrapping_mul(SKIP_PER_ELEMENT))
    }

    /// Block `n` of the stream: four 32-bit words.
    pub fn block(&self, n: u64) -> [u32; 4] {
        self.blocks::<1>(n, 1)[0]
    }

    /// Blocks `first`, `first + stride`, … : `N` of them at once.
    #[inline(always)]
    #[allow(clippy::needless_range_loop, reason = "four arrays walk in step")]
    fn blocks<const N: usize>(&self, first: u64, stride: u64) -> [[u32; 4]; N] {
        let mut c = [[0u32; N]; 4];
        let [low, high] = self.skip(first).counter();
        match stride.checked_mul(N as u64 - 1).and_then(|last| low.checked_add(last)) {
            // As good as always the upper half is the same for all.
            Some(_) => {
                for lane in 0..N {
                    let low = low.wrapping_add(stride.wrapping_mul(lane as u64));
                    c[0][lane] = low as u32;
                    c[1][lane] = (low >> 32) as u32;
                }
                c[2] = [high as u32; N];
                c[3] = [(high >> 32) as u32; N];
            }
            None => {
                for lane in 0..N {
                    let at = self.skip(first).skip(stride.wrapping_mul(lane as u64)).counter;
                    for (word, c) in c.iter_mut().enumerate() {
                        c[lane] = (at >> (32 * word)) as u32;
                    }
                }
            }
        }
        let [mut k0, mut k1] = self.key;
        for _ in 0..10 {
            for lane in 0..N {
                let a = u64::from(c[0][lane]) * 0xd251_1f53;
                let b = u64::from(c[2][lane]) * 0xcd9e_8d57;
                let (c1, c3) = (c[1][lane], c[3][lane]);
                c[0][lane] = (b >> 32) as u32 ^ c1 ^ k0;
                c[1][lane] = b as u32;
                c[2][lane] = (a >> 32) as u32 ^ c3 ^ k1;
                c[3][lane] = a as u32;
            }
            k0 = k0.wrapping_add(0x9e37_79b9);
            k1 = k1.wrapping_add(0xbb67_ae85);
        }
        let mut out = [[0u32; 4]; N];
        for (lane, out) in out.iter_mut().enumerate() {
            *out = [c[0][lane], c[1][lane], c[2][lane], c[3][lane]];
        }
        out
    }
}

/// The state of a `tf.random.Generator` with the Philox algorithm: counter (two words, low first), then key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GeneratorState(pub(crate) [i64; 3]);

impl GeneratorState {
    /// `tf.random.create_rng_state(seed, "philox")` for one integer: its words, low first, sign-extended.
    pub fn from_seed(seed: i128) -> Self {
        Self([seed as i64, (seed >> 64) as i64, (seed >> 127) as i64])
    }

    /// The same for a vector of words: the first three, padded with zeros on the left, so that a short seed
    /// becomes the key.
    pub fn from_seed_words(words: &[i64]) -> Self {
        let words = &words[..words.len().min(3)];
        let mut state = [0; 3];
        state[3 - words.len()..].copy_from_slice(words);
        Self(state)
    }

    /// The stream at this state.
    pub fn stream(&self) -> Philox {
        let [c0, c1, key] = self.0.map(i64::cast_unsigned);
        Philox::new(key, [c0, c1])
    }

    /// Takes the stream for a draw of `elements` elements and moves the state past it (`Generator.skip`).
    pub fn take(&mut self, elements: u64) -> Philox {
        let stream = self.stream();
        let [c0, c1] = stream.skip_elements(elements).counter();
        self.0 = [c0.cast_signed(), c1.cast_signed(), self.0[2]];
        stream
    }
}

fn split(word: u64) -> [u32; 2] {
    [word as u32, (word >> 32) as u32]
}

/// Fills `out` with elements `start..` of an infinite sequence made in batches of `N` elements by
/// `make(batch_number, batch)`. Which thread makes a batch, and whether whole, changes nothing.
fn fill<T, const N: usize>(start: u64, out: &mut [T], make: impl Fn(u64, &mut [T; N]) + Sync)
where
    T: Copy + Default + Send,
{
    let part = |start: u64, out: &mut [T]| {
        let within = (start % N as u64) as usize;
        let mut number = start / N as u64;
        let head = if within == 0 { 0 } else { out.len().min(N - within) };
        let (first, rest) = out.split_at_mut(head);
        let mut scratch = [T::default(); N];
        if !first.is_empty() {
            make(number, &mut scratch);
            first.copy_from_slice(&scratch[within..within + head]);
            number += 1;
        }
        let (whole, tail) = rest.as_chunks_mut::<N>();
        for batch in whole {
            make(number, batch);
            number += 1;
        }
        if !tail.is_empty() {
            make(number, &mut scratch);
            tail.copy_from_slice(&scratch[..tail.len()]);
        }
    };
    // A nanosecond an element: between a uniform number and a normal one.
    parallel::pieces(out, TASK, out.len(), &|first, out| part(start + first as u64, out));
}
