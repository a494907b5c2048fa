//! Host memory that is used again: what elements lie in when they are more than a few.
//!
//! Blocks come in size classes, four to each doubling, and go back to lists: one of each thread, which needs no lock, and
//! behind it one of the process. What both hold back is bounded; beyond that a block returns to the system. Large blocks
//! are aligned to huge pages and ask for them, because fresh small pages cost ten times the writing of them.
//!
//! One of the few files with `unsafe`.

use std::alloc::{Layout, alloc, alloc_zeroed, dealloc};
use std::cell::RefCell;
use std::ptr::NonNull;
use std::sync::Mutex;
use std::sync::atomic::{AtomicIsize, AtomicUsize, Ordering::Relaxed};

/// Alignment of every block: a cache line, and the widest vector.
pub(crate) const ALIGN: usize = 64;
/// The size of a huge page; blocks of at least this size are made of them where the system can.
const HUGE: usize = 2 << 20;
/// The smallest class.
const SMALLEST: usize = 128;
/// Classes up to 64 GiB; what is larger is not held back.
const CLASSES: usize = 4 * 29;
/// What a thread's list holds of one class: so many bytes, but at least two blocks and at most [`BLOCKS`].
const LIST: usize = 16 << 20;
const BLOCKS: usize = 64;
/// What all lists hold together at most.
const HELD: usize = 1 << 30;

/// A block of some class, without an owner. Its bytes are initialised, to anything.
struct Block(NonNull<u8>);

// SAFETY: a block in a list is memory that nobody refers to.
unsafe impl Send for Block {}

/// A thread counts so many bytes for itself before it tells the others, whom each telling costs a cache line.
const UNTOLD: isize = 64 << 10;

/// Bytes handed out, as far as threads have told; below zero for a moment if who frees tells before who took.
static USED: AtomicIsize = AtomicIsize::new(0);
/// The most bytes handed out at one time, and bytes had from the system.
static PEAK: AtomicUsize = AtomicUsize::new(0);
static RESERVED: AtomicUsize = AtomicUsize::new(0);

/// Blocks that threads had too many of, or left behind.
static SHARED: Mutex<Lists> = Mutex::new(Lists::new());

struct Lists([Vec<Block>; CLASSES]);

impl Lists {
    const fn new() -> Lists {
        Lists([const { Vec::new() }; CLASSES])
    }
}

/// A thread's lists; when it ends, the others may have them. And the bytes that it took, less those that it gave back, and has
/// told nobody about.
struct Own(Lists, isize);

impl Own {
    /// Counts bytes taken or given back; answers how many are handed out now.
    #[inline]
    fn count(&mut self, bytes: isize) -> usize {
        self.1 += bytes;
        if self.1.abs() >= UNTOLD {
            USED.fetch_add(std::mem::take(&mut self.1), Relaxed);
        }
        used(self.1)
    }
}

/// Bytes handed out now, of which so many have not been told.
fn used(untold: isize) -> usize {
    usize::try_from(USED.load(Relaxed) + untold).unwrap_or(0)
}

/// [`Own::count`] of this thread; while it ends, without it.
#[cold]
fn counted(bytes: isize) -> usize {
    USED.fetch_add(bytes, Relaxed);
    used(0)
}

impl Drop for Own {
    fn drop(&mut self) {
        USED.fetch_add(self.1, Relaxed);
        let mut shared = SHARED.lock().unwrap_or_else(|p| p.into_inner());
        for (theirs, own) in shared.0.iter_mut().zip(&mut self.0.0) {
            theirs.append(own);
        }
    }
}

thread_local! {
    static OWN: RefCell<Own> = const { RefCell::new(Own(Lists::new(), 0)) };
}

/// How host memory is used by tensors and running graphs, in bytes.
///
/// Tensors of at most 64 bytes keep their elements in themselves and are not counted, nor are vectors that were taken
/// over ([`Tensor::from_vec`](crate::Tensor::from_vec)). Of what another thread took or gave back at last, up to 64 KiB may not be
/// counted yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    /// In use now.
    pub used: usize,
    /// The most that was in use at one time, since the start or [`reset_peak`].
    pub peak: usize,
    /// Held back for the next use.
    pub held: usize,
}

/// How host memory is used now.
///
/// Source: `tf.config.experimental.get_memory_info`, which is for devices only.
///
/// ```
/// # use tenfold_core as tf;
/// let before = tf::memory::stats().used;
/// let x = tf::zeros([1024, 1024]);
/// assert!(tf::memory::stats().used >= before + 4 * 1024 * 1024);
/// # drop(x);
/// ```
pub fn stats() -> Stats {
    let used = used(OWN.try_with(|own| own.borrow().1).unwrap_or(0));
    Stats { used, peak: PEAK.load(Relaxed).max(used), held: RESERVED.load(Relaxed).saturating_sub(used) }
}

/// Begins to look for the peak anew, from what is in use now.
///
/// Source: `tf.config.experimental.reset_memory_stats`.
pub fn reset_peak() {
    PEAK.store(stats().used, Relaxed);
}

/// Gives what this thread and the process hold back to the system. Other threads keep theirs.
pub fn trim() {
    let mut mine = OWN.with_borrow_mut(|own| std::mem::replace(&mut own.0, Lists::new()));
    let mut shared = std::mem::replace(&mut *SHARED.lock().unwrap_or_else(|p| p.into_inner()), Lists::new());
    for lists in [&mut mine, &mut shared] {
        for (class, list) in lists.0.iter_mut().enumerate() {
            list.drain(..).for_each(|block| release(block, class_bytes(class)));
        }
    }
}

/// The class of so many bytes: sizes go 4, 5, 6, 7 eighths of a power of two and on.
fn class_of(bytes: usize) -> usize {
    let bytes = bytes.max(SMALLEST);
    let above = (bytes - 1).ilog2() as usize;
    // The step of this doubling, and how many of them cover the bytes.
    let step = 1usize << (above - 2);
    let steps = (bytes - (1 << above)).div_ceil(step);
    (above * 4 + steps).saturating_sub(SMALLEST.ilog2() as usize * 4)
}

fn class_bytes(class: usize) -> usize {
    let class = class + SMALLEST.ilog2() as usize * 4;
    (4 + class % 4) << (class / 4 - 2)
}

fn layout(bytes: usize) -> Option<Layout> {
    Layout::from_size_align(bytes, if bytes >= HUGE { HUGE } else { ALIGN }).ok()
}

/// A fresh block of zeros.
#[cold]
fn fresh(bytes: usize) -> Option<NonNull<u8>> {
    let layout = layout(bytes)?;
    // SAFETY: the layout has a size that is not zero.
    let ptr = NonNull::new(unsafe { if bytes < HUGE { alloc_zeroed(layout) } else { alloc(layout) } })?;
    RESERVED.fetch_add(bytes, Relaxed);
    if bytes >= HUGE {
        // Before the first touch, which decides about the pages.
        #[cfg(all(target_os = "linux", not(miri)))]
        // SAFETY: the range is this allocation's own. It is advice: what it answers changes nothing but speed.
        unsafe {
            libc::madvise(ptr.as_ptr().cast(), bytes, libc::MADV_HUGEPAGE)
        };
        // SAFETY: as above.
        unsafe { ptr.as_ptr().write_bytes(0, bytes) };
    }
    Some(ptr)
}

fn release(block: Block, bytes: usize) {
    RESERVED.fetch_sub(bytes, Relaxed);
    if let Some(layout) = layout(bytes) {
        // SAFETY: allocated in `fresh` with this layout, and nobody refers to it.
        unsafe { dealloc(block.0.as_ptr(), layout) }
    }
}

/// Memory of at least `bytes` bytes, initialised, to zeros if it is `zeroed`, else to anything. `None` if there is none.
pub(crate) fn take(bytes: usize, zeroed: bool) -> Option<NonNull<u8>> {
    let class = class_of(bytes);
    let size = if class < CLASSES { class_bytes(class) } else { bytes };
    // While a thread ends its lists may be gone already.
    let listed = |own: &RefCell<Own>| own.borrow_mut().0.0.get_mut(class).and_then(Vec::pop);
    let held = OWN.try_with(listed).ok().flatten().or_else(|| shared(class));
    let ptr = match held {
        Some(Block(ptr)) => {
            if zeroed {
                // SAFETY: the block has at least `bytes` bytes, and it is ours.
                unsafe { ptr.as_ptr().write_bytes(0, bytes) };
            }
            ptr
        }
        None => fresh(size)?,
    };
    let used =
        OWN.try_with(|own| own.borrow_mut().count(size as isize)).unwrap_or_else(|_| counted(size as isize));
    if used > PEAK.load(Relaxed) {
        PEAK.fetch_max(used, Relaxed);
    }
    Some(ptr)
}

/// A block from the process's list.
#[cold]
fn shared(class: usize) -> Option<Block> {
    SHARED.lock().unwrap_or_else(|p| p.into_inner()).0.get_mut(class)?.pop()
}

/// Takes back what [`take`] gave for so many bytes.
///
/// # Safety
///
/// `ptr` came from `take(bytes, _)`, is given back once, and nobody refers to it any more.
pub(crate) unsafe fn give_back(ptr: NonNull<u8>, bytes: usize) {
    let class = class_of(bytes);
    let block = Block(ptr);
    let size = if class < CLASSES { class_bytes(class) } else { bytes };
    let given = -(size as isize);
    let used = OWN.try_with(|own| own.borrow_mut().count(given)).unwrap_or_else(|_| counted(given));
    if class >= CLASSES || RESERVED.load(Relaxed).saturating_sub(used) > HELD {
        return release(block, size);
    }
    let mut block = Some(block);
    let room = (LIST / size).clamp(2, BLOCKS);
    let _ = OWN.try_with(|own| {
        let list = &mut own.borrow_mut().0.0[class];
        if list.len() < room {
            list.extend(block.take());
        }
    });
    if let Some(block) = block {
        SHARED.lock().unwrap_or_else(|p| p.into_inner()).0[class].push(block);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_cover_their_bytes_and_waste_at_most_a_quarter() {
        let mut last = 0;
        for class in 0..CLASSES {
            let bytes = class_bytes(class);
            assert!(bytes > last);
            assert_eq!(class_of(bytes), class);
            assert_eq!(class_of(last + 1), class, "{last} + 1");
            assert!(class == 0 || bytes as f64 <= last as f64 * 1.25 + 0.5);
            last = bytes;
        }
        assert!(class_of(usize::MAX) >= CLASSES);
    }

    #[test]
    fn a_block_is_used_again_by_its_thread_and_by_others() {
        // Sizes that no other test uses.
        let bytes = class_bytes(class_of(if cfg!(miri) { 7 << 10 } else { 7 << 20 }));
        let first = take(bytes, true).unwrap();
        // SAFETY: the block is ours and large enough.
        unsafe { first.as_ptr().write_bytes(7, bytes) };
        assert_eq!(first.as_ptr() as usize % layout(bytes).unwrap().align(), 0);
        assert!(cfg!(miri) || layout(bytes).unwrap().align() == HUGE);
        // SAFETY: taken above.
        unsafe { give_back(first, bytes) };
        let again = take(bytes - 10, true).unwrap();
        assert_eq!(again, first);
        // SAFETY: the block is ours; its bytes are initialised.
        let zeros = unsafe { std::slice::from_raw_parts(again.as_ptr(), bytes - 10) };
        assert!(zeros.iter().all(|b| *b == 0));
        let address = again.as_ptr() as usize;
        let sent = Block(again);
        std::thread::spawn(move || {
            let block = sent;
            // SAFETY: taken above, sent here.
            unsafe { give_back(block.0, bytes) };
        })
        .join()
        .unwrap();
        // The other thread ended and left it.
        let third = take(bytes, false).unwrap();
        assert_eq!(third.as_ptr() as usize, address);
        // SAFETY: taken above.
        unsafe { give_back(third, bytes) };
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri ends where it has no memory")]
    fn a_huge_request_is_refused() {
        assert!(take(isize::MAX as usize / 2, true).is_none());
        assert!(take(usize::MAX, false).is_none());
    }
}
