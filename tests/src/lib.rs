//! What the targets of this package share.

#![forbid(unsafe_code)]

use std::sync::OnceLock;
use tenfold::Device;

/// The first GPU, a software one allowed; `None` where there is none and `TENFOLD_REQUIRE_GPU` is not set.
///
/// # Panics
///
/// Where there is none and it is required.
#[allow(clippy::print_stdout, reason = "a test that is passed over says so")]
pub fn gpu() -> Option<Device> {
    static GPU: OnceLock<Option<Device>> = OnceLock::new();
    *GPU.get_or_init(|| {
        tenfold_wgpu::register_software();
        match Device::named("GPU:0") {
            Ok(device) => Some(device),
            Err(error) => {
                assert!(!tenfold_wgpu::gpu_required(), "TENFOLD_REQUIRE_GPU is set, but: {error}");
                println!("skipped: {error}");
                None
            }
        }
    })
}
