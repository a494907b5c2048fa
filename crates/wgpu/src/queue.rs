//! Recording and submission: one encoder with one open compute pass, submitted every few dozen dispatches.

use crate::error::{GpuError, GpuResult};
use crate::memory::{Block, Buffer, Pool};
use crate::pipeline::{Pipeline, fold};
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// Dispatches of the first batch after a wait: small, so that the device starts early.
const FIRST_BATCH: usize = 16;
/// Dispatches of a later batch: the knee of the curve, a larger one gains nothing.
const BATCH: usize = 64;
/// Submitted batches that the device may be behind.
const IN_FLIGHT: usize = 8;
const UNIFORM_CHUNK: usize = 64 << 10;
const BIND_GROUPS: usize = 4096;
/// A read-back moves at most this many bytes at once.
const STAGING: u64 = 64 << 20;

/// The first fault of a device. It stays: every later call answers with it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fault(Arc<Mutex<Option<GpuError>>>);

impl Fault {
    pub fn set(&self, error: GpuError) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }

    pub fn check(&self) -> GpuResult<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone().map_or(Ok(()), Err)
    }
}

/// A part of a buffer as a kernel's binding, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Window<'a> {
    /// The buffer.
    pub buffer: &'a Buffer,
    /// First byte: a multiple of the device's offset alignment.
    pub offset: u64,
    /// Bytes from there, or everything behind `offset`.
    pub len: Option<u64>,
}

impl<'a> From<&'a Buffer> for Window<'a> {
    fn from(buffer: &'a Buffer) -> Window<'a> {
        Window { buffer, offset: 0, len: None }
    }
}

/// The limits that recording respects.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub binding: u64,
    pub workgroups: u32,
    pub offset_alignment: u64,
    pub uniform_alignment: u64,
    pub storage_buffers: u32,
}

pub(crate) struct Recorder {
    device: wgpu::Device,
    queue: wgpu::Queue,
    pool: Arc<Pool>,
    limits: Limits,
    fault: Fault,
    // The pass is declared first, so that it is dropped before the encoder it records into.
    pass: Option<wgpu::ComputePass<'static>>,
    encoder: Option<wgpu::CommandEncoder>,
    /// Number of the open batch.
    batch: u64,
    recorded: usize,
    batch_limit: usize,
    in_flight: VecDeque<wgpu::SubmissionIndex>,
    bind_groups: FxHashMap<Vec<u64>, wgpu::BindGroup>,
    trims_seen: u64,
    key: Vec<u64>,
    uniforms: Vec<(wgpu::Buffer, Vec<u8>)>,
    open_uniform: usize,
    staging: FxHashMap<u64, Vec<wgpu::Buffer>>,
    checks: Checks,
}

/// The values that kernels refused. A kernel with a check lowers the first word of `status` to the number of its
/// message; every read-back looks at it.
#[derive(Default)]
struct Checks {
    status: Option<Buffer>,
    texts: Vec<(&'static str, &'static str)>,
    /// The last batch whose checks were looked at.
    seen: u64,
}

/// The status word while nothing was refused.
const QUIET: u32 = u32::MAX;
/// Bytes of the status buffer.
const STATUS: u64 = 16;

impl Recorder {
    pub fn new(
        device: wgpu::Device,
        queue: wgpu::Queue,
        pool: Arc<Pool>,
        limits: Limits,
        fault: Fault,
    ) -> Recorder {
        Recorder {
            device,
            queue,
            pool,
            limits,
            fault,
            pass: None,
            encoder: None,
            batch: 1,
            recorded: 0,
            batch_limit: FIRST_BATCH,
            in_flight: VecDeque::new(),
            bind_groups: FxHashMap::default(),
            trims_seen: 0,
            key: Vec::new(),
            uniforms: Vec::new(),
            open_uniform: 0,
            staging: FxHashMap::default(),
            checks: Checks::default(),
        }
    }

    /// The number of the message `text` about `op`, for kernels to leave in the status buffer.
    pub fn check_code(&mut self, op: &'static str, text: &'static str) -> u32 {
        let texts = &mut self.checks.texts;
        let known = texts.iter().position(|entry| *entry == (op, text));
        known.unwrap_or_else(|| {
            texts.push((op, text));
            texts.len() - 1
        }) as u32
    }

    /// The status buffer.
    pub fn status(&mut self) -> GpuResult<Buffer> {
        if let Some(status) = &self.checks.status {
            return Ok(status.clone());
        }
        let status = self.pool.take(STATUS, self.batch)?;
        self.write(status.block(), bytemuck::cast_slice(&[QUIET; 4]))?;
        self.checks.seen = self.batch - 1;
        self.checks.status = Some(status.clone());
        Ok(status)
    }

    /// The status buffer, if a kernel with a check ran since it was last looked at.
    fn unseen(&self) -> Option<Buffer> {
        self.checks.status.clone().filter(|status| status.block().touched() > self.checks.seen)
    }

    /// The error of a status word, which becomes quiet again.
    fn judge(&mut self, status: &Buffer, word: u32) -> GpuResult<()> {
        self.checks.seen = self.batch - 1;
        if word == QUIET {
            return Ok(());
        }
        self.queue.write_buffer(&status.block().raw, 0, bytemuck::cast_slice(&[QUIET; 4]));
        match self.checks.texts.get(word as usize) {
            Some((op, text)) => Err(GpuError::Check { op, text }),
            None => Err(GpuError::Internal(format!("the status word is {word}"))),
        }
    }

    /// The number of the batch being recorded.
    pub fn batch(&self) -> u64 {
        self.batch
    }

    /// Records one dispatch of `workgroups` workgroups; submits if the batch is full.
    pub fn dispatch(
        &mut self,
        pipeline: &Pipeline,
        windows: &[Window<'_>],
        words: &[u32],
        workgroups: u64,
    ) -> GpuResult<()> {
        self.fault.check()?;
        let wrong = |what: &str| GpuError::Internal(format!("kernel {}: {what}", pipeline.label));
        if windows.len() != pipeline.writes.len() || words.len() != pipeline.words {
            return Err(wrong("called with another number of buffers or words than it states"));
        }
        if workgroups == 0 {
            return Ok(());
        }
        if windows.len() > self.limits.storage_buffers as usize {
            return Err(GpuError::TooLarge(format!(
                "kernel {} binds {} buffers, this device allows {}",
                pipeline.label,
                windows.len(),
                self.limits.storage_buffers
            )));
        }
        let (columns, rows) = fold(workgroups, self.limits.workgroups).ok_or_else(|| {
            GpuError::TooLarge(format!("a grid of {workgroups} workgroups exceeds this device's limits"))
        })?;
        let mut bytes: Vec<u32> = Vec::with_capacity(pipeline.padded_words);
        let count = u32::try_from(workgroups).map_err(|_| wrong("the grid does not fit 32 bits"))?;
        bytes.extend_from_slice(&[count, 0, 0, 0]);
        bytes.extend_from_slice(words);
        bytes.resize(pipeline.padded_words, 0);
        let bytes: &[u8] = bytemuck::cast_slice(&bytes);
        let uniform = if pipeline.immediates { None } else { Some(self.place_uniform(bytes)) };
        let group = self.bind_group(pipeline, windows, uniform.map(|(chunk, _)| chunk))?;
        for window in windows {
            window.buffer.block().touch(self.batch);
        }
        let pass = self.pass();
        pass.set_pipeline(&pipeline.raw);
        match uniform {
            None => {
                pass.set_bind_group(0, &group, &[]);
                pass.set_immediates(0, bytes);
            }
            Some((_, offset)) => pass.set_bind_group(0, &group, &[offset]),
        }
        pass.dispatch_workgroups(columns, rows, 1);
        self.count()
    }

    fn pass(&mut self) -> &mut wgpu::ComputePass<'static> {
        let device = &self.device;
        let encoder = self.encoder.get_or_insert_with(|| device.create_command_encoder(&Default::default()));
        self.pass.get_or_insert_with(|| encoder.begin_compute_pass(&Default::default()).forget_lifetime())
    }

    /// The encoder with no pass open.
    fn encoder(&mut self) -> &mut wgpu::CommandEncoder {
        self.pass = None;
        let device = &self.device;
        self.encoder.get_or_insert_with(|| device.create_command_encoder(&Default::default()))
    }

    fn count(&mut self) -> GpuResult<()> {
        self.recorded += 1;
        if self.recorded >= self.batch_limit {
            self.submit()?;
            self.batch_limit = BATCH;
        }
        Ok(())
    }

    /// Room for `bytes` in a uniform chunk of this batch: index of the chunk and offset.
    fn place_uniform(&mut self, bytes: &[u8]) -> (usize, u32) {
        let alignment = self.limits.uniform_alignment as usize;
        if let Some((_, shadow)) = self.uniforms.get(self.open_uniform)
            && shadow.len().next_multiple_of(alignment) + bytes.len() > UNIFORM_CHUNK
        {
            self.open_uniform += 1;
        }
        if self.open_uniform == self.uniforms.len() {
            let buffer = self.device.create_buffer(&wgpu::BufferDescriptor {
                label: None,
                size: UNIFORM_CHUNK as u64,
                usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            });
            self.uniforms.push((buffer, Vec::with_capacity(UNIFORM_CHUNK)));
        }
        let shadow = &mut self.uniforms[self.open_uniform].1;
        shadow.resize(shadow.len().next_multiple_of(alignment), 0);
        let offset = shadow.len() as u32;
        shadow.extend_from_slice(bytes);
        (self.open_uniform, offset)
    }

    fn bind_group(
        &mut self,
        pipeline: &Pipeline,
        windows: &[Window<'_>],
        uniform: Option<usize>,
    ) -> GpuResult<wgpu::BindGroup> {
        let trims = self.pool.trims();
        if trims != self.trims_seen || self.bind_groups.len() >= BIND_GROUPS {
            // Cached groups keep buffers alive that the pool meant to free.
            self.bind_groups.clear();
            self.trims_seen = trims;
        }
        self.key.clear();
        self.key.push(pipeline.id);
        for window in windows {
            let range = self.range(pipeline, window)?;
            self.key.extend([window.buffer.block().id, range.0, range.1]);
        }
        self.key.extend(uniform.map(|chunk| chunk as u64));
        if let Some(group) = self.bind_groups.get(self.key.as_slice()) {
            return Ok(group.clone());
        }
        let binding = |buffer, offset, size| {
            wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                buffer,
                offset,
                size: std::num::NonZero::new(size),
            })
        };
        let resources = windows
            .iter()
            .zip(self.key[1..].chunks_exact(3))
            .map(|(window, key)| binding(&window.buffer.block().raw, key[1], key[2]));
        let uniform = uniform.map(|chunk| {
            let size = (pipeline.padded_words * 4) as u64;
            binding(&self.uniforms[chunk].0, 0, size)
        });
        let entries: Vec<_> = resources
            .chain(uniform)
            .zip(0..)
            .map(|(resource, binding)| wgpu::BindGroupEntry { binding, resource })
            .collect();
        let group = self.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &pipeline.layout,
            entries: &entries,
        });
        self.bind_groups.insert(self.key.clone(), group.clone());
        Ok(group)
    }

    /// Offset and size of a window. A window above the limit is refused: clamping it would read garbage.
    fn range(&self, pipeline: &Pipeline, window: &Window<'_>) -> GpuResult<(u64, u64)> {
        let block = window.buffer.block();
        let len = match window.len {
            Some(len) => len.next_multiple_of(4),
            // The whole block: then a recycled block meets its cached bind group again.
            None if block.size <= self.limits.binding => block.size - window.offset,
            None => (window.buffer.len() - window.offset).next_multiple_of(4),
        };
        if len > self.limits.binding {
            return Err(GpuError::TooLarge(format!(
                "kernel {} needs {len} bytes of one tensor at once, this device binds {}",
                pipeline.label, self.limits.binding
            )));
        }
        if !window.offset.is_multiple_of(self.limits.offset_alignment) || window.offset + len > block.size {
            return Err(GpuError::Internal(format!(
                "kernel {}: a window outside its buffer",
                pipeline.label
            )));
        }
        Ok((window.offset, len))
    }

    /// Records a copy of bytes between two buffers. Offsets and length are multiples of four.
    pub fn copy(
        &mut self,
        from: &Buffer,
        from_offset: u64,
        to: &Buffer,
        to_offset: u64,
        len: u64,
    ) -> GpuResult<()> {
        self.fault.check()?;
        if len == 0 {
            return Ok(());
        }
        let (source, target) = (from.block().clone(), to.block().clone());
        source.touch(self.batch);
        target.touch(self.batch);
        self.encoder().copy_buffer_to_buffer(&source.raw, from_offset, &target.raw, to_offset, len);
        self.count()
    }

    /// Writes bytes from the host; the length is a multiple of four. A write from the host overtakes the
    /// open batch, so a block that this batch touches makes us submit it first.
    pub fn write(&mut self, block: &Block, bytes: &[u8]) -> GpuResult<()> {
        self.fault.check()?;
        if block.touched() == self.batch {
            self.submit()?;
        }
        self.queue.write_buffer(&block.raw, 0, bytes);
        block.touch(self.batch);
        Ok(())
    }

    /// Submits the open batch, if it holds anything, and frees what finished batches held.
    pub fn submit(&mut self) -> GpuResult<()> {
        self.pass = None;
        for (buffer, shadow) in self.uniforms.iter_mut().filter(|(_, shadow)| !shadow.is_empty()) {
            self.queue.write_buffer(buffer, 0, shadow);
            shadow.clear();
        }
        self.open_uniform = 0;
        let commands = self.encoder.take().map(wgpu::CommandEncoder::finish);
        self.in_flight.push_back(self.queue.submit(commands));
        self.batch += 1;
        self.recorded = 0;
        if self.in_flight.len() > IN_FLIGHT
            && let Some(index) = self.in_flight.pop_front()
        {
            self.poll(wgpu::PollType::Wait { submission_index: Some(index), timeout: None })?;
        } else {
            self.poll(wgpu::PollType::Poll)?;
        }
        self.fault.check()
    }

    fn poll(&self, how: wgpu::PollType) -> GpuResult<()> {
        self.device.poll(how).map(|_| ()).map_err(|error| GpuError::Lost(error.to_string()))
    }

    /// Submits and waits until the device has done everything.
    pub fn wait(&mut self) -> GpuResult<()> {
        match self.unseen() {
            Some(status) => self.read_part(&status.block().clone(), 0, &mut [0; STATUS as usize]),
            None => self.wait_all(),
        }
    }

    fn wait_all(&mut self) -> GpuResult<()> {
        self.submit()?;
        self.poll(wgpu::PollType::wait_indefinitely())?;
        self.in_flight.clear();
        self.batch_limit = FIRST_BATCH;
        self.fault.check()
    }

    /// Drops what this recorder caches of buffers.
    pub fn trim(&mut self) {
        self.bind_groups.clear();
        self.staging.clear();
    }

    /// Reads `out.len()` bytes from `offset` (a multiple of four) on; waits for everything recorded.
    pub fn read(&mut self, block: &Block, offset: u64, out: &mut [u8]) -> GpuResult<()> {
        for (part, start) in out.chunks_mut(STAGING as usize).zip((offset..).step_by(STAGING as usize)) {
            self.read_part(block, start, part)?;
        }
        Ok(())
    }

    fn read_part(&mut self, block: &Block, offset: u64, out: &mut [u8]) -> GpuResult<()> {
        self.fault.check()?;
        let len = (out.len() as u64).next_multiple_of(8);
        let copied = (out.len() as u64).next_multiple_of(4);
        let unseen = self.unseen();
        let class = crate::memory::size_class(len + STATUS);
        let staging = match self.staging.get_mut(&class).and_then(Vec::pop) {
            Some(buffer) => buffer,
            None => self.device.create_buffer(&wgpu::BufferDescriptor {
                label: None,
                size: class,
                usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            }),
        };
        let fault = self.fault.clone();
        let encoder = self.encoder();
        encoder.copy_buffer_to_buffer(&block.raw, offset, &staging, 0, copied);
        if let Some(status) = &unseen {
            encoder.copy_buffer_to_buffer(&status.block().raw, 0, &staging, len, STATUS);
        }
        encoder.map_buffer_on_submit(&staging, wgpu::MapMode::Read, 0..len + STATUS, move |result| {
            if let Err(error) = result {
                fault.set(GpuError::Lost(format!("reading back failed: {error}")));
            }
        });
        self.wait_all()?;
        let word = {
            let view = staging
                .slice(..len + STATUS)
                .get_mapped_range()
                .map_err(|error| GpuError::Lost(format!("reading back failed: {error}")))?;
            out.copy_from_slice(&view[..out.len()]);
            let at = len as usize;
            u32::from_le_bytes([view[at], view[at + 1], view[at + 2], view[at + 3]])
        };
        staging.unmap();
        self.staging.entry(class).or_default().push(staging);
        match unseen {
            Some(status) => self.judge(&status, word),
            None => Ok(()),
        }
    }
}
