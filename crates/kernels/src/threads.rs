//! How many threads kernels use. The number changes no bit of any result.

use crate::team::{self, MOST_THREADS};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

#[doc(hidden)]
pub use crate::team::{Apart, insisting};

/// The number in use; 0 before it is first asked for.
static THREADS: AtomicUsize = AtomicUsize::new(0);

/// Sets how many threads an operation may use, the calling one included: `tf.config.threading`'s
/// `set_intra_op_parallelism_threads`. 0 is the number at the start of the program: the environment variable
/// `TENFOLD_THREADS` if it is a number above 0, or else the processors that the program may use.
///
/// It may be called at any time, from any thread, and holds for all of them. Results are the same to the bit for every
/// number. An operation uses fewer threads if it is not worth more, if another thread's operation has them, or if it runs
/// inside another one.
pub fn set(threads: usize) {
    THREADS.store(if threads == 0 { initial() } else { threads.min(MOST_THREADS) }, Relaxed);
}

/// How many threads an operation may use, the calling one included: at least 1.
pub fn get() -> usize {
    match (team::insisted(), THREADS.load(Relaxed)) {
        (0, 0) => {
            // Who comes in between has set a number: it stays.
            let _ = THREADS.compare_exchange(0, initial(), Relaxed, Relaxed);
            THREADS.load(Relaxed)
        }
        (0, threads) | (threads, _) => threads,
    }
}

#[cold]
fn initial() -> usize {
    let given = std::env::var("TENFOLD_THREADS").ok().and_then(|text| text.trim().parse().ok());
    let found = || std::thread::available_parallelism().map_or(1, |n| n.get());
    given.filter(|&n| n > 0).unwrap_or_else(found).min(MOST_THREADS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_always_a_thread_and_what_is_set_is_in_use() {
        assert!((1..=MOST_THREADS).contains(&get()));
        let before = get();
        set(3);
        assert_eq!(get(), 3);
        assert_eq!(insisting(5, get), 5);
        set(usize::MAX);
        assert_eq!(get(), MOST_THREADS);
        set(0);
        assert_eq!(get(), initial());
        set(before);
    }
}
