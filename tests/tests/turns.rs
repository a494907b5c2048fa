//! A cached call with a loop over tensors: however many turns, no turn asks the allocator for anything.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use tenfold as tf;
use tf::Tensor;

/// The system's allocator, counting what this thread asks for.
struct Counting;

thread_local! {
    static ASKED: Cell<usize> = const { Cell::new(0) };
}

fn asked() {
    // A thread that ends may ask when its counter is gone.
    let _ = ASKED.try_with(|n| n.set(n.get() + 1));
}

// SAFETY: every call is the system allocator's own; counting allocates nothing, because the counter is made without it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        asked();
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(memory, layout) }
    }
    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        asked();
        // SAFETY: the caller's promise.
        unsafe { System.realloc(memory, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[tf::function]
fn branching(n: &Tensor, w: &Tensor) -> Tensor {
    let (mut i, mut h) = (tf::constant(0), tf::ones([4, 8]));
    while &i < n {
        h = (h * w).tanh();
        if &i % 3 == 0 {
            h = &h + 0.5;
        } else if &i % 5 == 0 {
            i += 1;
            continue;
        }
        i += 1;
    }
    h
}

#[tf::function]
fn rows(x: &Tensor, n: &Tensor) -> Tensor {
    let mut sum = tf::zeros([8]);
    for i in 0..n {
        for row in x {
            sum = &sum * 0.5 + &row;
        }
        if &i % 2 == 0 {
            sum = &sum + i.cast(tf::f32);
        }
    }
    sum
}

/// How often `f` asks the allocator, after a few calls.
fn asks(f: impl Fn()) -> usize {
    (0..4).for_each(|_| f());
    let before = ASKED.get();
    f();
    ASKED.get() - before
}

#[test]
fn a_turn_asks_for_no_memory() {
    let boxed = asks(|| drop(std::hint::black_box(Box::new(7))));
    assert_eq!(boxed, 1, "the allocator is not counted");
    let w = tf::ones([8]) * 0.75;
    let x = tf::ones([5, 8]);
    let (few, many) = (tf::constant(2), tf::constant(300));
    assert_eq!(asks(|| drop(branching(&few, &w))), asks(|| drop(branching(&many, &w))));
    assert_eq!(asks(|| drop(rows(&x, &few))), asks(|| drop(rows(&x, &many))));
}
