//! Kernels that follow indices, scans and generated tensors, against loops on the host.

use super::tests::{bytes, run};
use super::{generate, scan, select};
use crate::form::moved;
use crate::gpu::Gpu;
use crate::plan::{Builder, Place};
use crate::testing;
use crate::{GpuError, Options};
use tenfold_core::DType;
use tenfold_core::op::Combine;

/// A refused value is reported by the next read of the device, whoever reads: these tests have one each.
fn own_device() -> Option<Gpu> {
    testing::open(&Options { software: true, ..Options::default() })
}

const THREE: (Place, Place, Place) = (Place::Input(0), Place::Input(1), Place::Output(0));

#[test]
fn gathers_of_rows_with_batches() {
    let Some(gpu) = &own_device() else { return };
    let (batch, outer, extent, inner, count) = (2, 3, 5, 4, 7);
    let params: Vec<i32> = (0..(batch * outer * extent * inner) as i32).collect();
    let indices: Vec<i32> = (0..batch * count).map(|i| ((i * 3) % extent) as i32).collect();
    let code = gpu.check_code("gather", "an index is out of range");
    let gather = select::Gather { batch, outer, extent, inner, count };
    let go = |indices: &[i32]| {
        let (form, index) = (moved(DType::I32), moved(DType::I32));
        let build = |b: &mut Builder<'_>| gather.build(b, form, index, THREE, code);
        run::<i32>(gpu, build, &[bytes(&params), bytes(indices)], batch * outer * count * inner)
    };
    let got = go(&indices).unwrap();
    for b in 0..batch {
        for o in 0..outer {
            for j in 0..count {
                for i in 0..inner {
                    let at = ((b * outer + o) * extent + indices[b * count + j] as usize) * inner + i;
                    assert_eq!(got[((b * outer + o) * count + j) * inner + i], params[at]);
                }
            }
        }
    }
    for wrong in [-1, extent as i32] {
        let mut indices = indices.clone();
        indices[9] = wrong;
        assert!(matches!(go(&indices), Err(GpuError::Check { op: "gather", .. })), "index {wrong}");
    }
    // Indices of 64 bits, elements of 64 bits.
    let wide: Vec<u64> = (0..20).map(|i| (i + 1) << 33 | i).collect();
    let positions: Vec<i64> = vec![4, 0, 3];
    let gather = select::Gather { batch: 1, outer: 1, extent: 5, inner: 4, count: 3 };
    let build = |b: &mut Builder<'_>| gather.build(b, moved(DType::F64), moved(DType::I64), THREE, code);
    let got: Vec<u64> = run(gpu, build, &[bytes(&wide), bytes(&positions)], 12).unwrap();
    assert_eq!(got, [&wide[16..20], &wide[0..4], &wide[12..16]].concat());
}

#[test]
fn index_vectors_gather_and_add() {
    let Some(gpu) = &own_device() else { return };
    let code = gpu.check_code("gather_nd", "an index is out of range");
    let nd = select::Nd { sizes: vec![3, 4], inner: 5, count: 6, batch: 1, drop_negative: false, code };
    let params: Vec<f32> = (0..60).map(|i| i as f32).collect();
    let indices: Vec<i32> = vec![0, 0, 2, 3, 1, 1, 2, 0, 1, 1, 0, 3];
    let (form, index) = (moved(DType::F32), moved(DType::I32));
    let build = |b: &mut Builder<'_>| nd.gather(b, form, index, THREE);
    let got: Vec<f32> = run(gpu, build, &[bytes(&params), bytes(&indices)], 30).unwrap();
    for j in 0..6 {
        let row = (indices[2 * j] * 4 + indices[2 * j + 1]) as usize;
        assert_eq!(got[j * 5..j * 5 + 5], params[row * 5..row * 5 + 5]);
    }
    // Many updates of one place are added in order: the sum is the host's, bit for bit.
    let (rows, inner, count) = (7usize, 33usize, 500usize);
    let updates: Vec<f32> = (0..count * inner).map(|i| ((i * 37 % 101) as f32).sin() * 1e3).collect();
    let ids: Vec<i32> = (0..count).map(|i| ((i * i) % 9) as i32 - 2).collect();
    let nd = select::Nd { sizes: vec![rows], inner, count, batch: 1, drop_negative: true, code };
    let places = (Place::Input(0), Place::Input(1), Place::Output(0));
    let build = |b: &mut Builder<'_>| {
        super::copies::fill(b, form, Place::Output(0), rows * inner, 0.0)?;
        nd.scatter(b, Combine::Add, form, index, places)
    };
    let got: Vec<f32> = run(gpu, build, &[bytes(&ids), bytes(&updates)], rows * inner).unwrap();
    let mut want = vec![0f32; rows * inner];
    for (j, id) in ids.iter().enumerate().filter(|(_, id)| **id >= 0) {
        for i in 0..inner {
            want[*id as usize * inner + i] += updates[j * inner + i];
        }
    }
    assert_eq!(got, want);
    let ids: Vec<i32> = vec![7; count];
    assert!(matches!(
        run::<f32>(gpu, build, &[bytes(&ids), bytes(&updates)], rows * inner),
        Err(GpuError::Check { .. })
    ));
}

#[test]
fn one_hot_leaves_positions_outside_off() {
    let Some(gpu) = testing::gpu() else { return };
    let hot = select::OneHot { outer: 2, depth: 3, inner: 2, on: 5.0, off: -1.0 };
    let indices: Vec<i32> = vec![0, 2, 3, -1];
    let places = [Place::Input(0), Place::Output(0)];
    let build = |b: &mut Builder<'_>| hot.build(b, moved(DType::F32), moved(DType::I32), places);
    let got: Vec<f32> = run(gpu, build, &[bytes(&indices)], 12).unwrap();
    assert_eq!(got, [5.0, -1.0, -1.0, -1.0, -1.0, 5.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0]);
}

#[test]
fn scans_in_all_directions_and_lengths() {
    let Some(gpu) = testing::gpu() else { return };
    for (outer, extent, inner) in [(1, 1, 1), (2, 5, 3), (1, 1300, 1), (3, 600, 2), (2, 0, 3)] {
        let n = outer * extent * inner;
        let x: Vec<f32> = (0..n).map(|i| ((i * 7) % 5) as f32 - 2.0).collect();
        for (exclusive, reverse) in [(false, false), (true, false), (false, true), (true, true)] {
            let mut want = vec![0.0; n];
            for line in 0..outer * inner {
                let base = line / inner * extent * inner + line % inner;
                let mut sum = 0.0;
                for p in 0..extent {
                    let at = base + if reverse { extent - 1 - p } else { p } * inner;
                    if exclusive {
                        want[at] = sum;
                    }
                    sum += x[at];
                    if !exclusive {
                        want[at] = sum;
                    }
                }
            }
            let scan = scan::Scan { op: scan::Op::Sum, outer, extent, inner, exclusive, reverse };
            let form = moved(DType::F32);
            let build = |b: &mut Builder<'_>| scan.build(b, form, Place::Input(0), Place::Output(0));
            let got: Vec<f32> = run(gpu, build, &[bytes(&x)], n).unwrap();
            assert_eq!(got, want, "{outer} x {extent} x {inner}, {exclusive} {reverse}");
        }
    }
    let x: Vec<i32> = (1..=1500).map(|i| if i % 3 == 0 { -1 } else { 3 }).collect();
    let scan =
        scan::Scan { op: scan::Op::Prod, outer: 1, extent: 1500, inner: 1, exclusive: false, reverse: false };
    let build = |b: &mut Builder<'_>| scan.build(b, moved(DType::I32), Place::Input(0), Place::Output(0));
    let got: Vec<i32> = run(gpu, build, &[bytes(&x)], 1500).unwrap();
    let mut product = 1i32;
    for (x, got) in x.iter().zip(got) {
        product = product.wrapping_mul(*x);
        assert_eq!(got, product);
    }
}

#[test]
fn ranges_round_as_the_host_does() {
    let Some(gpu) = testing::gpu() else { return };
    let make = |dtype, n, start, delta| {
        move |b: &mut Builder<'_>| generate::range(b, moved(dtype), Place::Output(0), n, start, delta)
    };
    let got: Vec<f32> = run(gpu, make(DType::F32, 1000, 0.1, -0.3), &[], 1000).unwrap();
    for (i, got) in got.iter().enumerate() {
        assert_eq!(*got, 0.1f32 + i as f32 * -0.3f32, "{i}");
    }
    let got: Vec<i32> = run(gpu, make(DType::I32, 5, 7.0, -3.0), &[], 5).unwrap();
    assert_eq!(got, [7, 4, 1, -2, -5]);
    if gpu.caps().i64 {
        let got: Vec<i64> = run(gpu, make(DType::I64, 3, -5e9, 4e9), &[], 3).unwrap();
        assert_eq!(got, [-5_000_000_000, -1_000_000_000, 3_000_000_000]);
    }
}

#[test]
fn random_numbers_are_philox_bit_for_bit() {
    use super::random::{Draw, fill};
    let Some(gpu) = &own_device() else { return };
    // A counter that carries through all its words within the draw.
    let stream = [0x1234u32, 0x5678, u32::MAX - 3, u32::MAX, u32::MAX, 7];
    let block = |n: u64, counter: u128| {
        let mut c =
            (0..4).map(|i| (counter.wrapping_add(u128::from(n)) >> (32 * i)) as u32).collect::<Vec<_>>();
        let mut k = [stream[0], stream[1]];
        for _ in 0..10 {
            let (a, b) = (u64::from(c[0]) * 0xD251_1F53, u64::from(c[2]) * 0xCD9E_8D57);
            c = vec![(b >> 32) as u32 ^ c[1] ^ k[0], b as u32, (a >> 32) as u32 ^ c[3] ^ k[1], a as u32];
            k = [k[0].wrapping_add(0x9E37_79B9), k[1].wrapping_add(0xBB67_AE85)];
        }
        c
    };
    let counter = (0..4).fold(0u128, |c, i| c | u128::from(stream[2 + i]) << (32 * i));
    let n = 4 * 20 + 3;
    let words: Vec<u32> = (0..21).flat_map(|i| block(i, counter)).collect();
    let got: Vec<u32> =
        run(gpu, |b| fill(b, Draw::Bits, moved(DType::U32), n), &[bytes(&stream)], n).unwrap();
    assert_eq!(got, words[..n]);
    let got: Vec<f32> =
        run(gpu, |b| fill(b, Draw::Uniform, moved(DType::F32), n), &[bytes(&stream)], n).unwrap();
    let unit = |w: &u32| f32::from_bits(0x3f80_0000 | w & 0x007f_ffff) - 1.0;
    assert_eq!(got, words[..n].iter().map(unit).collect::<Vec<_>>());
    let code = gpu.check_code("stateless_uniform_int", "low must be less than high");
    let between = |low: i32, high: i32| {
        let build = |b: &mut Builder<'_>| fill(b, Draw::Between(code), moved(DType::I32), n);
        run::<i32>(gpu, build, &[bytes(&stream), bytes(&[low]), bytes(&[high])], n)
    };
    let want: Vec<i32> = words[..n].iter().map(|w| -5 + (w % 12) as i32).collect();
    assert_eq!(between(-5, 7).unwrap(), want);
    assert!(matches!(between(3, 3), Err(GpuError::Check { .. })));
    let normal = |a: u32, b: u32| {
        let u = f64::from(unit(&a).max(1e-7));
        let angle = std::f64::consts::TAU * f64::from(unit(&b));
        let radius = (-2.0 * u.ln()).sqrt();
        [angle.sin() * radius, angle.cos() * radius]
    };
    let close = |got: &[f32], want: &[f64]| {
        assert_eq!(got.len(), want.len());
        for (got, want) in got.iter().zip(want) {
            assert!((f64::from(*got) - want).abs() < 2e-6, "{got} is not {want}");
        }
    };
    let got: Vec<f32> =
        run(gpu, |b| fill(b, Draw::Normal, moved(DType::F32), n), &[bytes(&stream)], n).unwrap();
    let want: Vec<f64> = words.chunks_exact(2).flat_map(|w| normal(w[0], w[1])).take(n).collect();
    close(&got, &want);
    // Every four truncated numbers have a region of 256 blocks, from which they take what is within two.
    let got: Vec<f32> =
        run(gpu, |b| fill(b, Draw::Truncated, moved(DType::F32), n), &[bytes(&stream)], n).unwrap();
    let mut want = Vec::new();
    for group in 0..n.div_ceil(4) as u64 {
        let draws = (0..100).flat_map(|d| block(group * 256 + d, counter)).collect::<Vec<u32>>();
        want.extend(draws.chunks_exact(2).flat_map(|w| normal(w[0], w[1])).filter(|v| v.abs() < 2.0).take(4));
    }
    close(&got, &want[..n]);
}
