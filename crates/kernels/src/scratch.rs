//! Reusable working memory of a thread, so that kernels do not allocate in the steady state.

use bytemuck::{Pod, Zeroable};
use std::cell::RefCell;

/// One cache line: the unit of allocation, so that scratch is aligned for every vector width.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
struct Line([u8; 64]);

thread_local! {
    static FREE: RefCell<Vec<Vec<Line>>> = const { RefCell::new(Vec::new()) };
}

/// A buffer on loan from this thread's free list; it goes back when dropped.
pub struct Scratch {
    lines: Vec<Line>,
}

impl Scratch {
    /// Borrows a buffer. A thread that takes as many at a time, and as large, as before allocates nothing.
    pub fn take() -> Scratch {
        let lines = FREE.with_borrow_mut(|free| free.pop()).unwrap_or_default();
        Scratch { lines }
    }

    /// The first `len` elements, aligned to 64 bytes. Their values are what the last user left.
    pub fn slice<T: Pod>(&mut self, len: usize) -> &mut [T] {
        let bytes = len.checked_mul(size_of::<T>()).expect("scratch size overflows");
        let lines = bytes.div_ceil(64);
        if self.lines.len() < lines {
            // Not `resize`: the old contents need not move.
            self.lines = vec![Line::zeroed(); lines.next_power_of_two()];
        }
        &mut bytemuck::cast_slice_mut(&mut self.lines)[..len]
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let lines = std::mem::take(&mut self.lines);
        // While a thread ends its list may be gone already; then the buffer is simply freed.
        let _ = FREE.try_with(|free| free.borrow_mut().push(lines));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_aligned_and_is_used_again() {
        let mut first = Scratch::take();
        let start = first.slice::<f32>(1000).as_ptr();
        assert_eq!(start.align_offset(64), 0);
        let mut second = Scratch::take();
        assert_ne!(second.slice::<f32>(10).as_ptr(), start);
        drop(second);
        drop(first);
        assert_eq!(Scratch::take().slice::<f64>(400).as_ptr().cast::<f32>(), start);
        assert_eq!(Scratch::take().slice::<f32>(0).len(), 0);
    }
}
