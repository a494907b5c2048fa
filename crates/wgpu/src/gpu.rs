//! The handle of one GPU: memory, kernels, queue.

use crate::adapter::{Caps, Options, usable, wanted_features};
use crate::error::{GpuError, GpuResult};
use crate::memory::{Buffer, MemoryStats, Pool};
use crate::pipeline::{Kernel, Pipeline};
use crate::queue::{Fault, Limits, Recorder, Window};
use rustc_hash::FxHashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One GPU. Clones name the same device; all methods may be called from any thread.
#[derive(Clone)]
pub struct Gpu(Arc<Inner>);

struct Inner {
    caps: Caps,
    checked: bool,
    device: wgpu::Device,
    pool: Arc<Pool>,
    recorder: Mutex<Recorder>,
    pipelines: Mutex<Pipelines>,
    fault: Fault,
}

#[derive(Default)]
struct Pipelines {
    by_text: FxHashMap<String, Arc<Pipeline>>,
    next_id: u64,
}

impl std::fmt::Debug for Gpu {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Gpu({})", self.0.caps)
    }
}

impl Gpu {
    /// Opens every GPU that may be used, best first.
    ///
    /// # Errors
    /// `NoAdapter` where there is none, with what to do about it; `Lost` where a driver refuses a device.
    pub fn open_all(options: &Options) -> GpuResult<Vec<Gpu>> {
        usable(options)?.into_iter().map(|(adapter, caps)| Gpu::open(&adapter, caps, options)).collect()
    }

    fn open(adapter: &wgpu::Adapter, caps: Caps, options: &Options) -> GpuResult<Gpu> {
        let request = adapter.request_device(&wgpu::DeviceDescriptor {
            label: Some("tenfold"),
            required_features: wanted_features() & adapter.features(),
            required_limits: adapter.limits(),
            experimental_features: wgpu::ExperimentalFeatures::disabled(),
            memory_hints: wgpu::MemoryHints::Performance,
            trace: wgpu::Trace::Off,
        });
        let (device, queue) = pollster::block_on(request)
            .map_err(|error| GpuError::Lost(format!("{caps} gave no device: {error}")))?;
        let fault = Fault::default();
        let (lost, uncaptured) = (fault.clone(), fault.clone());
        device.set_device_lost_callback(move |reason, text| {
            lost.set(GpuError::Lost(format!("{reason:?}: {text}")));
        });
        device.on_uncaptured_error(Arc::new(move |error| {
            uncaptured.set(GpuError::Internal(error.to_string()));
        }));
        let pool = Arc::new(Pool::new(device.clone(), caps.max_buffer, options.memory_limit));
        let limits = Limits {
            binding: caps.max_binding,
            workgroups: caps.max_workgroups,
            offset_alignment: caps.offset_alignment,
            uniform_alignment: caps.uniform_alignment,
            storage_buffers: caps.max_storage_buffers,
        };
        let recorder = Recorder::new(device.clone(), queue, pool.clone(), limits, fault.clone());
        Ok(Gpu(Arc::new(Inner {
            caps,
            checked: options.checked,
            device,
            pool,
            recorder: Mutex::new(recorder),
            pipelines: Mutex::default(),
            fault,
        })))
    }

    /// What this device is and can do.
    pub fn caps(&self) -> &Caps {
        &self.0.caps
    }

    fn recorder(&self) -> MutexGuard<'_, Recorder> {
        // A panic while recording loses at most the open batch's last command; the state stays whole.
        self.0.recorder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A buffer of `len` bytes with unspecified content.
    ///
    /// # Errors
    /// `OutOfMemory` after everything cached was given back and asked for again; `TooLarge`; `Lost`.
    pub fn alloc(&self, len: u64) -> GpuResult<Buffer> {
        self.0.fault.check()?;
        self.take(len, 0)
    }

    fn take(&self, len: u64, before: u64) -> GpuResult<Buffer> {
        match self.0.pool.take(len, before) {
            Err(GpuError::OutOfMemory { budget: 0, .. }) => {
                let mut recorder = self.recorder();
                recorder.wait()?;
                recorder.trim();
                self.0.pool.trim();
                recorder.wait()?;
                drop(recorder);
                self.0.pool.take(len, before)
            }
            answer => answer,
        }
    }

    /// A buffer with `bytes` as content.
    ///
    /// # Errors
    /// As [`Gpu::alloc`].
    pub fn upload(&self, bytes: &[u8]) -> GpuResult<Buffer> {
        self.0.fault.check()?;
        let batch = self.recorder().batch();
        let buffer = self.take(bytes.len() as u64, batch)?;
        if bytes.is_empty() {
            return Ok(buffer);
        }
        let mut recorder = self.recorder();
        if bytes.len().is_multiple_of(4) {
            recorder.write(buffer.block(), bytes)?;
        } else {
            let mut padded = bytes.to_vec();
            padded.resize(bytes.len().next_multiple_of(4), 0);
            recorder.write(buffer.block(), &padded)?;
        }
        Ok(buffer)
    }

    /// The content of `buffer`, after all work recorded before.
    ///
    /// # Errors
    /// `Lost`, or `Internal` for a fault of an earlier kernel.
    pub fn read(&self, buffer: &Buffer) -> GpuResult<Vec<u8>> {
        let mut out = vec![0; buffer.len() as usize];
        self.read_into(buffer, 0, &mut out)?;
        Ok(out)
    }

    /// Reads `out.len()` bytes from byte `offset` (a multiple of four) on.
    ///
    /// # Errors
    /// As [`Gpu::read`].
    pub fn read_into(&self, buffer: &Buffer, offset: u64, out: &mut [u8]) -> GpuResult<()> {
        self.0.fault.check()?;
        if out.is_empty() {
            return Ok(());
        }
        if !offset.is_multiple_of(4) || offset + out.len() as u64 > buffer.len() {
            return Err(GpuError::Internal("a read outside its buffer".into()));
        }
        self.recorder().read(buffer.block(), offset, out)
    }

    /// Copies `len` bytes between two buffers of this device; all three numbers are multiples of four, or the
    /// length reaches the end of both.
    ///
    /// # Errors
    /// `Lost`, or `Internal` for numbers outside the buffers.
    pub fn copy(
        &self,
        from: &Buffer,
        from_offset: u64,
        to: &Buffer,
        to_offset: u64,
        len: u64,
    ) -> GpuResult<()> {
        let inside = from_offset + len <= from.len() && to_offset + len <= to.len();
        if !inside || !from_offset.is_multiple_of(4) || !to_offset.is_multiple_of(4) {
            return Err(GpuError::Internal("a copy outside its buffers".into()));
        }
        self.recorder().copy(from, from_offset, to, to_offset, len.next_multiple_of(4))
    }

    /// The compiled form of `kernel`; each text is compiled once.
    ///
    /// # Errors
    /// `Internal` with the compiler's message and the text.
    pub fn pipeline(&self, kernel: &Kernel) -> GpuResult<Arc<Pipeline>> {
        self.0.fault.check()?;
        let max_immediates = self.0.caps.max_immediates;
        let text = kernel.wgsl(max_immediates);
        let mut cache = self.0.pipelines.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pipeline) = cache.by_text.get(&text) {
            return Ok(pipeline.clone());
        }
        cache.next_id += 1;
        let id = cache.next_id;
        let pipeline = Pipeline::compile(&self.0.device, kernel, &text, id, max_immediates, self.0.checked)?;
        cache.by_text.insert(text, pipeline.clone());
        Ok(pipeline)
    }

    /// Number of compiled kernels.
    pub fn pipeline_count(&self) -> usize {
        self.0.pipelines.lock().unwrap_or_else(PoisonError::into_inner).by_text.len()
    }

    /// Runs `pipeline` on `windows` with `words` as parameters in `workgroups` workgroups. Returns when it is
    /// recorded; the device runs it after everything recorded before.
    ///
    /// # Errors
    /// `TooLarge` for a binding or a grid above the limits, `Lost`, `Internal`.
    pub fn dispatch(
        &self,
        pipeline: &Pipeline,
        windows: &[Window<'_>],
        words: &[u32],
        workgroups: u64,
    ) -> GpuResult<()> {
        self.recorder().dispatch(pipeline, windows, words, workgroups)
    }

    /// The number by which a kernel names the message `text` about `op` in the status buffer.
    pub(crate) fn check_code(&self, op: &'static str, text: &'static str) -> u32 {
        self.recorder().check_code(op, text)
    }

    /// The buffer in which kernels note values that they refuse.
    pub(crate) fn status(&self) -> GpuResult<Buffer> {
        self.recorder().status()
    }

    /// Hands the recorded work to the device without waiting for it.
    ///
    /// # Errors
    /// `Lost`, or `Internal` for a fault of an earlier kernel.
    pub fn flush(&self) -> GpuResult<()> {
        self.recorder().submit()
    }

    /// Waits until the device has done everything recorded.
    ///
    /// # Errors
    /// As [`Gpu::flush`].
    pub fn wait(&self) -> GpuResult<()> {
        self.recorder().wait()
    }

    /// Gives all cached memory back to the driver.
    ///
    /// # Errors
    /// As [`Gpu::flush`].
    pub fn trim(&self) -> GpuResult<()> {
        let mut recorder = self.recorder();
        recorder.wait()?;
        recorder.trim();
        self.0.pool.trim();
        recorder.wait()
    }

    /// Numbers of this device's memory.
    pub fn memory(&self) -> MemoryStats {
        self.0.pool.stats()
    }

    /// Destroys the device as if it were lost, so that tests can see what callers see then.
    #[cfg(test)]
    pub(crate) fn destroy(&self) {
        self.0.device.destroy();
    }
}

#[cfg(test)]
#[path = "gpu_tests.rs"]
mod tests;
