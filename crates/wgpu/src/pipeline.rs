//! Kernels: WGSL text in, compute pipelines out, each text compiled once per device.
//!
//! A kernel states its bindings, how many parameter words it takes and its body; the header, the entry
//! point, the folded grid and the test of the workgroup's number are generated here, the same for all.

use crate::error::{GpuError, GpuResult};
use std::fmt::Write;
use std::sync::Arc;

/// One storage buffer of a kernel, named `b0`, `b1`, … in its text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Slot {
    /// WGSL type of an element, such as `f32` or `atomic<u32>`.
    pub element: &'static str,
    /// The kernel writes it.
    pub write: bool,
}

impl Slot {
    /// A buffer that the kernel only reads.
    pub fn read(element: &'static str) -> Slot {
        Slot { element, write: false }
    }

    /// A buffer that the kernel writes, and may read.
    pub fn write(element: &'static str) -> Slot {
        Slot { element, write: true }
    }
}

/// A compute kernel as text.
///
/// The body sees `wg` (number of the workgroup, the grid unfolded), `lid` (number of the thread in its
/// workgroup), the buffers `b0`.. and the parameter words through [`word`].
#[derive(Clone, Debug)]
pub struct Kernel {
    /// Name for error texts and debuggers.
    pub label: String,
    /// The storage buffers in order.
    pub slots: Vec<Slot>,
    /// Number of parameter words.
    pub words: usize,
    /// Threads in a workgroup.
    pub threads: u32,
    /// Functions and workgroup variables.
    pub items: String,
    /// Statements of the entry point.
    pub body: String,
}

/// Words before the kernel's own: the number of workgroups, and three zeros that the compiler cannot know to be zeros
/// (see `opaque` in `wgsl/float.wgsl`).
pub(crate) const HEAD: usize = 4;

/// The text that reads the kernel's parameter word `i`.
pub fn word(i: usize) -> String {
    let i = i + HEAD;
    format!("P.v[{}].{}", i / 4, ["x", "y", "z", "w"][i % 4])
}

impl Kernel {
    /// The head and the kernel's own words, padded to a multiple of four.
    pub(crate) fn padded_words(&self) -> usize {
        (self.words + HEAD).next_multiple_of(4)
    }

    /// The whole text. Parameters lie in immediates where they fit in `max_immediates` bytes, otherwise in a
    /// uniform buffer bound behind the storage buffers.
    pub fn wgsl(&self, max_immediates: u32) -> String {
        let mut text = String::with_capacity(self.items.len() + self.body.len() + 1024);
        let has_f16 = self.items.contains("f16")
            || self.body.contains("f16")
            || self.slots.iter().any(|slot| slot.element.contains("f16"));
        if has_f16 {
            text.push_str("enable f16;\n");
        }
        for (i, slot) in self.slots.iter().enumerate() {
            let access = if slot.write { "read_write" } else { "read" };
            let _ = writeln!(
                text,
                "@group(0) @binding({i}) var<storage, {access}> b{i}: array<{}>;",
                slot.element
            );
        }
        let _ = writeln!(text, "struct Params {{ v: array<vec4<u32>, {}> }}", self.padded_words() / 4);
        match self.uses_immediates(max_immediates) {
            true => text.push_str("var<immediate> P: Params;\n"),
            false => {
                let _ = writeln!(text, "@group(0) @binding({}) var<uniform> P: Params;", self.slots.len());
            }
        }
        let _ = write!(
            text,
            "{}@compute @workgroup_size({})\nfn main(@builtin(local_invocation_index) lid: u32, \
             @builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) nwg: vec3<u32>) {{\n  \
             let wg = wid.x + wid.y * nwg.x;\n  if (wg >= P.v[0].x) {{ return; }}\n{}}}\n",
            self.items, self.threads, self.body
        );
        text
    }

    pub(crate) fn uses_immediates(&self, max_immediates: u32) -> bool {
        self.padded_words() * 4 <= max_immediates as usize
    }
}

/// A compiled kernel of one device.
#[derive(Debug)]
pub struct Pipeline {
    pub(crate) raw: wgpu::ComputePipeline,
    pub(crate) layout: wgpu::BindGroupLayout,
    pub(crate) id: u64,
    pub(crate) label: String,
    pub(crate) writes: Vec<bool>,
    pub(crate) words: usize,
    pub(crate) padded_words: usize,
    pub(crate) immediates: bool,
}

impl Pipeline {
    /// Compiles `kernel` and reports what the validation says of it.
    pub(crate) fn compile(
        device: &wgpu::Device,
        kernel: &Kernel,
        text: &str,
        id: u64,
        max_immediates: u32,
        checked: bool,
    ) -> GpuResult<Arc<Pipeline>> {
        let internal = device.push_error_scope(wgpu::ErrorFilter::Internal);
        let validation = device.push_error_scope(wgpu::ErrorFilter::Validation);
        let label = Some(kernel.label.as_str());
        let source = wgpu::ShaderModuleDescriptor { label, source: wgpu::ShaderSource::Wgsl(text.into()) };
        let module = if checked {
            device.create_shader_module(source)
        } else {
            // SAFETY: the text comes from our generators only, whose kernels index within the lengths that
            // the parameters state and whose loops end; the same texts pass the tests in checked mode.
            unsafe { device.create_shader_module_trusted(source, wgpu::ShaderRuntimeChecks::unchecked()) }
        };
        let immediates = kernel.uses_immediates(max_immediates);
        let bytes = (kernel.padded_words() * 4) as u32;
        let mut entries: Vec<_> = kernel
            .slots
            .iter()
            .zip(0..)
            .map(|(slot, binding)| {
                entry(binding, wgpu::BufferBindingType::Storage { read_only: !slot.write }, false)
            })
            .collect();
        if !immediates {
            entries.push(entry(entries.len() as u32, wgpu::BufferBindingType::Uniform, true));
        }
        let layout = device
            .create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: None, entries: &entries });
        let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: None,
            bind_group_layouts: &[Some(&layout)],
            immediate_size: if immediates { bytes } else { 0 },
        });
        let raw = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label,
            layout: Some(&pipeline_layout),
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions {
                constants: &[],
                zero_initialize_workgroup_memory: false,
            },
            cache: None,
        });
        let error = pollster::block_on(validation.pop());
        let error = error.or(pollster::block_on(internal.pop()));
        if let Some(error) = error {
            return Err(GpuError::Internal(format!("kernel {}: {error}\n{text}", kernel.label)));
        }
        Ok(Arc::new(Pipeline {
            raw,
            layout,
            id,
            label: kernel.label.clone(),
            writes: kernel.slots.iter().map(|slot| slot.write).collect(),
            words: kernel.words,
            padded_words: kernel.padded_words(),
            immediates,
        }))
    }
}

fn entry(binding: u32, ty: wgpu::BufferBindingType, dynamic: bool) -> wgpu::BindGroupLayoutEntry {
    wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset: dynamic, min_binding_size: None },
        count: None,
    }
}

/// The two-dimensional grid of at least `workgroups` that respects the limit of one dimension, or `None`.
pub(crate) fn fold(workgroups: u64, limit: u32) -> Option<(u32, u32)> {
    let limit = u64::from(limit);
    let rows = workgroups.div_ceil(limit).max(1);
    let columns = workgroups.div_ceil(rows);
    (rows <= limit).then_some((columns as u32, rows as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grids_fold_without_loss() {
        assert_eq!(fold(65_535, 65_535), Some((65_535, 1)));
        assert_eq!(fold(65_536, 65_535), Some((32_768, 2)));
        assert_eq!(fold(65_535 * 65_535 + 1, 65_535), None);
        for workgroups in [1, 7, 65_537, 1_000_003, 4_000_000_000] {
            let (columns, rows) = fold(workgroups, 65_535).unwrap();
            let whole = u64::from(columns) * u64::from(rows);
            assert!(whole >= workgroups && whole - workgroups < u64::from(rows) + 1);
        }
    }

    #[test]
    fn both_ways_of_passing_parameters_validate() {
        let kernel = Kernel {
            label: "scale".into(),
            slots: vec![Slot::read("f32"), Slot::write("f32")],
            words: 6,
            threads: 64,
            items: String::new(),
            body: format!("  let i = wg * 64u + lid;\n  if (i < {}) {{ b1[i] = b0[i]; }}\n", word(5)),
        };
        for max_immediates in [0, 128] {
            crate::testing::validate(&kernel.wgsl(max_immediates)).unwrap();
        }
        assert!(kernel.wgsl(0).contains("var<uniform>"));
        assert!(kernel.wgsl(128).contains("var<immediate>"));
    }
}
