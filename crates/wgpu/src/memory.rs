//! One buffer per tensor, from a pool of size classes.
//!
//! All work of a device runs in one queue in the order it was recorded. So a buffer that its last owner
//! dropped may be given out again at once: what the new owner records runs after what the old one recorded.
//! The one thing that overtakes the record is a write from the host (`Queue::write_buffer` runs before the
//! open batch), so each block remembers the batch that touched it last; see [`Block::touched`].

use crate::error::{GpuError, GpuResult};
use rustc_hash::FxHashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const SMALLEST: u64 = 256;
const LARGE: u64 = 64 << 20;
const LARGE_STEP: u64 = 2 << 20;

/// The bytes a buffer of `len` bytes takes: powers of two and half steps up to 64 MiB, then multiples of
/// 2 MiB.
pub fn size_class(len: u64) -> u64 {
    if len <= SMALLEST {
        return SMALLEST;
    }
    if len > LARGE {
        return len.div_ceil(LARGE_STEP) * LARGE_STEP;
    }
    let power = len.next_power_of_two();
    let half_step = power / 4 * 3;
    if len <= half_step { half_step } else { power }
}

/// Numbers of a device's memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryStats {
    /// Bytes in buffers that tensors hold, size classes counted in full.
    pub in_use: u64,
    /// The largest `in_use` so far.
    pub peak: u64,
    /// Bytes in the free lists.
    pub cached: u64,
    /// Buffers asked of the driver so far.
    pub allocations: u64,
    /// Buffers served from the free lists so far.
    pub reuses: u64,
}

/// A buffer of the driver, owned by a lease or by a free list.
#[derive(Debug)]
pub(crate) struct Block {
    pub raw: wgpu::Buffer,
    pub id: u64,
    pub size: u64,
    touched: AtomicU64,
}

impl Block {
    /// The number of the last batch that reads or writes this block; 0 for none.
    pub fn touched(&self) -> u64 {
        self.touched.load(Ordering::Relaxed)
    }

    pub fn touch(&self, batch: u64) {
        self.touched.store(batch, Ordering::Relaxed);
    }
}

/// Memory of a tensor on a device. Clones share it; the last one gives it back to the pool.
#[derive(Clone, Debug)]
pub struct Buffer(Arc<Lease>);

#[derive(Debug)]
struct Lease {
    block: Arc<Block>,
    len: u64,
    pool: Arc<Pool>,
}

impl Buffer {
    /// Bytes of content; the memory behind may be larger.
    pub fn len(&self) -> u64 {
        self.0.len
    }

    /// True for a buffer without content.
    pub fn is_empty(&self) -> bool {
        self.0.len == 0
    }

    /// True if nobody else holds this memory, so that its content may be overwritten.
    pub fn is_unique(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }

    /// True if both name the same memory.
    pub fn same(&self, other: &Buffer) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(crate) fn block(&self) -> &Arc<Block> {
        &self.0.block
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.pool.give_back(self.block.clone());
    }
}

/// The pool of one device.
#[derive(Debug)]
pub(crate) struct Pool {
    device: wgpu::Device,
    max_buffer: u64,
    budget: Option<u64>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    free: FxHashMap<u64, Vec<Arc<Block>>>,
    stats: MemoryStats,
    next_id: u64,
    /// Counts trims: caches that hold blocks by reference compare it and clear themselves.
    trims: u64,
}

impl State {
    fn drop_free_lists(&mut self) {
        self.free.clear();
        self.stats.cached = 0;
        self.trims += 1;
    }
}

impl Pool {
    pub fn new(device: wgpu::Device, max_buffer: u64, budget: Option<u64>) -> Pool {
        Pool { device, max_buffer, budget, state: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is consistent between any two statements, so a panic elsewhere does not spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A buffer of `len` bytes with unspecified content. One that was not touched since batch `before` began
    /// is preferred: it can be written from the host without ending the open batch.
    pub fn take(self: &Arc<Pool>, len: u64, before: u64) -> GpuResult<Buffer> {
        let size = size_class(len);
        if size > self.max_buffer {
            return Err(GpuError::TooLarge(format!(
                "a buffer of {len} bytes exceeds this device's limit of {} bytes",
                self.max_buffer
            )));
        }
        let mut state = self.lock();
        if let Some(budget) = self.budget {
            if state.stats.in_use + size > budget {
                return Err(GpuError::OutOfMemory { wanted: len, in_use: state.stats.in_use, budget });
            }
            if state.stats.in_use + state.stats.cached + size > budget && !state.free.contains_key(&size) {
                state.drop_free_lists();
            }
        }
        let recycled = state.free.get_mut(&size).and_then(|list| {
            let quiet = list.iter().rposition(|block| block.touched() < before);
            match (quiet, before) {
                (Some(i), _) => Some(list.swap_remove(i)),
                (None, 0) => list.pop(),
                (None, _) => None,
            }
        });
        let block = match recycled {
            Some(block) => {
                state.stats.cached -= size;
                state.stats.reuses += 1;
                block
            }
            None => {
                let in_use = state.stats.in_use;
                let raw =
                    self.create(size).ok_or(GpuError::OutOfMemory { wanted: len, in_use, budget: 0 })?;
                state.stats.allocations += 1;
                state.next_id += 1;
                Arc::new(Block { raw, id: state.next_id, size, touched: AtomicU64::new(0) })
            }
        };
        state.stats.in_use += size;
        state.stats.peak = state.stats.peak.max(state.stats.in_use);
        Ok(Buffer(Arc::new(Lease { block, len, pool: self.clone() })))
    }

    fn create(&self, size: u64) -> Option<wgpu::Buffer> {
        let scope = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let raw = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size,
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        pollster::block_on(scope.pop()).is_none().then_some(raw)
    }

    fn give_back(&self, block: Arc<Block>) {
        let mut state = self.lock();
        state.stats.in_use -= block.size;
        state.stats.cached += block.size;
        state.free.entry(block.size).or_default().push(block);
    }

    /// Drops all free lists. The driver gets the memory back after the next poll.
    pub fn trim(&self) {
        self.lock().drop_free_lists();
    }

    /// How often the free lists were dropped.
    pub fn trims(&self) -> u64 {
        self.lock().trims
    }

    pub fn stats(&self) -> MemoryStats {
        self.lock().stats
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_waste_at_most_a_half() {
        assert_eq!([0, 1, 256, 257, 384, 385, 513].map(size_class), [256, 256, 256, 384, 384, 512, 768]);
        assert_eq!(size_class(64 << 20), 64 << 20);
        assert_eq!(size_class((64 << 20) + 1), 66 << 20);
        for len in (1..5_000_000).step_by(7_919) {
            let class = size_class(len);
            assert!(class >= len && class.is_multiple_of(4), "{len}");
            assert!(len <= SMALLEST || class < len + len.div_ceil(2) + 1, "{len} in {class}");
            assert_eq!(size_class(class), class);
        }
    }
}
