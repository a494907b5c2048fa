//! Things that calls use again, such as frames: each thread first looks where it put its last one, so that threads that call
//! one function at once do not pass memory to and fro.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError, TryLockError};
use tenfold_kernels::threads::Apart;

/// How many places there are. Threads beyond that share them.
const PLACES: usize = 8;

/// Spare things: as many things as were in use at one time, whichever threads used them.
pub(super) struct Spares<T>([Apart<Mutex<Vec<T>>>; PLACES]);

/// The place of this thread.
fn place() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static PLACE: Cell<usize> = const { Cell::new(usize::MAX) };
    }
    PLACE.with(|place| {
        if place.get() == usize::MAX {
            place.set(NEXT.fetch_add(1, Relaxed) % PLACES);
        }
        place.get()
    })
}

impl<T> Spares<T> {
    pub(super) fn new() -> Spares<T> {
        Spares(std::array::from_fn(|_| Apart(Mutex::new(Vec::new()))))
    }
    /// Something that nobody uses now: this thread's, or another's.
    pub(super) fn take(&self) -> Option<T> {
        let own = place();
        let mine = self.0[own].0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        mine.or_else(|| self.any(own))
    }
    #[cold]
    fn any(&self, own: usize) -> Option<T> {
        self.0.iter().enumerate().filter(|(i, _)| *i != own).find_map(|(_, place)| match place.0.try_lock() {
            Ok(mut things) => things.pop(),
            Err(TryLockError::Poisoned(things)) => things.into_inner().pop(),
            // Whoever is there takes or brings one at this moment: a new one is as good.
            Err(TryLockError::WouldBlock) => None,
        })
    }
    /// Gives something back.
    pub(super) fn put(&self, thing: T) {
        self.0[place()].0.lock().unwrap_or_else(PoisonError::into_inner).push(thing);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_thread_gave_back_another_takes() {
        let spares = Spares::new();
        assert_eq!(spares.take(), None);
        (0..3).for_each(|i| spares.put(i));
        assert_eq!(spares.take(), Some(2));
        for expected in [Some(1), Some(0), None] {
            assert_eq!(std::thread::scope(|s| s.spawn(|| spares.take()).join().unwrap()), expected);
        }
        assert_eq!(spares.take(), None);
    }

    #[test]
    fn there_are_never_more_than_were_in_use() {
        let spares = Spares::new();
        let made = AtomicUsize::new(0);
        for _ in 0..20 {
            std::thread::scope(|s| {
                s.spawn(|| {
                    let thing = spares.take().unwrap_or_else(|| made.fetch_add(1, Relaxed));
                    spares.put(thing);
                });
            });
        }
        assert_eq!(made.load(Relaxed), 1, "one thread after the other needs one");
    }
}
