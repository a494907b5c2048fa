//! Devices: where tensors live and graphs run.

use crate::buffer::Storage;
use crate::error::{Error, Kind, Place, Result};
use crate::graph::Graph;
use crate::op::{Attrs, Metas, OpDef};
use crate::shape::Meta;
use crate::tensor::{Repr, Tensor};
use crate::variable::Variable;
use smallvec::SmallVec;
use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::sync::{Arc, LazyLock, RwLock};

/// The results of one call.
pub type Outputs = SmallVec<[Tensor; 1]>;

/// The results of a graph: the usual few without a list in memory of its own.
pub type Results = SmallVec<[Tensor; 4]>;

/// What a device does. The CPU's is in this crate; the GPU crate brings another.
pub trait Backend: Send + Sync {
    /// A line for people: the adapter's name, the driver.
    fn describe(&self) -> String;
    /// Runs one op now. The metas of the results are decided; the backend fills them.
    fn run(&self, op: &'static OpDef, inputs: &[&Tensor], attrs: &Attrs, outputs: &Metas) -> Result<Outputs>;
    /// Makes a graph ready to run. It is concrete.
    fn compile(&self, graph: &Graph) -> Result<Arc<dyn Executable>>;
    /// Copies host elements to the device.
    fn upload(&self, meta: &Meta, elements: &Storage) -> Result<Arc<dyn RemoteBuffer>>;
    /// Copies elements from the device to the host.
    fn download(&self, meta: &Meta, buffer: &Arc<dyn RemoteBuffer>) -> Result<Storage>;
    /// Waits for everything submitted.
    fn synchronize(&self) -> Result<()>;
}

/// Device memory, owned by a backend.
pub trait RemoteBuffer: Any + Send + Sync {}

/// A graph made ready for one device.
pub trait Executable: Send + Sync {
    /// Runs it. `inputs` match the graph's inputs, `variables` its slots; both are on the device.
    fn run(&self, inputs: &[Tensor], variables: &[Variable]) -> Result<Results>;
    /// The plan as text, for people.
    fn describe(&self) -> String;
    /// The bytes that a run needs beside arguments, variables and results; `None` if only the run tells.
    fn temporary(&self) -> Option<usize>;
    /// The largest results that a run keeps memory for, largest first, as far as they are known before it.
    fn rooms(&self) -> Vec<Room>;
}

/// A result that needs memory while a graph runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// How much.
    pub bytes: usize,
    /// What computes it.
    pub op: &'static str,
    /// The user's line.
    pub at: Place,
}

#[doc(hidden)]
pub use crate::cpu::engine::interpret;
#[doc(hidden)]
pub use crate::cpu::flow::Inside;

struct Entry {
    name: String,
    backend: Box<dyn Backend>,
}

/// A device: `CPU:0`, `GPU:0`, … Copy it freely; it lives as long as the program.
#[derive(Clone, Copy)]
pub struct Device(&'static Entry);

static CPU: LazyLock<Device> =
    LazyLock::new(|| leak("CPU:0".into(), Box::new(crate::cpu::device::CpuBackend)));

/// Finds the devices of a backend crate, each with its name.
pub type Provider = fn() -> Result<Vec<(String, Box<dyn Backend>)>>;

/// The providers of the backend crates that are linked into the program: to depend on such a crate is enough, nobody has
/// to call it. The word is the one before the colon of a device's name.
#[linkme::distributed_slice]
pub static PROVIDERS: [(&'static str, Provider)];

#[derive(Default)]
struct Registry {
    providers: Vec<(&'static str, Provider)>,
    found: Vec<Device>,
    failed: Vec<(&'static str, Error)>,
}

static REGISTRY: LazyLock<RwLock<Registry>> = LazyLock::new(RwLock::default);

fn leak(name: String, backend: Box<dyn Backend>) -> Device {
    Device(Box::leak(Box::new(Entry { name, backend })))
}

/// Makes a backend's devices known; they are looked for when first asked for. `kind` is the word before the colon.
pub fn register(kind: &'static str, provider: Provider) {
    let mut registry = REGISTRY.write().unwrap_or_else(|p| p.into_inner());
    let known =
        registry.providers.iter().any(|p| p.0 == kind) || registry.found.iter().any(|d| d.kind() == kind);
    if !known && !registry.failed.iter().any(|f| f.0 == kind) {
        registry.providers.push((kind, provider));
    }
}

fn discover() {
    static LINKED: std::sync::Once = std::sync::Once::new();
    LINKED.call_once(|| PROVIDERS.iter().for_each(|(kind, provider)| register(kind, *provider)));
    let pending = !REGISTRY.read().unwrap_or_else(|p| p.into_inner()).providers.is_empty();
    if !pending {
        return;
    }
    let mut registry = REGISTRY.write().unwrap_or_else(|p| p.into_inner());
    for (kind, provider) in std::mem::take(&mut registry.providers) {
        match provider() {
            Ok(devices) => registry.found.extend(devices.into_iter().map(|(name, b)| leak(name, b))),
            Err(error) => registry.failed.push((kind, error)),
        }
    }
}

/// All devices of this machine, the CPU first.
///
/// ```
/// assert_eq!(tenfold_core::devices()[0].name(), "CPU:0");
/// ```
pub fn devices() -> Vec<Device> {
    discover();
    let registry = REGISTRY.read().unwrap_or_else(|p| p.into_inner());
    std::iter::once(Device::cpu()).chain(registry.found.iter().copied()).collect()
}

impl Device {
    /// `CPU:0`.
    #[inline]
    pub fn cpu() -> Device {
        *CPU
    }
    /// The device of this name: `"GPU:0"`, or a kind alone for its first one. Case does not matter.
    ///
    /// # Errors
    ///
    /// `NotFound` with the devices that there are, and why a backend found none.
    #[track_caller]
    pub fn named(name: &str) -> Result<Device> {
        let wanted = name.to_ascii_uppercase();
        let full = if wanted.contains(':') { wanted.clone() } else { format!("{wanted}:0") };
        let all = devices();
        if let Some(device) = all.iter().find(|d| d.name() == full) {
            return Ok(*device);
        }
        let registry = REGISTRY.read().unwrap_or_else(|p| p.into_inner());
        let names: Vec<_> = all.iter().map(|d| d.name()).collect();
        let text = format!("there is no device `{name}`; there are: {}", names.join(", "));
        let error = Error::new(Kind::NotFound, "device", text).at(Place::caller());
        let why = registry.failed.iter().find(|f| wanted.starts_with(f.0));
        Err(match why {
            Some((_, why)) => error.with_hint(format!(
                "{}{}",
                why.message(),
                why.hint().map(|h| format!("; {h}")).unwrap_or_default()
            )),
            None => error,
        })
    }
    /// The device that constants and variables are made on here: the innermost [`with_device`], else the CPU.
    pub fn current() -> Device {
        CURRENT.get().unwrap_or_else(Device::cpu)
    }
    /// What tells this device from all others, as a number.
    pub(crate) fn key(self) -> u64 {
        std::ptr::from_ref(self.0) as u64
    }
    /// Its name: `GPU:0`.
    pub fn name(self) -> &'static str {
        &self.0.name
    }
    /// `CPU`, `GPU`.
    pub fn kind(self) -> &'static str {
        self.0.name.split(':').next().unwrap_or("")
    }
    /// A line for people.
    pub fn describe(self) -> String {
        self.0.backend.describe()
    }
    /// What it does.
    pub fn backend(self) -> &'static dyn Backend {
        &*self.0.backend
    }
    /// Whether tensors on it are in host memory.
    #[inline]
    pub fn is_cpu(self) -> bool {
        self == Device::cpu()
    }
    /// Waits until everything submitted to it is done.
    ///
    /// # Errors
    ///
    /// If the device fails.
    pub fn synchronize(self) -> Result<()> {
        self.0.backend.synchronize()
    }
}

impl PartialEq for Device {
    fn eq(&self, other: &Device) -> bool {
        std::ptr::eq(self.0, other.0)
    }
}

impl Eq for Device {}

impl std::hash::Hash for Device {
    fn hash<H: std::hash::Hasher>(&self, h: &mut H) {
        std::ptr::hash(self.0, h);
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A device or its name.
pub trait IntoDevice {
    /// The device.
    fn into_device(self) -> Result<Device>;
}

impl IntoDevice for Device {
    fn into_device(self) -> Result<Device> {
        Ok(self)
    }
}

impl IntoDevice for &str {
    #[track_caller]
    fn into_device(self) -> Result<Device> {
        Device::named(self)
    }
}

thread_local! {
    static CURRENT: Cell<Option<Device>> = const { Cell::new(None) };
}

/// Runs `f` with new constants, random numbers and variables made on `device`, and errors of its ops caught.
///
/// Ops run where their operands are; this decides only where tensors without operands are made.
///
/// # Errors
///
/// If there is no such device, or what `f` raises.
///
/// ```
/// # use tenfold_core as tf;
/// # fn main() -> tf::Result<()> {
/// let x = tf::with_device("CPU:0", || tf::zeros([2]))?;
/// assert_eq!(x.device().name(), "CPU:0");
/// # Ok(()) }
/// ```
#[track_caller]
pub fn with_device<R>(device: impl IntoDevice, f: impl FnOnce() -> R) -> Result<R> {
    struct Restore(Option<Device>);
    impl Drop for Restore {
        fn drop(&mut self) {
            CURRENT.set(self.0);
        }
    }
    let _restore = Restore(CURRENT.replace(Some(device.into_device()?)));
    crate::error::catch(f)
}

/// A copy of `x` on `device`.
#[track_caller]
pub(crate) fn transfer(x: &Tensor, device: Device) -> Result<Tensor> {
    if x.device() == device {
        return Ok(x.clone());
    }
    if x.is_symbolic() || crate::trace::is_tracing() {
        let text = format!("{} stays on {} while its function is traced", x.meta(), x.device());
        return Err(Error::new(Kind::FailedPrecondition, "to", text)
            .with_hint("move tensors before calling the function; a graph runs on one device")
            .at(Place::caller()));
    }
    let storage = x.storage()?;
    let repr = match device.is_cpu() {
        true => Repr::Host(storage),
        false => Repr::Remote(device, device.backend().upload(x.meta(), &storage)?),
    };
    let y = Tensor::new(x.meta().clone(), repr);
    crate::tape::record_transfer(x, &y, Place::caller());
    Ok(y)
}

/// `x` where new tensors belong: on the current device, or on the host while a graph is traced.
#[track_caller]
pub(crate) fn place_new(x: Tensor) -> Result<Tensor> {
    match CURRENT.get() {
        Some(device) if !device.is_cpu() && !crate::trace::is_tracing() => transfer(&x, device),
        _ => Ok(x),
    }
}
