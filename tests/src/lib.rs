//! What the targets of this package share.

#![forbid(unsafe_code)]

use std::sync::{Mutex, MutexGuard, OnceLock};
use tenfold as tf;
use tf::{Device, Tensor};

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

/// Running eagerly is a switch of the whole process: whoever holds this has it for themselves.
pub fn alone() -> MutexGuard<'static, ()> {
    static SWITCH: Mutex<()> = Mutex::new(());
    SWITCH.lock().unwrap_or_else(|p| p.into_inner())
}

/// The elements' bits.
///
/// # Panics
///
/// If they cannot be read.
pub fn bits(x: &Tensor) -> Vec<u64> {
    let values = x.cast(tf::f64).to_vec::<f64>().expect("the elements can be read");
    values.iter().map(|v| v.to_bits()).collect()
}

/// Runs `f` eagerly and twice as a graph: one answer, as f64.
///
/// # Panics
///
/// If they differ, or `f` fails.
pub fn both(f: impl Fn() -> Vec<Tensor>) -> Vec<f64> {
    let _guard = alone();
    tf::run_functions_eagerly(true);
    let eager = tf::catch(&f);
    tf::run_functions_eagerly(false);
    let eager = eager.expect("it runs eagerly");
    for _ in 0..2 {
        let traced = f();
        assert_eq!(eager.len(), traced.len());
        for (a, b) in eager.iter().zip(&traced) {
            assert_eq!(a.meta(), b.meta());
            assert_eq!(bits(a), bits(b), "{a} eagerly, {b} as a graph");
        }
    }
    eager.iter().flat_map(bits).map(f64::from_bits).collect()
}

/// A scalar in, a scalar out, for several values: eagerly and as a graph.
///
/// # Panics
///
/// As [`both`].
pub fn scalars(f: impl Fn(&Tensor) -> Tensor, values: &[f32]) -> Vec<f64> {
    values.iter().flat_map(|v| both(|| vec![f(&tf::constant(*v))])).collect()
}
