//! The traces of a function: exact keys, bounded, one trace when threads race; and the last hits of each thread.

use super::function::Function;
use super::program::Program;
use super::signature::Trace;
use rustc_hash::{FxBuildHasher, FxHashMap, FxHasher};
use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::Hasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// How many traces a function keeps unless `max_traces` asks for more.
pub(crate) const BOUND: usize = 128;

/// The place of one trace.
#[derive(Default)]
pub(crate) struct Slot {
    pub(crate) trace: OnceLock<Arc<Trace>>,
    /// Held while the body is traced, so that a second thread waits for the first one's trace.
    pub(crate) building: Mutex<()>,
    used: AtomicU64,
}

type Slots = HashMap<Box<[u64]>, Arc<Slot>, FxBuildHasher>;

/// The traces of one function. One lock guards them all, so that no thread ever sees more of them than the bound; calls
/// that a thread made lately do not come here.
pub(crate) struct Cache {
    slots: RwLock<Slots>,
    clock: AtomicU64,
    /// Raised by clearing, so that the threads' last hits are not used any more.
    generation: AtomicU64,
}

impl Cache {
    pub(crate) const fn new() -> Cache {
        Cache {
            slots: RwLock::new(HashMap::with_hasher(FxBuildHasher)),
            clock: AtomicU64::new(0),
            generation: AtomicU64::new(0),
        }
    }
    // No code of the user's runs under the lock, and each change is one operation of the map: poison says nothing.
    fn read(&self) -> RwLockReadGuard<'_, Slots> {
        self.slots.read().unwrap_or_else(PoisonError::into_inner)
    }
    fn write(&self) -> RwLockWriteGuard<'_, Slots> {
        self.slots.write().unwrap_or_else(PoisonError::into_inner)
    }
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }
    /// The trace of this key, if there is one.
    pub(crate) fn get(&self, words: &[u64]) -> Option<Arc<Slot>> {
        let slot = self.read().get(words)?.clone();
        slot.trace.get()?;
        self.touch(&slot);
        Some(slot)
    }
    /// The place of this key, made if need be; the least recently used one makes room.
    pub(crate) fn slot(&self, words: &[u64], bound: usize) -> Arc<Slot> {
        // A dropped trace may own what runs code; not while the lock is held.
        let mut dropped = Vec::new();
        let mut slots = self.write();
        let slot = slots.entry(words.into()).or_default().clone();
        self.clock.fetch_add(1, Ordering::Relaxed);
        self.touch(&slot);
        while slots.len() > bound {
            let oldest =
                slots.iter().min_by_key(|(_, s)| s.used.load(Ordering::Relaxed)).map(|(k, _)| k.clone());
            dropped.extend(oldest.and_then(|key| slots.remove(&key)));
        }
        drop(slots);
        slot
    }
    /// Forgets a place whose trace failed, unless another thread waits to make its trace there: the map holds it, and the
    /// thread that failed.
    pub(crate) fn forget(&self, words: &[u64]) {
        let mut slots = self.write();
        if slots.get(words).is_some_and(|slot| slot.trace.get().is_none() && Arc::strong_count(slot) <= 2) {
            slots.remove(words);
        }
    }
    /// Notes a use. In the steady state nothing is written, because the clock moves with misses only.
    pub(crate) fn touch(&self, slot: &Slot) {
        let now = self.clock.load(Ordering::Relaxed);
        if slot.used.load(Ordering::Relaxed) != now {
            slot.used.store(now, Ordering::Relaxed);
        }
    }
    pub(crate) fn clear(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
        let dropped = std::mem::take(&mut *self.write());
        drop(dropped);
    }
    /// All traces, in the order in which they were made.
    pub(crate) fn traces(&self) -> Vec<Arc<Trace>> {
        let mut all: Vec<Arc<Trace>> = self.read().values().filter_map(|s| s.trace.get().cloned()).collect();
        all.sort_by_key(|t| t.number);
        all
    }
}

/// One of a thread's last hits.
pub(crate) struct Hit {
    pub(crate) function: &'static Function,
    pub(crate) generation: u64,
    pub(crate) words: Box<[u64]>,
    pub(crate) sizes: Box<[u64]>,
    pub(crate) slot: Arc<Slot>,
    pub(crate) trace: Arc<Trace>,
    pub(crate) program: Arc<Program>,
}

impl Hit {
    fn is(&self, function: &'static Function, words: &[u64], sizes: &[u64]) -> bool {
        // Word by word: they were just written so, and wider reads would have to wait for that.
        std::ptr::eq(self.function, function)
            && self.words.iter().eq(words)
            && self.sizes.iter().eq(sizes)
            && self.generation == function.cache.generation()
    }
}

const FRONT: usize = 64;

#[derive(Default)]
struct Front {
    hits: Vec<Option<Box<Hit>>>,
    /// The last calls of each function, newest in the lowest bit: 1 if traced; and how many calls there were.
    calls: FxHashMap<usize, (u16, u32)>,
}

thread_local! {
    static LAST: RefCell<Front> = RefCell::default();
}

pub(crate) fn hash(function: &'static Function, words: &[u64], sizes: &[u64]) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write_usize(std::ptr::from_ref(function) as usize);
    words.iter().chain(sizes).for_each(|w| hasher.write_u64(*w));
    hasher.finish()
}

/// Takes the hit of this key out of this thread's front: the caller owns it while it runs, so that no shared counter is
/// touched, and puts it back.
pub(crate) fn take(hash: u64, function: &'static Function, words: &[u64], sizes: &[u64]) -> Option<Box<Hit>> {
    LAST.with_borrow_mut(|front| {
        let place = front.hits.get_mut(hash as usize % FRONT)?;
        place.take_if(|hit| hit.is(function, words, sizes))
    })
}

/// Puts a hit into this thread's front.
pub(crate) fn put(hash: u64, hit: Box<Hit>) {
    let old = LAST.with_borrow_mut(|front| {
        if front.hits.is_empty() {
            front.hits.resize_with(FRONT, || None);
        }
        front.hits[hash as usize % FRONT].replace(hit)
    });
    // A trace may own what runs code when dropped; not while the front is borrowed.
    drop(old);
}

/// Lets this thread's hits of cleared caches go, which would keep the memory of their variables and frames.
pub(crate) fn sweep() {
    let stale = |hit: &mut Box<Hit>| hit.generation != hit.function.cache.generation();
    let old: Vec<Box<Hit>> = LAST
        .with_borrow_mut(|front| front.hits.iter_mut().filter_map(|place| place.take_if(stale)).collect());
    // As in `put`.
    drop(old);
}

/// Notes one call of this thread. With a traced one: how many of how many of the last ten were.
pub(crate) fn note(function: &'static Function, traced: bool) -> (u32, u32) {
    LAST.with_borrow_mut(|front| {
        let last = front.calls.entry(std::ptr::from_ref(function) as usize).or_default();
        *last = ((last.0 << 1 | traced as u16) & 0x3ff, (last.1 + 1).min(10));
        (last.0.count_ones(), last.1)
    })
}
