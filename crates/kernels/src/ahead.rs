//! Memory that does not wait in a cache: asking for it before it is needed, and writing past the caches.
//!
//! One of the few files with `unsafe`: instructions of the processor.

/// Asks for the cache lines of `bytes` bytes from an address on, valid or not, in the second-level cache: nothing waits for them,
/// and they come while something else is computed. Where the processor has no such instruction this does nothing.
#[inline]
#[allow(
    clippy::not_unsafe_ptr_arg_deref,
    reason = "the instruction does not fault and has no effect on memory"
)]
pub fn ahead(from: *const u8, bytes: usize) {
    #[cfg(target_arch = "x86_64")]
    for at in (0..bytes).step_by(64) {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        // SAFETY: asking has no effect on memory and does not fault; every x86-64 has the instruction.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(from.wrapping_add(at).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (from, bytes);
}

/// Results of so many bytes are written past the caches: they would not be there any more when somebody reads them, and a line
/// that is written in a cache has to be read from memory first. On a Zen 4 `x * 2 + 1` of 64 MiB ran at 33 rather than
/// 27 GB/s, of 16 MiB at 48 rather than 56.
pub const PAST: usize = 32 << 20;

/// A way to write past the caches. When it is dropped what was written is seen by others as any other write is.
pub struct Past(());

impl Past {
    /// Begins to write.
    #[allow(clippy::new_without_default, reason = "it is a span of time, not a value")]
    pub fn new() -> Past {
        Past(())
    }

    /// Copies `from` to `to`, of the same length.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn copy(&self, from: &[u8], to: &mut [u8]) {
        assert_eq!(from.len(), to.len(), "a copy of another length");
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        {
            use std::arch::x86_64::{__m128i, _mm_loadu_si128, _mm_stream_si128};
            const LINE: usize = 64;
            let begun = to.as_ptr().align_offset(LINE).min(to.len());
            let lines = (to.len() - begun) / LINE;
            let end = begun + lines * LINE;
            to[..begun].copy_from_slice(&from[..begun]);
            // SAFETY: whole lines within both slices, aligned in `to`; every x86-64 has the instructions.
            unsafe {
                let (mut from, mut to) = (from.as_ptr().add(begun), to.as_mut_ptr().add(begun));
                for _ in 0..lines {
                    let some = [0, 16, 32, 48].map(|at| _mm_loadu_si128(from.add(at).cast::<__m128i>()));
                    for (at, some) in some.into_iter().enumerate() {
                        _mm_stream_si128(to.cast::<__m128i>().add(at), some);
                    }
                    (from, to) = (from.add(LINE), to.add(LINE));
                }
            }
            to[end..].copy_from_slice(&from[end..]);
        }
        #[cfg(not(all(target_arch = "x86_64", not(miri))))]
        to.copy_from_slice(from);
    }
}

impl Drop for Past {
    fn drop(&mut self) {
        // SAFETY: it only orders writes; every x86-64 has the instruction.
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        unsafe {
            std::arch::x86_64::_mm_sfence()
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_past_the_caches_is_a_copy_wherever_it_begins_and_ends() {
        let from: Vec<u8> = (0..=255).cycle().take(1000).collect();
        for begin in [0, 1, 17, 63, 64, 65] {
            for len in [0, 1, 15, 16, 63, 64, 65, 127, 128, 129, 900] {
                let mut to = vec![7u8; 1000];
                let past = Past::new();
                past.copy(&from[begin..begin + len], &mut to[begin..begin + len]);
                drop(past);
                assert_eq!(to[begin..begin + len], from[begin..begin + len]);
                assert!(to[..begin].iter().chain(&to[begin + len..]).all(|x| *x == 7), "{begin} {len}");
            }
        }
    }
}
