//! Which GPUs there are, which of them may be used, and what they can do.

use crate::error::{GpuError, GpuResult};
use std::fmt;
use wgpu::{Adapter, DeviceType, Features, Instance};

/// What the user decided about GPUs, usually through the environment.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Also offer adapters that are programs on the CPU (llvmpipe, SwiftShader). They are never offered
    /// silently: a program that believes in its GPU and runs ten times slower than on the CPU helps nobody.
    pub software: bool,
    /// Compile kernels with wgpu's bounds checks and loop bounds, to look for faults of our own kernels.
    pub checked: bool,
    /// No more bytes than this in tensors of one device.
    pub memory_limit: Option<u64>,
}

impl Options {
    /// `TENFOLD_SOFTWARE_GPU=1`, `TENFOLD_GPU_CHECKED=1` and `TENFOLD_GPU_MEMORY_LIMIT=<bytes>`.
    pub fn from_env() -> Options {
        Options {
            software: flag("TENFOLD_SOFTWARE_GPU"),
            checked: flag("TENFOLD_GPU_CHECKED"),
            memory_limit: std::env::var("TENFOLD_GPU_MEMORY_LIMIT").ok().and_then(|v| v.parse().ok()),
        }
    }
}

fn flag(name: &str) -> bool {
    std::env::var(name).is_ok_and(|value| !value.is_empty() && value != "0")
}

/// True where `TENFOLD_REQUIRE_GPU=1` makes a missing adapter a failure of the tests, not a reason to skip.
pub fn gpu_required() -> bool {
    flag("TENFOLD_REQUIRE_GPU")
}

/// What one adapter is and can do, as far as we use it.
#[derive(Clone, Debug)]
pub struct Caps {
    /// Name of the adapter.
    pub name: String,
    /// Driver and its version.
    pub driver: String,
    /// A program on the CPU.
    pub software: bool,
    /// 16-bit floats in buffers and arithmetic.
    pub f16: bool,
    /// Subgroup operations.
    pub subgroups: bool,
    /// Parameters in the command stream.
    pub immediates: bool,
    /// 64-bit integers.
    pub i64: bool,
    /// 64-bit float arithmetic (no transcendental functions).
    pub f64: bool,
    /// Device timestamps.
    pub timestamps: bool,
    /// Most bytes of one storage binding.
    pub max_binding: u64,
    /// Most bytes of one buffer.
    pub max_buffer: u64,
    /// Most workgroups in one dimension of a grid.
    pub max_workgroups: u32,
    /// Alignment of a binding's offset.
    pub offset_alignment: u64,
    /// Alignment of a uniform binding's offset.
    pub uniform_alignment: u64,
    /// Bytes of workgroup memory.
    pub workgroup_memory: u32,
    /// Threads in a workgroup.
    pub max_threads: u32,
    /// Storage buffers a kernel may bind.
    pub max_storage_buffers: u32,
    /// Bytes of immediates.
    pub max_immediates: u32,
}

impl Caps {
    fn of(adapter: &Adapter) -> Caps {
        let (info, limits, features) = (adapter.get_info(), adapter.limits(), adapter.features());
        let has = |feature| features.contains(feature);
        Caps {
            name: info.name,
            driver: format!("{} {}", info.driver, info.driver_info).trim().to_string(),
            software: info.device_type == DeviceType::Cpu,
            f16: has(Features::SHADER_F16),
            subgroups: has(Features::SUBGROUP),
            immediates: has(Features::IMMEDIATES),
            i64: has(Features::SHADER_INT64),
            f64: has(Features::SHADER_F64),
            timestamps: has(Features::TIMESTAMP_QUERY),
            // A binding size is a u32 in the shader's length words, so 4 GiB is the end in any case.
            max_binding: limits.max_storage_buffer_binding_size.min(u64::from(u32::MAX) & !3),
            max_buffer: limits.max_buffer_size,
            max_workgroups: limits.max_compute_workgroups_per_dimension,
            offset_alignment: u64::from(limits.min_storage_buffer_offset_alignment),
            uniform_alignment: u64::from(limits.min_uniform_buffer_offset_alignment),
            workgroup_memory: limits.max_compute_workgroup_storage_size,
            max_threads: limits.max_compute_invocations_per_workgroup,
            max_storage_buffers: limits.max_storage_buffers_per_shader_stage,
            max_immediates: if has(Features::IMMEDIATES) { limits.max_immediate_size } else { 0 },
        }
    }
}

impl fmt::Display for Caps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}{})", self.name, self.driver, if self.software { ", software" } else { "" })
    }
}

/// The features we ask for where the adapter has them.
pub(crate) fn wanted_features() -> Features {
    Features::SHADER_F16
        | Features::SUBGROUP
        | Features::IMMEDIATES
        | Features::SHADER_INT64
        | Features::SHADER_F64
        | Features::TIMESTAMP_QUERY
}

/// The adapters that may be used, best first: discrete, integrated, virtual, software.
pub(crate) fn usable(options: &Options) -> GpuResult<Vec<(Adapter, Caps)>> {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    descriptor.flags =
        if options.checked { wgpu::InstanceFlags::VALIDATION } else { wgpu::InstanceFlags::empty() };
    let instance = Instance::new(descriptor);
    let all = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::PRIMARY));
    let seen: Vec<(DeviceType, Caps)> =
        all.iter().map(|adapter| (adapter.get_info().device_type, Caps::of(adapter))).collect();
    let kept = choose(&seen.iter().map(|(kind, _)| *kind).collect::<Vec<_>>(), options.software);
    if kept.is_empty() {
        return Err(GpuError::NoAdapter(refusal(&seen)));
    }
    let mut all: Vec<Option<Adapter>> = all.into_iter().map(Some).collect();
    let taken = kept.into_iter().filter_map(|i| Some((all[i].take()?, seen[i].1.clone())));
    Ok(taken.collect())
}

/// Indices of the adapters that may be used, best kind first, otherwise in the driver's order.
fn choose(kinds: &[DeviceType], software: bool) -> Vec<usize> {
    let rank = |kind: DeviceType| match kind {
        DeviceType::DiscreteGpu => 0,
        DeviceType::IntegratedGpu => 1,
        DeviceType::VirtualGpu | DeviceType::Other => 2,
        DeviceType::Cpu => 3,
    };
    let mut kept: Vec<usize> =
        (0..kinds.len()).filter(|&i| software || kinds[i] != DeviceType::Cpu).collect();
    kept.sort_by_key(|&i| rank(kinds[i]));
    kept
}

fn refusal(seen: &[(DeviceType, Caps)]) -> String {
    if seen.is_empty() {
        "no GPU found: no Vulkan driver answered. Install the driver of your GPU (or, for tests without a GPU, \
         mesa-vulkan-drivers, and set TENFOLD_SOFTWARE_GPU=1)"
            .into()
    } else {
        let names: Vec<String> = seen.iter().map(|(_, caps)| caps.to_string()).collect();
        format!(
            "no GPU found, only software: {}. Install the driver of your GPU, or set TENFOLD_SOFTWARE_GPU=1 to run on \
             the software adapter all the same",
            names.join(", ")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn software_is_never_chosen_silently() {
        let kinds =
            [DeviceType::Cpu, DeviceType::IntegratedGpu, DeviceType::DiscreteGpu, DeviceType::DiscreteGpu];
        assert_eq!(choose(&kinds, false), [2, 3, 1]);
        assert_eq!(choose(&kinds, true), [2, 3, 1, 0]);
        assert!(choose(&[DeviceType::Cpu], false).is_empty());
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        assert!(refusal(&[]).contains("Install the driver"));
        assert!(refusal(&[]).contains("TENFOLD_SOFTWARE_GPU=1"));
    }
}
