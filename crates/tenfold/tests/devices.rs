//! The GPU crate is found without anybody calling it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use tenfold as tf;

#[test]
#[cfg(feature = "gpu")]
fn a_linked_gpu_crate_is_asked_for_devices() {
    let x = tf::constant([1.0, 2.0]);
    match x.to("GPU:0") {
        Ok(there) => assert_eq!(there.to_vec::<f32>().unwrap(), [1.0, 2.0]),
        // The reason can only come from the GPU crate.
        Err(error) => assert!(error.hint().unwrap_or("").contains("GPU"), "{error}"),
    }
}
