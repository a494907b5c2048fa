//! What the tests of the device share.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "the helpers of the tests panic and print as tests do"
)]
#![allow(dead_code, reason = "not every test binary uses all of it")]

use std::sync::OnceLock;
use tenfold_core::op::{Data, OpDef, Sample};
use tenfold_core::{DType, Device, Element, Tensor, with_element};

/// The GPU of this process, software allowed; `None` where there is none and none is required.
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

/// The dtypes that a sample is tried in on the GPU.
pub fn dtypes(op: &OpDef, sample: &Sample) -> Vec<DType> {
    let free = sample.inputs.iter().zip(0..).find(|(data, _)| data.dtype.is_none());
    let Some((_, i)) = free else { return vec![DType::F32] };
    let class = op.sig.input(i).map(|input| input.class);
    let tried = [
        DType::F32,
        DType::F16,
        DType::BF16,
        DType::I32,
        DType::U32,
        DType::I8,
        DType::U8,
        DType::I64,
        DType::U64,
        DType::Bool,
    ];
    tried
        .into_iter()
        .filter(|d| class.is_none_or(|c| c.has(*d)))
        .filter(|d| sample.dtypes.is_empty() || sample.dtypes.contains(d))
        .collect()
}

pub fn tensor(data: &Data, dtype: DType) -> Tensor {
    let dtype = data.dtype.unwrap_or(dtype);
    with_element!(dtype, T => {
        let values: Vec<T> = data.values.iter().map(|v| T::from_f64(*v)).collect();
        Tensor::from_vec(values, data.shape.clone()).unwrap()
    })
}

pub fn inputs(sample: &Sample, dtype: DType) -> Vec<Tensor> {
    sample.inputs.iter().map(|data| tensor(data, dtype)).collect()
}

pub fn on_gpu(x: &Tensor, device: Device) -> Tensor {
    x.to(device).unwrap()
}
