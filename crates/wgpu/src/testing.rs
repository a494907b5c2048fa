//! What the tests of this crate share: one device per process, and naga without a device.

use crate::adapter::{Options, gpu_required};
use crate::gpu::Gpu;
use std::sync::OnceLock;

/// The device of this test process, software allowed. `None`, with the reason printed, where there is none
/// and `TENFOLD_REQUIRE_GPU` does not make that a failure.
pub fn gpu() -> Option<&'static Gpu> {
    static GPU: OnceLock<Option<Gpu>> = OnceLock::new();
    GPU.get_or_init(|| open(&Options { software: true, ..Options::from_env() })).as_ref()
}

/// A device of its own, for tests that break it or change its options.
pub fn open(options: &Options) -> Option<Gpu> {
    match Gpu::open_all(options) {
        Ok(mut all) => Some(all.swap_remove(0)),
        Err(error) => {
            assert!(!gpu_required(), "TENFOLD_REQUIRE_GPU is set, but: {error}");
            println!("skipped: {error}");
            None
        }
    }
}

/// Parses and validates WGSL as wgpu does, without a device.
pub fn validate(text: &str) -> Result<(), String> {
    use wgpu::naga::front::wgsl::{Frontend, Options as Parse};
    use wgpu::naga::valid::{Capabilities, ValidationFlags, Validator};
    let module = Frontend::new_with_options(Parse::new())
        .parse(text)
        .map_err(|error| format!("{}\n{text}", error.emit_to_string(text)))?;
    Validator::new(ValidationFlags::all(), Capabilities::all())
        .validate(&module)
        .map(|_| ())
        .map_err(|error| format!("{}\n{text}", error.emit_to_string(text)))
}
