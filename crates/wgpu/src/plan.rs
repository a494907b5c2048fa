//! Launches: what an op becomes on the GPU, before there are buffers.
//!
//! An op's kernels depend on dtypes, shapes and attributes only. They are worked out once, as a [`Program`], and then run
//! on any buffers: an eager call runs the program of its op, a graph runs the programs of its groups. So both run the
//! same kernels, and give the same bits.

use crate::error::{GpuError, GpuResult};
use crate::gpu::Gpu;
use crate::memory::Buffer;
use crate::pipeline::{Kernel, Pipeline};
use crate::queue::Window;
use std::sync::Arc;

/// Which buffer of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The op's input.
    Input(usize),
    /// The op's output.
    Output(usize),
    /// Scratch memory of the program.
    Scratch(usize),
    /// The device's status buffer, where kernels note values that they refuse.
    Status,
}

/// A binding of a launch: a place, and the bytes of it that the kernel sees.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operand {
    pub place: Place,
    pub window: Option<(u64, u64)>,
}

impl From<Place> for Operand {
    fn from(place: Place) -> Operand {
        Operand { place, window: None }
    }
}

/// One dispatch.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    pub pipeline: Arc<Pipeline>,
    pub operands: Vec<Operand>,
    pub words: Vec<u32>,
    pub workgroups: u64,
}

/// The launches of one op or group.
#[derive(Clone, Debug, Default)]
pub(crate) struct Program {
    /// Bytes of each scratch buffer.
    pub scratch: Vec<u64>,
    /// The launches, in order.
    pub launches: Vec<Launch>,
}

/// Makes a program for one device.
pub(crate) struct Builder<'a> {
    pub gpu: &'a Gpu,
    program: Program,
}

impl<'a> Builder<'a> {
    pub fn new(gpu: &'a Gpu) -> Builder<'a> {
        Builder { gpu, program: Program::default() }
    }

    /// Scratch memory of `bytes` bytes.
    pub fn scratch(&mut self, bytes: u64) -> Place {
        self.program.scratch.push(bytes);
        Place::Scratch(self.program.scratch.len() - 1)
    }

    /// One launch of `kernel` with a thread for each of `items`, or with `items` workgroups if `per_group`.
    pub fn launch(
        &mut self,
        kernel: &Kernel,
        operands: impl IntoIterator<Item = Operand>,
        words: Vec<u32>,
        workgroups: u64,
    ) -> GpuResult<()> {
        if workgroups == 0 {
            return Ok(());
        }
        let pipeline = self.gpu.pipeline(kernel)?;
        let operands = operands.into_iter().collect();
        self.program.launches.push(Launch { pipeline, operands, words, workgroups });
        Ok(())
    }

    pub fn finish(self) -> Program {
        self.program
    }
}

impl Program {
    /// Records the launches on these buffers.
    pub fn run(&self, gpu: &Gpu, inputs: &[&Buffer], outputs: &[&Buffer]) -> GpuResult<()> {
        let scratch: Vec<Buffer> =
            self.scratch.iter().map(|bytes| gpu.alloc(*bytes)).collect::<GpuResult<_>>()?;
        let has_check = |launch: &Launch| launch.operands.iter().any(|o| o.place == Place::Status);
        let status = self.launches.iter().any(has_check).then(|| gpu.status()).transpose()?;
        let missing = || GpuError::Internal("a program names a buffer it did not get".into());
        for launch in &self.launches {
            let mut windows: Vec<Window<'_>> = Vec::with_capacity(launch.operands.len());
            for operand in &launch.operands {
                let buffer = match operand.place {
                    Place::Input(i) => inputs.get(i).copied(),
                    Place::Output(i) => outputs.get(i).copied(),
                    Place::Scratch(i) => scratch.get(i),
                    Place::Status => status.as_ref(),
                };
                let buffer = buffer.ok_or_else(missing)?;
                windows.push(match operand.window {
                    None => buffer.into(),
                    Some((offset, len)) => Window { buffer, offset, len: Some(len) },
                });
            }
            gpu.dispatch(&launch.pipeline, &windows, &launch.words, launch.workgroups)?;
        }
        Ok(())
    }
}

/// A count of elements as a parameter word.
pub(crate) fn count(n: usize) -> GpuResult<u32> {
    u32::try_from(n).map_err(|_| {
        GpuError::TooLarge(format!("{n} elements in one tensor: the GPU device counts up to {}", u32::MAX))
    })
}
