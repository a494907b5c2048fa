//! The GPU as a device of the core: eager calls, transfers, and the door to compiled graphs.

use crate::adapter::Options;
use crate::error::GpuError;
use crate::executable::GpuExecutable;
use crate::form::{moved, same_on_host, to_device, to_host};
use crate::gpu::Gpu;
use crate::lower::{Call, Refusal, shares_memory, sizes};
use crate::memory::Buffer;
use crate::plan::Program;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use std::any::Any;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tenfold_core::buffer::{Buffer as HostBuffer, Storage};
use tenfold_core::device::{Backend, Executable, Outputs, RemoteBuffer, interpret};
use tenfold_core::graph::Graph;
use tenfold_core::op::{self, Attrs, Metas, OpDef};
use tenfold_core::{DType, Device, Error, Kind, Meta, Result, Tensor, ops};

/// Programs of eager calls kept at most; then the cache starts anew.
const PROGRAMS: usize = 4096;
/// Single elements kept at most; then the cache starts anew.
const NUMBERS: usize = 1024;

/// Makes the GPUs of this machine known as `GPU:0`, `GPU:1`, …; they are looked for when one is first asked for.
///
/// A software adapter (llvmpipe) counts only with `TENFOLD_SOFTWARE_GPU=1`.
///
/// ```
/// tenfold_wgpu::register();
/// // On a machine without a GPU the error says what to install.
/// if let Err(error) = tenfold_core::Device::named("GPU:0") {
///     assert!(error.to_string().contains("no GPU found"), "{error}");
/// }
/// ```
pub fn register() {
    tenfold_core::device::register("GPU", || discover(&Options::from_env()));
}

/// The same with explicit options, for programs that do not want to read the environment.
pub fn register_software() {
    tenfold_core::device::register("GPU", || discover(&Options { software: true, ..Options::from_env() }));
}

/// What makes the core find this crate when it is linked in.
#[linkme::distributed_slice(tenfold_core::device::PROVIDERS)]
static PROVIDER: (&'static str, tenfold_core::device::Provider) = ("GPU", || discover(&Options::from_env()));

fn discover(options: &Options) -> Result<Vec<(String, Box<dyn Backend>)>> {
    let gpus = Gpu::open_all(options).map_err(|error| error_of(error, "device"))?;
    let backend = |(i, gpu)| {
        let name = format!("GPU:{i}");
        let backend: Box<dyn Backend> = Box::new(GpuBackend(Arc::new(State {
            gpu,
            name: name.clone(),
            device: OnceLock::new(),
            programs: Mutex::default(),
            numbers: Mutex::default(),
        })));
        (name, backend)
    };
    Ok(gpus.into_iter().enumerate().map(backend).collect())
}

/// The core's error of a fault of the GPU layer.
pub(crate) fn error_of(error: GpuError, op: &'static str) -> Error {
    let kind = match &error {
        GpuError::NoAdapter(_) => Kind::NotFound,
        GpuError::OutOfMemory { .. } | GpuError::TooLarge(_) => Kind::ResourceExhausted,
        GpuError::Lost(_) => Kind::Unavailable,
        // Found while something else is read: the error is about the op that refused.
        GpuError::Check { op, text } => {
            return Error::invalid(*op, *text)
                .with_hint("the GPU runs behind the program: the op ran before this point");
        }
        GpuError::Internal(_) => return Error::internal(op, error.to_string()),
    };
    Error::new(kind, op, error.to_string())
}

/// The core's error of a call without a program.
pub(crate) fn refusal_of(refusal: Refusal, op: &'static OpDef) -> Error {
    match refusal {
        Refusal::Device(error) => error_of(error, op.name),
        Refusal::Unsupported(why) => {
            Error::new(Kind::Unimplemented, op.name, format!("it does not run on the GPU: {why}"))
                .with_hint("move its operands to the CPU: x.to(\"CPU\")?")
        }
    }
}

/// A tensor's memory as the core holds it.
pub(crate) struct Remote(pub Buffer);

impl RemoteBuffer for Remote {}

pub(crate) struct GpuBackend(pub Arc<State>);

pub(crate) struct State {
    pub gpu: Gpu,
    name: String,
    device: OnceLock<Device>,
    programs: Mutex<FxHashMap<Key, Arc<Program>>>,
    /// Single elements by dtype and bytes: the numbers of a program, uploaded once. Memory of tensors is never written
    /// twice, so sharing it is safe.
    numbers: Mutex<FxHashMap<(DType, SmallVec<[u8; 8]>), Buffer>>,
}

/// All that a program depends on.
#[derive(PartialEq, Eq, Hash)]
struct Key {
    op: &'static OpDef,
    attrs: Attrs,
    inputs: SmallVec<[Meta; 3]>,
}

impl State {
    /// This device, as the core names it.
    pub fn device(&self) -> Result<Device> {
        match self.device.get() {
            Some(device) => Ok(*device),
            None => Ok(*self.device.get_or_init({
                let device = Device::named(&self.name)?;
                move || device
            })),
        }
    }

    /// A tensor over memory of this device.
    pub fn tensor(&self, meta: Meta, buffer: Buffer) -> Result<Tensor> {
        Ok(Tensor::from_remote(meta, self.device()?, Arc::new(Remote(buffer))))
    }

    /// The memory of a tensor that is on this device.
    pub fn buffer<'t>(&self, tensor: &'t Tensor, op: &'static str) -> Result<&'t Buffer> {
        let remote = tensor.remote().and_then(|(_, remote)| {
            let any: &dyn Any = &**remote;
            any.downcast_ref::<Remote>()
        });
        remote.map(|remote| &remote.0).ok_or_else(|| {
            Error::internal(op, format!("an operand is on {}, not on {}", tensor.device(), self.name))
        })
    }

    /// Memory for a result.
    pub fn alloc(&self, meta: &Meta, op: &'static str) -> Result<Buffer> {
        let n: usize = sizes(meta).iter().product();
        self.gpu.alloc(moved(meta.dtype).bytes(n)).map_err(|error| error_of(error, op))
    }

    /// The elements of a host tensor on this device.
    pub fn upload(&self, meta: &Meta, elements: &[u8]) -> Result<Buffer> {
        let write =
            || self.gpu.upload(&to_device(meta.dtype, elements)).map_err(|error| error_of(error, "to"));
        if elements.len() != meta.dtype.size() {
            return write();
        }
        let key = (meta.dtype, SmallVec::from_slice(elements));
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(buffer) = numbers.get(&key) {
            return Ok(buffer.clone());
        }
        if numbers.len() >= NUMBERS {
            numbers.clear();
        }
        let buffer = write()?;
        numbers.insert(key, buffer.clone());
        Ok(buffer)
    }

    /// The program of a call, worked out once.
    pub fn program(
        &self,
        op: &'static OpDef,
        attrs: &Attrs,
        inputs: &[&Meta],
        outputs: &[Meta],
    ) -> Result<Arc<Program>> {
        let key = Key { op, attrs: attrs.clone(), inputs: inputs.iter().map(|m| (*m).clone()).collect() };
        let programs = || self.programs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(program) = programs().get(&key) {
            return Ok(program.clone());
        }
        let call = Call { gpu: &self.gpu, op, attrs, inputs, outputs };
        let program = Arc::new(call.lower().map_err(|refusal| refusal_of(refusal, op))?);
        let mut programs = programs();
        if programs.len() >= PROGRAMS {
            programs.clear();
        }
        programs.insert(key, program.clone());
        Ok(program)
    }
}

impl Backend for GpuBackend {
    fn describe(&self) -> String {
        self.0.gpu.caps().to_string()
    }

    fn run(&self, op: &'static OpDef, inputs: &[&Tensor], attrs: &Attrs, outs: &Metas) -> Result<Outputs> {
        let state = &*self.0;
        let buffers: SmallVec<[&Buffer; 4]> =
            inputs.iter().map(|x| state.buffer(x, op.name)).collect::<Result<_>>()?;
        if matches!(op.gpu, op::Gpu::View) {
            shares_memory(op, inputs[0].meta(), &outs[0]).map_err(|refusal| refusal_of(refusal, op))?;
            return Ok(SmallVec::from_elem(state.tensor(outs[0].clone(), buffers[0].clone())?, 1));
        }
        if *op == ops::CONSTANT {
            let value = attrs.tensor("value");
            let buffer = state.upload(value.meta(), value.storage()?.bytes())?;
            return Ok(SmallVec::from_elem(state.tensor(outs[0].clone(), buffer)?, 1));
        }
        if matches!(op.gpu, op::Gpu::Engine) {
            return host(op, inputs, attrs, outs);
        }
        let metas: SmallVec<[&Meta; 4]> = inputs.iter().map(|x| x.meta()).collect();
        let program = state.program(op, attrs, &metas, outs)?;
        let results: SmallVec<[Buffer; 1]> =
            outs.iter().map(|meta| state.alloc(meta, op.name)).collect::<Result<_>>()?;
        {
            let results: SmallVec<[&Buffer; 1]> = results.iter().collect();
            program.run(&state.gpu, &buffers, &results).map_err(|error| error_of(error, op.name))?;
        }
        outs.iter().zip(results).map(|(meta, buffer)| state.tensor(meta.clone(), buffer)).collect()
    }

    fn compile(&self, graph: &Graph) -> Result<Arc<dyn Executable>> {
        // Sizes that only the run decides: node by node, with what is concrete inside nodes made ready.
        if !graph.is_concrete() {
            return interpret(graph, self.0.device()?);
        }
        Ok(Arc::new(GpuExecutable::new(self.0.clone(), graph)?))
    }

    fn upload(&self, meta: &Meta, elements: &Storage) -> Result<Arc<dyn RemoteBuffer>> {
        Ok(Arc::new(Remote(self.0.upload(meta, elements.bytes())?)))
    }

    fn download(&self, meta: &Meta, buffer: &Arc<dyn RemoteBuffer>) -> Result<Storage> {
        let any: &dyn Any = &**buffer;
        let Some(remote) = any.downcast_ref::<Remote>() else {
            return Err(Error::internal("to", format!("the memory of {meta} is not on {}", self.0.name)));
        };
        let fault = |error| error_of(error, "to");
        let mut host = HostBuffer::zeroed(meta.bytes().unwrap_or(usize::MAX))?;
        if same_on_host(meta.dtype) {
            self.0.gpu.read_into(&remote.0, 0, host.bytes_mut()).map_err(fault)?;
        } else {
            let device = self.0.gpu.read(&remote.0).map_err(fault)?;
            to_host(meta.dtype, &device, host.bytes_mut());
        }
        Ok(Storage::new(host))
    }

    fn synchronize(&self) -> Result<()> {
        self.0.gpu.wait().map_err(|error| error_of(error, "synchronize"))
    }
}

/// Does on the host what has no result: a print, an assertion.
pub(crate) fn host(op: &'static OpDef, inputs: &[&Tensor], attrs: &Attrs, outs: &Metas) -> Result<Outputs> {
    let here: Vec<Tensor> = inputs.iter().map(|x| x.to(Device::cpu())).collect::<Result<_>>()?;
    Device::cpu().backend().run(op, &here.iter().collect::<Vec<_>>(), attrs, outs)
}
