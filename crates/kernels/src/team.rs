//! The team: the threads that help a caller with one parallel region at a time.
//!
//! A region is a number of chunks. The caller and its helpers claim them one by one from a single atomic word, so that a
//! helper that is late, or that another program keeps from running, costs nothing: the caller computes what nobody has
//! claimed and waits only for chunks that somebody is computing. A second caller that finds the team taken, and a region
//! inside a region, run on their own thread. Nothing here allocates or locks once the threads are there.
//!
//! Helpers that have nothing to do spin for [`PATIENCE`] and then park, so that regions that follow one another closely
//! pay no wake-up and an idle process uses no processor.
//!
//! Why not rayon's threads (measured on two cores of a Zen 4, `cargo run --release -p tenfold-kernels --example threads`):
//! entering rayon from outside costs 15 to 23 µs for an empty region and 55 to 70 µs after a pause; a job that lives on
//! rayon's threads and spins there joins as fast as ours, but each wake-up allocates twice, it never starts while the
//! program's own work fills rayon's threads, and a rayon call of the program just after a region took 52 µs instead of 33 to
//! 41. See `rfcs/0004-threads.md`.

use std::any::Any;
use std::cell::{Cell, UnsafeCell};
use std::hint::spin_loop;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize};
use std::sync::{Mutex, OnceLock};
use std::thread::Thread;
use std::time::{Duration, Instant};

/// Most threads of the team, the caller included.
pub(crate) const MOST_THREADS: usize = 256;
/// How long a helper spins for the next region before it parks.
const PATIENCE: Duration = Duration::from_micros(100);
/// Nanoseconds of work below which a region is not shared although helpers are awake: joining costs well under 1 µs, but
/// the other core's caches have to fetch the operands.
pub(crate) const WORTH_HOT: usize = 6_000;
/// Nanoseconds of work below which no helper is woken: the wake-up itself costs the caller about 5 µs, and the helper
/// needs 20 to 40 µs to come.
const WORTH_COLD: usize = 25_000;
/// Nanoseconds of work of regions that were worth sharing only if helpers were awake, after which one is woken: such regions
/// seldom come alone.
const MISSED: usize = 60_000;
/// Nanoseconds of work that one more helper is worth.
const SHARE: usize = 3_000;
/// A caller that waited so long, and longer than three of its own chunks took, for claimed chunks, goes on alone for a
/// while: the processors have other work.
const LONG_WAIT: Duration = Duration::from_micros(50);
/// For how many times as long as it waited, at first; doubled with every long wait that follows at once.
const ALONE: u32 = 2;
/// For how long at most.
const MOST_ALONE: Duration = Duration::from_millis(20);
/// Callers that found the team taken need the processors that helpers would have: so many as there are helpers' processors, and
/// the caller goes on alone for this long; doubled each time that it is so again, halved each time that it is not.
const CROWDED: Duration = Duration::from_millis(1);
/// Pauses before a waiting caller looks at the clock and offers its processor: some 10 µs.
const SPINS: usize = 300;

thread_local! {
    /// Whether this thread is computing a chunk: a region in it runs here.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
    /// Threads that regions of this thread must have, whatever they are worth; 0 for the ordinary rules.
    static INSIST: Cell<usize> = const { Cell::new(0) };
}

/// What the chunks of a region do, and where a panic goes.
#[derive(Clone, Copy)]
struct Job {
    each: *const (dyn Fn(usize) + Sync),
    failure: *const Failure,
}

/// The first panic of a region.
#[derive(Default)]
struct Failure {
    happened: AtomicBool,
    payload: Mutex<Option<Box<dyn Any + Send>>>,
}

/// Keeps what different threads write on different cache lines (two, because they are fetched in pairs).
#[derive(Debug)]
#[repr(align(128))]
pub struct Apart<T>(pub T);

struct Helper {
    parked: AtomicBool,
    thread: OnceLock<Thread>,
    place: place::Place,
}

pub(crate) struct Team {
    /// What may be claimed: see [`Claim`].
    claim: Apart<AtomicU64>,
    /// Chunks that helpers have finished.
    done: Apart<AtomicUsize>,
    /// Whether a caller has the team.
    taken: Apart<AtomicBool>,
    /// How many helpers are not parked.
    awake: AtomicUsize,
    /// See [`MISSED`].
    missed: AtomicUsize,
    /// How many helpers have been started. Written by who has the team.
    started: AtomicUsize,
    /// Until when to go on alone after a long wait, in nanoseconds of the process; 0 if not. Written by who has the team.
    alone: AtomicU64,
    /// How many times the last long wait that was.
    penalty: AtomicU32,
    /// Callers that found the team taken in this region, each as often as it did.
    rivals: AtomicUsize,
    /// How many times [`CROWDED`] callers went on alone when it was crowded last. Written by who has the team.
    crowd: AtomicU32,
    job: UnsafeCell<Option<Job>>,
    helpers: [Helper; MOST_THREADS - 1],
}

// SAFETY: `job` is written only by the caller that has the team, before `claim` publishes a region and after all claimed
// chunks of the one before are done; it is read only by who has claimed a chunk of the region, before that chunk is done.
// The pointers in it are those of a `Sync` closure and a `Sync` failure that live until the region ends.
unsafe impl Sync for Team {}

pub(crate) static TEAM: Team = Team {
    claim: Apart(AtomicU64::new(0)),
    done: Apart(AtomicUsize::new(0)),
    taken: Apart(AtomicBool::new(false)),
    awake: AtomicUsize::new(0),
    missed: AtomicUsize::new(0),
    started: AtomicUsize::new(0),
    alone: AtomicU64::new(0),
    penalty: AtomicU32::new(0),
    rivals: AtomicUsize::new(0),
    crowd: AtomicU32::new(0),
    job: UnsafeCell::new(None),
    helpers: [const {
        Helper { parked: AtomicBool::new(false), thread: OnceLock::new(), place: place::Place::new() }
    }; MOST_THREADS - 1],
};

/// The word that chunks are claimed from: the next chunk, how many there are, and how many helpers may take part. A claim
/// adds one; what was there before says whether it succeeded.
#[derive(Clone, Copy)]
struct Claim(u64);

impl Claim {
    const BITS: u32 = 24;
    /// Half of what there is room for: every helper may count once past the end of a region.
    const MOST_CHUNKS: usize = 1 << (Self::BITS - 1);
    const MASK: u64 = (1 << Self::BITS) - 1;

    fn new(chunks: usize, helpers: usize) -> Claim {
        Claim((chunks as u64) << Self::BITS | (helpers as u64) << (2 * Self::BITS))
    }
    /// The chunk that a claim gets that finds this word.
    fn chunk(self) -> Option<usize> {
        let (next, chunks) = (self.0 & Self::MASK, self.0 >> Self::BITS & Self::MASK);
        (next < chunks).then_some(next as usize)
    }
    fn helpers(self) -> usize {
        (self.0 >> (2 * Self::BITS)) as usize
    }
}

/// Whether regions of this thread run on it alone in any case.
pub(crate) fn inside() -> bool {
    INSIDE.get()
}

/// Threads that regions of this thread insist on, or 0.
pub(crate) fn insisted() -> usize {
    INSIST.get()
}

/// Runs `f` with every region of this thread shared by `threads` threads, however small it is, waiting for the team if
/// need be: for tests of promises about threads.
pub fn insisting<R>(threads: usize, f: impl FnOnce() -> R) -> R {
    struct Restore(usize);
    impl Drop for Restore {
        fn drop(&mut self) {
            INSIST.set(self.0);
        }
    }
    assert!((1..=MOST_THREADS).contains(&threads), "between 1 and {MOST_THREADS} threads");
    let _restore = Restore(INSIST.replace(threads));
    f()
}

impl Team {
    /// Calls `each` with every chunk below `chunks`, which take one thread about `nanoseconds` together, on up to
    /// `threads` threads.
    pub(crate) fn run(
        &'static self,
        threads: usize,
        chunks: usize,
        nanoseconds: usize,
        each: &(dyn Fn(usize) + Sync),
    ) {
        let helpers = self.worth(threads, chunks, nanoseconds);
        if helpers == 0 || !self.take() {
            (0..chunks).for_each(each);
            return;
        }
        let group = chunks.div_ceil(Claim::MOST_CHUNKS);
        if group > 1 {
            let some = |at: usize| (at * group..chunks.min((at + 1) * group)).for_each(each);
            self.share(threads, helpers, chunks.div_ceil(group), &some);
        } else {
            self.share(threads, helpers, chunks, each);
        }
    }

    /// How many helpers a region is worth.
    fn worth(&self, threads: usize, chunks: usize, nanoseconds: usize) -> usize {
        if chunks <= 1 || threads <= 1 || INSIDE.get() {
            return 0;
        }
        if INSIST.get() > 0 {
            return threads - 1;
        }
        if nanoseconds < WORTH_HOT {
            return 0;
        }
        if nanoseconds < WORTH_COLD && self.awake.load(Relaxed) == 0 {
            // Callers that count at once lose some of it, which does no harm.
            let missed = self.missed.load(Relaxed) + nanoseconds;
            self.missed.store(if missed < MISSED { missed } else { 0 }, Relaxed);
            if missed < MISSED {
                return 0;
            }
        }
        (threads - 1).min(chunks - 1).min((nanoseconds / SHARE).max(1))
    }

    /// Takes the team, unless another caller has it or this one had better go on alone.
    fn take(&self) -> bool {
        let insists = INSIST.get() > 0;
        while self.taken.0.swap(true, Acquire) {
            if !insists {
                self.rivals.fetch_add(1, Relaxed);
                return false;
            }
            std::thread::yield_now();
        }
        let alone = self.alone.load(Relaxed);
        if alone > 0 && !insists {
            if now() < alone {
                self.taken.0.store(false, Release);
                return false;
            }
            self.alone.store(0, Relaxed);
        }
        true
    }

    /// Runs a region. The caller has the team; it is given back.
    fn share(&'static self, threads: usize, helpers: usize, chunks: usize, each: &(dyn Fn(usize) + Sync)) {
        let helpers = self.start(helpers);
        self.rivals.store(0, Relaxed);
        let failure = Failure::default();
        // SAFETY: only the lifetime is changed. `wait` below returns after the last use of the closure, and nothing
        // between here and there unwinds: panics of chunks are caught.
        let each: *const (dyn Fn(usize) + Sync) =
            unsafe { std::mem::transmute::<&(dyn Fn(usize) + Sync), *const (dyn Fn(usize) + Sync)>(each) };
        let job = Job { each, failure: &failure };
        // SAFETY: this caller has the team and the region before is over, so nobody reads the job.
        unsafe { *self.job.get() = Some(job) };
        self.done.0.store(0, Relaxed);
        INSIDE.set(true);
        let start = Instant::now();
        self.claim.0.store(Claim::new(chunks, helpers).0, SeqCst);
        self.wake(0, helpers);
        self.wake(1, helpers);
        let mut mine = 0;
        while let Some(chunk) = Claim(self.claim.0.fetch_add(1, Acquire)).chunk() {
            run_chunk(job, chunk);
            mine += 1;
        }
        self.wait(chunks - mine, start, mine);
        INSIDE.set(false);
        self.crowded(threads);
        self.taken.0.store(false, Release);
        if failure.happened.load(Acquire) {
            let payload = failure.payload.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
            resume_unwind(payload.unwrap_or_else(|| Box::new("a chunk of a parallel region panicked")));
        }
    }

    /// Waits until helpers have finished `claimed` chunks.
    fn wait(&self, claimed: usize, start: Instant, mine: usize) {
        let finished = || self.done.0.load(Acquire) == claimed;
        for _ in 0..SPINS {
            if finished() {
                self.penalty.store(0, Relaxed);
                return;
            }
            spin_loop();
        }
        let since = Instant::now();
        while !finished() {
            // Whoever has the chunk may be waiting for this very processor.
            std::thread::yield_now();
        }
        let (waited, own) = (since.elapsed(), since.duration_since(start) / mine.max(1) as u32);
        if waited > LONG_WAIT && waited > 3 * own {
            let penalty = self.penalty.load(Relaxed).max(ALONE / 2).saturating_mul(2);
            self.penalty.store(penalty, Relaxed);
            let alone = waited.saturating_mul(penalty).min(MOST_ALONE);
            self.alone.store(now() + alone.as_nanos() as u64, Relaxed);
        } else {
            self.penalty.store(0, Relaxed);
        }
    }

    /// After a region: whether as many callers as there are processors for helpers compute beside this one, and goes on alone
    /// then. Helpers and callers that take turns on a processor are slower than callers alone.
    fn crowded(&self, threads: usize) {
        let crowd = self.crowd.load(Relaxed);
        if self.rivals.load(Relaxed) + 1 >= threads {
            let crowd = crowd.saturating_mul(2).max(1);
            self.crowd.store(crowd, Relaxed);
            let until = now() + CROWDED.saturating_mul(crowd).min(MOST_ALONE).as_nanos() as u64;
            self.alone.store(self.alone.load(Relaxed).max(until), Relaxed);
        } else if crowd > 0 {
            self.crowd.store(crowd / 2, Relaxed);
        }
    }

    /// Sees to it that there are so many helpers; answers how many there are, if the system gives no more.
    fn start(&'static self, helpers: usize) -> usize {
        let mut started = self.started.load(Relaxed);
        while started < helpers {
            let index = started;
            self.awake.fetch_add(1, Relaxed);
            let builder = std::thread::Builder::new().name(format!("tenfold-{}", index + 1));
            let Ok(handle) = builder.spawn(move || self.serve(index)) else {
                self.awake.fetch_sub(1, Relaxed);
                break;
            };
            // The cell is empty: helpers are started in order by who has the team.
            let _ = self.helpers[index].thread.set(handle.thread().clone());
            started += 1;
            self.started.store(started, Relaxed);
        }
        helpers.min(started)
    }

    /// Wakes helper `index`, if it takes part and is parked. It wakes others in turn.
    fn wake(&self, index: usize, helpers: usize) {
        if index < helpers
            && self.helpers[index].parked.load(SeqCst)
            && self.helpers[index].parked.swap(false, SeqCst)
            && let Some(thread) = self.helpers[index].thread.get()
        {
            self.awake.fetch_add(1, Relaxed);
            self.helpers[index].place.keep_from_here();
            thread.unpark();
        }
    }

    /// A chunk for helper `index`.
    fn claim(&self, index: usize) -> Option<usize> {
        // Looking first spares the others' cache line while there is nothing to claim.
        let seen = Claim(self.claim.0.load(Acquire));
        if seen.chunk().is_none() || index >= seen.helpers() {
            return None;
        }
        // A region that has ended meanwhile has nothing left; of one that has begun meanwhile this is a chunk.
        Claim(self.claim.0.fetch_add(1, Acquire)).chunk()
    }

    /// The life of helper `index`.
    fn serve(&'static self, index: usize) {
        INSIDE.set(true);
        let helper = &self.helpers[index];
        helper.place.is_mine();
        loop {
            self.spin(index);
            self.awake.fetch_sub(1, Relaxed);
            helper.parked.store(true, SeqCst);
            // A region that was published before that store did not see it, but is seen here.
            let seen = Claim(self.claim.0.load(SeqCst));
            if seen.chunk().is_some() && index < seen.helpers() && helper.parked.swap(false, SeqCst) {
                self.awake.fetch_add(1, Relaxed);
                continue;
            }
            while helper.parked.load(SeqCst) {
                std::thread::park();
            }
        }
    }

    /// Computes chunks until there have been none for a while.
    fn spin(&self, index: usize) {
        let (mut idle, mut spins) = (Instant::now(), 0u32);
        loop {
            if let Some(mut chunk) = self.claim(index) {
                // SAFETY: a claimed chunk keeps the region open, so the job is the region's and nobody writes it.
                while let Some(job) = unsafe { *self.job.get() } {
                    let helpers = Claim(self.claim.0.load(Relaxed)).helpers();
                    self.wake(2 * index + 2, helpers);
                    self.wake(2 * index + 3, helpers);
                    run_chunk(job, chunk);
                    self.done.0.fetch_add(1, Release);
                    let Some(next) = self.claim(index) else { break };
                    chunk = next;
                }
                (idle, spins) = (Instant::now(), 0);
            }
            spin_loop();
            spins += 1;
            if spins.is_multiple_of(32) && idle.elapsed() > PATIENCE {
                return;
            }
        }
    }
}

/// Where a helper that is woken begins. Linux puts it on the processor of who wakes it where it takes the others for busy, and inside a
/// virtual machine it takes every processor for busy that the host has taken back, which is each one that had nothing to do. There the
/// two took turns, for milliseconds, until something moved one of them: a training step after a pause took twice as long.
#[cfg(all(target_os = "linux", not(miri)))]
mod place {
    use std::sync::atomic::AtomicI32;
    use std::sync::atomic::Ordering::Relaxed;

    pub(super) struct Place {
        /// The thread's number, once it runs.
        thread: AtomicI32,
        /// The processor that it is kept from.
        kept: AtomicI32,
    }

    impl Place {
        pub(super) const fn new() -> Place {
            Place { thread: AtomicI32::new(0), kept: AtomicI32::new(-1) }
        }
        /// This is the thread.
        pub(super) fn is_mine(&self) {
            // SAFETY: the call takes nothing and cannot fail.
            self.thread.store(unsafe { libc::gettid() }, Relaxed);
        }
        /// Lets the thread run where the calling one may, but on the processor that this one is on; if that is all, nothing changes.
        pub(super) fn keep_from_here(&self) {
            // SAFETY: the call takes nothing.
            let here = unsafe { libc::sched_getcpu() };
            let thread = self.thread.load(Relaxed);
            if here < 0 || thread == 0 || self.kept.load(Relaxed) == here {
                return;
            }
            const SIZE: usize = size_of::<libc::cpu_set_t>();
            // SAFETY: a set of processors is plain bits, and none of them set is a set. The calls read and write this one only, and
            // a thread that is no more is an error of theirs.
            unsafe {
                let mut set: libc::cpu_set_t = std::mem::zeroed();
                if here as usize >= 8 * SIZE || libc::sched_getaffinity(0, SIZE, &mut set) != 0 {
                    return;
                }
                libc::CPU_CLR(here as usize, &mut set);
                if libc::CPU_COUNT(&set) > 0 && libc::sched_setaffinity(thread, SIZE, &set) == 0 {
                    self.kept.store(here, Relaxed);
                }
            }
        }
        #[cfg(test)]
        pub(super) fn kept(&self) -> i32 {
            self.kept.load(Relaxed)
        }
    }
}

/// Elsewhere the system decides.
#[cfg(not(all(target_os = "linux", not(miri))))]
mod place {
    pub(super) struct Place;

    impl Place {
        pub(super) const fn new() -> Place {
            Place
        }
        pub(super) fn is_mine(&self) {}
        pub(super) fn keep_from_here(&self) {}
    }
}

/// Nanoseconds since this was first asked.
fn now() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

/// Runs one chunk and keeps its panic for the caller. After a panic the chunks that are left do nothing.
fn run_chunk(job: Job, chunk: usize) {
    // SAFETY: the region is open while a claimed chunk of it is not done, and closure and failure live as long.
    let (each, failure) = unsafe { (&*job.each, &*job.failure) };
    if failure.happened.load(Relaxed) {
        return;
    }
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| each(chunk)))
        && !failure.happened.swap(true, AcqRel)
    {
        *failure.payload.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(payload);
    }
}

#[cfg(all(test, target_os = "linux", not(miri)))]
mod tests {
    use super::place::Place;
    use std::sync::mpsc;

    #[test]
    fn a_helper_is_kept_from_the_processor_of_who_wakes_it() {
        let place: &'static Place = Box::leak(Box::new(Place::new()));
        let (ready, is_ready) = mpsc::channel();
        let (wake, woken) = mpsc::channel();
        let helper = std::thread::spawn(move || {
            place.is_mine();
            ready.send(()).unwrap();
            woken.recv().unwrap();
            // SAFETY: the call takes nothing.
            unsafe { libc::sched_getcpu() }
        });
        is_ready.recv().unwrap();
        place.keep_from_here();
        wake.send(()).unwrap();
        // SAFETY: a set of processors is plain bits, and the call writes this one only.
        let alone = unsafe {
            let mut set: libc::cpu_set_t = std::mem::zeroed();
            assert_eq!(libc::sched_getaffinity(0, size_of_val(&set), &mut set), 0);
            libc::CPU_COUNT(&set) == 1
        };
        assert_eq!(place.kept() < 0, alone);
        assert!(alone || helper.join().unwrap() != place.kept());
    }
}
