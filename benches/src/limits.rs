//! What this machine can do at best, measured in the run that uses it: multiply-adds in registers, bytes from memory and from the
//! second-level cache.

use serde_json::{Value, json};
use std::hint::black_box;
use std::time::Instant;

/// In 10⁹ operations or bytes a second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    /// Threads at once.
    pub threads: usize,
    /// f32 operations, a fused multiply-add counting as two.
    pub f32: f64,
    /// f64 operations.
    pub f64: f64,
    /// Bytes read from memory.
    pub memory: f64,
    /// Bytes read from the second-level cache.
    pub l2: f64,
}

impl Limits {
    /// As one line of JSON.
    pub fn json(&self) -> Value {
        let Limits { threads, f32, f64, memory, l2 } = self;
        json!({ "workload": "limits", "threads": threads, "f32": f32, "f64": f64, "memory": memory, "l2": l2 })
    }
    /// The better of two measurements of one machine: what it did once it can do.
    pub fn best(&self, other: &Limits) -> Limits {
        Limits {
            threads: self.threads,
            f32: self.f32.max(other.f32),
            f64: self.f64.max(other.f64),
            memory: self.memory.max(other.memory),
            l2: self.l2.max(other.l2),
        }
    }
    /// From such a line; `None` for a line of something else.
    pub fn read(line: &Value) -> Option<Limits> {
        let number = |key: &str| line[key].as_f64();
        (line["workload"] == "limits").then_some(())?;
        Some(Limits {
            threads: line["threads"].as_u64()? as usize,
            f32: number("f32")?,
            f64: number("f64")?,
            memory: number("memory")?,
            l2: number("l2")?,
        })
    }
}

/// Chains of multiply-adds that run beside each other, enough to cover the latency of two units.
const CHAINS: usize = 12;

/// Operations that `$rounds` rounds do: every chain is `sum = sum · a + b`.
macro_rules! chains {
    ($rounds:expr, $lanes:expr, $splat:expr, $fma:expr) => {{
        let (a, b) = ($splat(black_box(0.999)), $splat(black_box(0.001)));
        let mut sums = [$splat(black_box(0.5)); CHAINS];
        for _ in 0..$rounds {
            // No closure, no `map`: only what stands in the caller's body has the caller's instructions.
            for sum in &mut sums {
                *sum = $fma(*sum, a, b);
            }
        }
        black_box(sums);
        (2 * CHAINS * $lanes * $rounds) as f64
    }};
}

macro_rules! multiply_adds {
    ($(#[$m:meta])* $name:ident, $t:ty, $splat512:ident, $fma512:ident, $splat256:ident, $fma256:ident) => {
        $(#[$m])*
        fn $name(rounds: usize) -> f64 {
            const BYTES: usize = size_of::<$t>();
            #[cfg(target_arch = "x86_64")]
            {
                use std::arch::x86_64::{$fma256, $fma512, $splat256, $splat512};
                #[target_feature(enable = "avx512f")]
                fn avx512(rounds: usize) -> f64 {
                    chains!(rounds, 64 / BYTES, $splat512, $fma512)
                }
                #[target_feature(enable = "avx2,fma")]
                fn avx2(rounds: usize) -> f64 {
                    chains!(rounds, 32 / BYTES, $splat256, $fma256)
                }
                if is_x86_feature_detected!("avx512f") {
                    // SAFETY: asked for in the line above.
                    return unsafe { avx512(rounds) };
                }
                if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                    // SAFETY: asked for in the line above.
                    return unsafe { avx2(rounds) };
                }
            }
            const LANES: usize = 16 / BYTES;
            let fma = |s: [$t; LANES], a: [$t; LANES], b: [$t; LANES]| {
                // Not every processor that comes here has the fused instruction.
                std::array::from_fn(|i| s[i] * a[i] + b[i])
            };
            chains!(rounds, LANES, |x: $t| [x; LANES], fma)
        }
    };
}

multiply_adds!(
    /// Does f32 operations and says how many.
    f32_operations, f32, _mm512_set1_ps, _mm512_fmadd_ps, _mm256_set1_ps, _mm256_fmadd_ps
);
multiply_adds!(
    /// Does f64 operations and says how many.
    f64_operations, f64, _mm512_set1_pd, _mm512_fmadd_pd, _mm256_set1_pd, _mm256_fmadd_pd
);

/// Reads all of `data`, with the widest vectors.
fn read_all(data: &[u64]) -> u64 {
    #[inline(always)]
    fn plain(data: &[u64]) -> u64 {
        data.iter().fold(0, |all, x| all ^ x)
    }
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx512f")]
        fn avx512(data: &[u64]) -> u64 {
            plain(data)
        }
        #[target_feature(enable = "avx2")]
        fn avx2(data: &[u64]) -> u64 {
            plain(data)
        }
        if is_x86_feature_detected!("avx512f") {
            // SAFETY: asked for in the line above.
            return unsafe { avx512(data) };
        }
        if is_x86_feature_detected!("avx2") {
            // SAFETY: asked for in the line above.
            return unsafe { avx2(data) };
        }
    }
    plain(data)
}

/// 10⁹ a second of what `f` says that it did, in all threads at once; the best of some rounds, for this is a limit.
fn rate(threads: usize, f: impl Fn(usize) -> f64 + Sync) -> f64 {
    let mut best: f64 = 0.0;
    for _ in 0..7 {
        let barrier = std::sync::Barrier::new(threads);
        let one = |thread: usize| {
            f(thread);
            barrier.wait();
            let started = Instant::now();
            let done = f(thread);
            barrier.wait();
            done / started.elapsed().as_secs_f64() / 1e9
        };
        let all: f64 = std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|t| scope.spawn(move || one(t))).collect();
            others.into_iter().fold(one(0), |sum, other| sum + other.join().unwrap_or(0.0))
        });
        best = best.max(all);
    }
    best
}

/// Measures, in about a second.
pub fn measure(threads: usize) -> Limits {
    // Far more than any cache, and half of a common second-level cache.
    const FAR: usize = 96 << 20;
    const NEAR: usize = 512 << 10;
    let data: Vec<Vec<u64>> = (0..threads).map(|t| (0..FAR / 8).map(|i| (i ^ t) as u64).collect()).collect();
    let read = |thread: usize, bytes: usize, times: usize| {
        for _ in 0..times {
            black_box(read_all(black_box(&data[thread][..bytes / 8])));
        }
        (bytes * times) as f64
    };
    Limits {
        threads,
        f32: rate(threads, |_| f32_operations(3_000_000)),
        f64: rate(threads, |_| f64_operations(3_000_000)),
        memory: rate(threads, |t| read(t, FAR, 1)),
        l2: rate(threads, |t| read(t, NEAR, 200)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_survive_a_file() {
        let limits = Limits { threads: 2, f32: 300.0, f64: 150.0, memory: 40.0, l2: 200.0 };
        assert_eq!(Limits::read(&limits.json()), Some(limits));
    }

    #[test]
    fn work_is_done_and_counted() {
        assert_eq!(read_all(&[7; 32]), 0);
        let mut data = vec![0; 321];
        (data[319], data[320]) = (5, 8);
        assert_eq!(read_all(&data), 13);
        // As many f32 as fit, half as many f64.
        assert_eq!(f32_operations(10), 2.0 * f64_operations(10));
        let lanes = f32_operations(1) / (2 * CHAINS) as f64;
        assert!([4.0, 8.0, 16.0].contains(&lanes), "{lanes}");
    }
}
