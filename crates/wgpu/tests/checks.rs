//! Checks of values on the GPU. In a process of their own: a refused value is reported by the next read of the device,
//! whoever reads.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{gpu, inputs, on_gpu};
use tenfold_core::op::{Gpu, Outcome};
use tenfold_core::{DType, Kind, Tensor, door, ops};

/// What fails on the CPU for a value fails on the GPU: at the call, or when the result is read.
#[test]
fn checks_of_values_are_kept() {
    let Some(device) = gpu() else { return };
    let (mut failures, mut met) = (Vec::new(), 0);
    for op in ops::ALL.iter().filter(|op| !matches!(op.gpu, Gpu::Engine | Gpu::CpuOnly(_))) {
        for (n, sample) in (op.samples)().iter().enumerate() {
            if matches!(sample.outcome, Outcome::Ok) {
                continue;
            }
            let host = inputs(sample, DType::I32);
            let Err(want) = door::try_apply(op, &host.iter().collect::<Vec<_>>(), sample.attrs.clone())
            else {
                failures.push(format!("{} sample {n} does not fail on the CPU", op.name));
                continue;
            };
            let there: Vec<Tensor> = host.iter().map(|x| on_gpu(x, device)).collect();
            let refs: Vec<&Tensor> = there.iter().collect();
            let call = tenfold_core::with_device(device, || door::try_apply(op, &refs, sample.attrs.clone()))
                .and_then(|r| r);
            let got = call.and_then(|outputs| {
                met += 1;
                outputs.iter().try_for_each(|y| y.storage().map(|_| ()))
            });
            match got {
                Err(got) if got.kind() == want.kind() || got.kind() == Kind::Unimplemented => {}
                Err(got) => failures.push(format!("{} sample {n}: {got:?}, not {want:?}", op.name)),
                Ok(()) => failures.push(format!("{} sample {n} succeeds, not {want:?}", op.name)),
            }
        }
    }
    println!("{met} errors were found by kernels");
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
    device.synchronize().unwrap();
}
