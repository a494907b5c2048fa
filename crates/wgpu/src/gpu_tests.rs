//! The device layer, on whatever adapter there is (llvmpipe in the gate).

use crate::adapter::Options;
use crate::error::GpuError;
use crate::gpu::Gpu;
use crate::memory::Buffer;
use crate::pipeline::{Kernel, Slot, word};
use crate::queue::Window;
use crate::testing;

/// `b1[i] = b0[i] * p0 + p1` over `u32`; with more than `few` words the parameters go through the uniform ring.
fn affine(words: usize) -> Kernel {
    Kernel {
        label: "affine".into(),
        slots: vec![Slot::read("u32"), Slot::write("u32")],
        words,
        threads: 64,
        items: String::new(),
        body: format!(
            "  let i = wg * 64u + lid;\n  if (i < {}) {{ b1[i] = b0[i] * {} + {}; }}\n",
            word(0),
            word(1),
            word(words - 1)
        ),
    }
}

fn run(gpu: &Gpu, kernel: &Kernel, from: &Buffer, n: u32, factor: u32, summand: u32) -> Buffer {
    let pipeline = gpu.pipeline(kernel).unwrap();
    let to = gpu.alloc(u64::from(n) * 4).unwrap();
    let mut words = vec![0; kernel.words];
    (words[0], words[1], words[kernel.words - 1]) = (n, factor, summand);
    gpu.dispatch(&pipeline, &[from.into(), (&to).into()], &words, u64::from(n).div_ceil(64)).unwrap();
    to
}

fn words(gpu: &Gpu, buffer: &Buffer) -> Vec<u32> {
    bytemuck::pod_collect_to_vec(&gpu.read(buffer).unwrap())
}

#[test]
fn a_chain_of_dispatches_keeps_its_order() {
    let Some(gpu) = testing::gpu() else { return };
    for kernel in [affine(3), affine(40)] {
        let n = 1000;
        let mut x = gpu.upload(bytemuck::cast_slice(&(0..n).collect::<Vec<u32>>())).unwrap();
        let mut want: Vec<u32> = (0..n).collect();
        // Three hundred dispatches cross several batches and recycle buffers inside each.
        for step in 0..300 {
            x = run(gpu, &kernel, &x, n, 3, step);
            want.iter_mut().for_each(|w| *w = w.wrapping_mul(3).wrapping_add(step));
        }
        assert_eq!(words(gpu, &x), want);
    }
}

#[test]
fn an_upload_does_not_overtake_recorded_reads() {
    let Some(gpu) = testing::gpu() else { return };
    let kernel = affine(3);
    let mut results = Vec::new();
    for value in 0..200u32 {
        // The buffer of the previous round goes back to the pool while its reader is still unsubmitted.
        let x = gpu.upload(bytemuck::bytes_of(&value)).unwrap();
        results.push(run(gpu, &kernel, &x, 1, 1, 0));
    }
    let got: Vec<u32> = results.iter().map(|b| words(gpu, b)[0]).collect();
    assert_eq!(got, (0..200).collect::<Vec<_>>());
}

#[test]
fn sizes_of_all_kinds_go_up_and_come_back() {
    let Some(gpu) = testing::gpu() else { return };
    for len in [0usize, 1, 3, 4, 5, 255, 256, 257, 4099, 1 << 20] {
        let bytes: Vec<u8> = (0..len).map(|i| (i * 7 + 3) as u8).collect();
        let buffer = gpu.upload(&bytes).unwrap();
        assert_eq!(gpu.read(&buffer).unwrap(), bytes, "{len} bytes");
    }
    let buffer = gpu.upload(&[1, 2, 3, 4, 5, 6, 7, 8]).unwrap();
    let mut part = [0; 3];
    gpu.read_into(&buffer, 4, &mut part).unwrap();
    assert_eq!(part, [5, 6, 7]);
    assert!(matches!(gpu.read_into(&buffer, 4, &mut [0; 5]), Err(GpuError::Internal(_))));
}

#[test]
fn copies_take_part_in_the_order() {
    let Some(gpu) = testing::gpu() else { return };
    let kernel = affine(3);
    let x = gpu.upload(bytemuck::cast_slice(&[1u32, 2, 3, 4])).unwrap();
    let y = run(gpu, &kernel, &x, 4, 10, 0);
    let z = gpu.alloc(16).unwrap();
    gpu.copy(&y, 8, &z, 0, 8).unwrap();
    gpu.copy(&x, 0, &z, 8, 8).unwrap();
    let w = run(gpu, &kernel, &z, 4, 1, 1);
    assert_eq!(words(gpu, &w), [31, 41, 2, 3]);
    assert!(matches!(gpu.copy(&x, 8, &z, 0, 16), Err(GpuError::Internal(_))));
}

#[test]
fn grids_above_the_limit_of_a_dimension_are_folded() {
    let Some(gpu) = testing::gpu() else { return };
    let n = 70_000 * 64 + 17;
    let x = gpu.upload(bytemuck::cast_slice(&(0..n).collect::<Vec<u32>>())).unwrap();
    let y = words(gpu, &run(gpu, &affine(3), &x, n, 2, 1));
    assert!(y.iter().enumerate().all(|(i, &y)| y == i as u32 * 2 + 1));
}

#[test]
fn windows_see_their_part_and_too_large_ones_are_refused() {
    let Some(gpu) = testing::gpu() else { return };
    let x = gpu.upload(bytemuck::cast_slice(&(0..256).collect::<Vec<u32>>())).unwrap();
    let y = gpu.alloc(256).unwrap();
    let pipeline = gpu.pipeline(&affine(3)).unwrap();
    let window = Window { buffer: &x, offset: 256, len: Some(256) };
    gpu.dispatch(&pipeline, &[window, (&y).into()], &[64, 1, 0], 1).unwrap();
    assert_eq!(words(gpu, &y), (64..128).collect::<Vec<u32>>());
    let outside = Window { buffer: &x, offset: 1024, len: Some(256) };
    let error = gpu.dispatch(&pipeline, &[outside, (&y).into()], &[64, 1, 0], 1).unwrap_err();
    assert!(matches!(error, GpuError::Internal(_)), "{error}");
    let limit = gpu.caps().max_binding;
    if limit <= 256 << 20 {
        let large = gpu.alloc(limit + 4096).unwrap();
        let error = gpu.dispatch(&pipeline, &[(&large).into(), (&y).into()], &[64, 1, 0], 1).unwrap_err();
        assert!(matches!(error, GpuError::TooLarge(_)), "{error}");
        let error = gpu.alloc(gpu.caps().max_buffer + 1).unwrap_err();
        assert!(matches!(error, GpuError::TooLarge(_)), "{error}");
    }
}

#[test]
fn memory_is_recycled_counted_and_limited() {
    let options = Options { software: true, memory_limit: Some(1 << 20), ..Options::default() };
    let Some(gpu) = testing::open(&options) else { return };
    let first = gpu.alloc(300 << 10).unwrap();
    assert_eq!(gpu.memory().in_use, 384 << 10);
    drop(first);
    assert_eq!((gpu.memory().in_use, gpu.memory().cached), (0, 384 << 10));
    let again = gpu.alloc(350 << 10).unwrap();
    assert_eq!((gpu.memory().allocations, gpu.memory().reuses), (1, 1));
    let error = gpu.alloc(800 << 10).unwrap_err();
    assert_eq!(error, GpuError::OutOfMemory { wanted: 800 << 10, in_use: 384 << 10, budget: 1 << 20 });
    drop(again);
    // The budget covers what is cached, too: the free list gives way.
    let large = gpu.alloc(900 << 10).unwrap();
    assert_eq!((gpu.memory().in_use, gpu.memory().cached), (1 << 20, 0));
    drop(large);
    gpu.trim().unwrap();
    assert_eq!(gpu.memory().cached, 0);
    assert_eq!(gpu.memory().peak, 1 << 20);
}

#[test]
fn a_lost_device_answers_every_call_with_an_error() {
    let Some(gpu) = testing::open(&Options { software: true, ..Options::default() }) else { return };
    let x = gpu.upload(&[1, 2, 3, 4]).unwrap();
    gpu.destroy();
    let error = gpu.read(&x).unwrap_err();
    assert!(matches!(error, GpuError::Lost(_)), "{error}");
    for _ in 0..2 {
        assert!(gpu.alloc(4).is_err());
        assert!(gpu.upload(&[1]).is_err());
        assert!(gpu.read(&x).is_err());
        assert!(gpu.flush().is_err());
    }
}

#[test]
fn a_refused_kernel_names_itself_and_harms_nothing() {
    let Some(gpu) = testing::gpu() else { return };
    let mut kernel = affine(3);
    kernel.label = "broken".into();
    kernel.body = "  b1[0] = no_such_function();\n".into();
    let error = gpu.pipeline(&kernel).unwrap_err();
    assert!(error.to_string().contains("broken"), "{error}");
    let x = gpu.upload(bytemuck::bytes_of(&7u32)).unwrap();
    assert_eq!(words(gpu, &run(gpu, &affine(3), &x, 1, 2, 0)), [14]);
    let pipeline = gpu.pipeline(&affine(3)).unwrap();
    assert!(gpu.dispatch(&pipeline, &[(&x).into()], &[1, 1, 1], 1).is_err());
}

#[test]
fn checked_kernels_give_the_same() {
    let options = Options { software: true, checked: true, ..Options::default() };
    let Some(gpu) = testing::open(&options) else { return };
    let x = gpu.upload(bytemuck::cast_slice(&[5u32, 6, 7])).unwrap();
    assert_eq!(words(&gpu, &run(&gpu, &affine(3), &x, 3, 2, 1)), [11, 13, 15]);
}

#[test]
fn threads_share_a_device() {
    let Some(gpu) = testing::gpu() else { return };
    std::thread::scope(|scope| {
        for thread in 0..4u32 {
            scope.spawn(move || {
                for round in 0..40u32 {
                    let x = gpu.upload(bytemuck::cast_slice(&[thread, round])).unwrap();
                    let y = run(gpu, &affine(3), &x, 2, 100, 7);
                    assert_eq!(words(gpu, &y), [thread * 100 + 7, round * 100 + 7]);
                }
            });
        }
    });
}
