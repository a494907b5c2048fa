//! Asking for memory before it is needed.
//!
//! One of the few files with `unsafe`: an instruction of the processor.

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
