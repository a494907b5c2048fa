//! One loop, compiled once for every vector unit, and the best copy chosen at run time.
//!
//! A crate built for plain x86-64 may use SSE2 only. `clones!` compiles the body that it is given
//! three times: as it is, for AVX2 with FMA, and for AVX-512. The body is written once and Rust never
//! contracts or reassociates floating point, so the copies differ in speed, not in bits.

use std::sync::atomic::{AtomicU8, Ordering};

/// A vector unit that `clones!` compiles for, in rising order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// What every processor of the target has; the only level outside x86-64 (NEON is part of AArch64).
    Portable = 1,
    /// x86-64 with AVX2 and FMA.
    Avx2 = 2,
    /// x86-64 with AVX-512 F, BW, DQ, VL.
    Avx512 = 3,
}

/// The level in use, 0 before the first question.
static LEVEL: AtomicU8 = AtomicU8::new(0);

/// The level that kernels run at: the best that this processor has. One relaxed load.
#[inline]
pub fn level() -> Level {
    match LEVEL.load(Ordering::Relaxed) {
        1 => Level::Portable,
        2 => Level::Avx2,
        3 => Level::Avx512,
        _ => detect_once(),
    }
}

#[cold]
fn detect_once() -> Level {
    let best = detect();
    LEVEL.store(best as u8, Ordering::Relaxed);
    best
}

#[cfg(target_arch = "x86_64")]
fn detect() -> Level {
    let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    let avx512 = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl");
    match (avx2, avx512) {
        (true, true) => Level::Avx512,
        (true, false) => Level::Avx2,
        _ => Level::Portable,
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn detect() -> Level {
    Level::Portable
}

/// Runs `body` once for each level that this machine has, with every kernel of the process held at that
/// level, and restores the best one afterwards. Calls from several tests take turns.
#[cfg(test)]
pub fn at_each_level(mut body: impl FnMut(Level)) {
    static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());
    struct Restore;
    impl Drop for Restore {
        fn drop(&mut self) {
            LEVEL.store(0, Ordering::Relaxed);
        }
    }
    let _turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let _restore = Restore;
    for level in [Level::Portable, Level::Avx2, Level::Avx512] {
        if level <= detect() {
            LEVEL.store(level as u8, Ordering::Relaxed);
            body(level);
        }
    }
}

/// Defines a function whose body is compiled for each [`Level`] and dispatched by [`level`].
///
/// ```ignore
/// clones! {
///     /// y = e^x.
///     pub fn exp_block(x: &[f32], y: &mut [f32]) {
///         for (y, &x) in y.iter_mut().zip(x) {
///             *y = Real::exp(x);
///         }
///     }
/// }
/// ```
///
/// Generic parameters stand in square brackets: `fn scale[T: Real](x: &mut [T], by: T) { .. }`.
///
/// What runs at vector speed is what is *written in* the body, closures included, and what it calls that
/// is `#[inline(always)]`. A closure handed in from outside is compiled for the caller's level; so a table
/// of kernels passes the expression through its own macro into the body instead:
/// `let kernel: fn(&[f32], &mut [f32]) = { clones! { fn block(x: &[f32], y: &mut [f32]) { .. $f .. } } block };`.
macro_rules! clones {
    (
        $(#[$meta:meta])*
        $vis:vis fn $name:ident $([$($generics:tt)*])? ($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? $body:block
    ) => {
        $(#[$meta])*
        #[inline]
        $vis fn $name $(<$($generics)*>)? ($($arg: $ty),*) $(-> $ret)? {
            fn portable $(<$($generics)*>)? ($($arg: $ty),*) $(-> $ret)? $body
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            fn avx2 $(<$($generics)*>)? ($($arg: $ty),*) $(-> $ret)? $body
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
            fn avx512 $(<$($generics)*>)? ($($arg: $ty),*) $(-> $ret)? $body

            #[cfg(target_arch = "x86_64")]
            match $crate::clones::level() {
                // SAFETY: `level` answers only with features that `detect` found on this processor.
                $crate::clones::Level::Avx512 => return unsafe { avx512($($arg),*) },
                // SAFETY: as above.
                $crate::clones::Level::Avx2 => return unsafe { avx2($($arg),*) },
                $crate::clones::Level::Portable => {}
            }
            portable($($arg),*)
        }
    };
}
pub(crate) use clones;

#[cfg(test)]
mod tests {
    use super::*;

    clones! {
        /// Sum of products, in order, and a side effect in place.
        fn dot_and_scale['a, T: Copy + std::ops::Mul<Output = T> + std::ops::Add<Output = T>](
            x: &'a mut [T], y: &'a [T], zero: T,
        ) -> T {
            let mut sum = zero;
            for (x, &y) in x.iter_mut().zip(y) {
                *x = *x * y;
                sum = sum + *x;
            }
            sum
        }
    }

    #[test]
    fn every_level_runs_and_agrees() {
        let y: Vec<f32> = (0..1000).map(|i| (i as f32 * 0.37).sin()).collect();
        let mut seen = Vec::new();
        at_each_level(|now| {
            assert_eq!(level(), now);
            let mut x: Vec<f32> = (0..1000).map(|i| 1.0 / (i + 1) as f32).collect();
            let sum = dot_and_scale(&mut x, &y, 0.0);
            seen.push((sum.to_bits(), x));
        });
        assert!(seen.iter().all(|s| *s == seen[0]));
        assert_eq!(seen.len(), detect() as usize);
    }

    #[test]
    fn a_table_can_be_built_from_expressions() {
        macro_rules! unary {
            ($t:ty, $f:expr) => {{
                clones! {
                    fn block(x: &[$t], y: &mut [$t]) {
                        for (y, &x) in y.iter_mut().zip(x) {
                            *y = $f(x);
                        }
                    }
                }
                block as fn(&[$t], &mut [$t])
            }};
        }
        let table = [unary!(f32, |x: f32| x + 1.0), unary!(f32, |x: f32| x * x)];
        let mut y = [0.0; 3];
        table[0](&[1.0, 2.0, 3.0], &mut y);
        assert_eq!(y, [2.0, 3.0, 4.0]);
        table[1](&[1.0, 2.0, 3.0], &mut y);
        assert_eq!(y, [1.0, 4.0, 9.0]);
    }
}
