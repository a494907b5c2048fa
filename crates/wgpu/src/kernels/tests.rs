//! The families on the device, against plain loops on the host.

use super::elementwise::{Group, Input, Source, Step};
use super::*;
use crate::form::{Form, form, moved};
use crate::gpu::Gpu;
use crate::index::{Walk, row_major};
use crate::memory::Buffer;
use crate::plan::{Builder, Place};
use crate::testing;
use crate::{GpuError, GpuResult};
use tenfold_core::DType;

fn f32s() -> Form {
    moved(DType::F32)
}

/// Builds and runs a program on host arrays in device form; the result is the first output.
pub(super) fn run<T: bytemuck::Pod>(
    gpu: &Gpu,
    build: impl FnOnce(&mut Builder<'_>) -> GpuResult<()>,
    inputs: &[&[u8]],
    elements: usize,
) -> GpuResult<Vec<T>> {
    let mut builder = Builder::new(gpu);
    build(&mut builder)?;
    let buffers: Vec<Buffer> = inputs.iter().map(|bytes| gpu.upload(bytes)).collect::<GpuResult<_>>()?;
    let out = gpu.alloc((elements * size_of::<T>()) as u64)?;
    builder.finish().run(gpu, &buffers.iter().collect::<Vec<_>>(), &[&out])?;
    Ok(bytemuck::pod_collect_to_vec(&gpu.read(&out)?))
}

pub(super) fn bytes<T: bytemuck::NoUninit>(values: &[T]) -> &[u8] {
    bytemuck::cast_slice(values)
}

fn step(expression: &'static str, operands: &[Source], dtype: DType) -> Step {
    Step { expression, name: "step", operands: operands.to_vec(), form: moved(dtype), refuses: None }
}

fn input(i: usize, dtype: DType, shape: &[usize]) -> Input {
    Input { place: Place::Input(i), form: moved(dtype), shape: shape.to_vec() }
}

#[test]
fn broadcasting_reads_the_right_elements() {
    let Some(gpu) = testing::gpu() else { return };
    let shape = vec![3, 4, 5];
    let a: Vec<f32> = (0..60).map(|i| i as f32).collect();
    let b: Vec<f32> = (0..12).map(|i| 100.0 * i as f32).collect();
    let c: Vec<f32> = (0..5).map(|i| 0.25 * i as f32).collect();
    let group = Group {
        shape: shape.clone(),
        inputs: vec![
            input(0, DType::F32, &[3, 4, 5]),
            input(1, DType::F32, &[3, 4, 1]),
            input(2, DType::F32, &[5]),
        ],
        steps: vec![
            step("x + y", &[Source::Input(0), Source::Input(1)], DType::F32),
            step("x + y", &[Source::Step(0), Source::Input(2)], DType::F32),
        ],
        results: vec![(1, Place::Output(0))],
    };
    let got: Vec<f32> =
        run(gpu, |b| elementwise::build(&group, b), &[bytes(&a), bytes(&b), bytes(&c)], 60).unwrap();
    for i in 0..60 {
        assert_eq!(got[i], a[i] + b[i / 5] + c[i % 5], "{i}");
    }
}

/// Values whose products round, among them infinities, NaN and zeros of both signs.
fn awkward(n: usize, seed: u32) -> Vec<f32> {
    let mut state = seed;
    (0..n)
        .map(|i| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            match i % 61 {
                7 => f32::INFINITY,
                19 => f32::NEG_INFINITY,
                23 => f32::NAN,
                31 => 0.0,
                37 => -0.0,
                _ => f32::from_bits((state >> 9) | 0x3f00_0000) * if state & 256 == 0 { 1.7 } else { -0.3 },
            }
        })
        .collect()
}

#[test]
fn a_fused_group_gives_the_bits_of_its_ops_alone() {
    let Some(gpu) = testing::gpu() else { return };
    let n = 1000;
    let (a, b, c) = (awkward(n, 1), awkward(n, 2), awkward(n, 3));
    let shape = [n];
    // A chain that a compiler would love to contract, cancel and share.
    let texts: [(&'static str, &[Source]); 7] = [
        ("x * y", &[Source::Input(0), Source::Input(1)]),
        ("x + y", &[Source::Step(0), Source::Input(2)]),
        ("x - y", &[Source::Step(1), Source::Step(1)]),
        ("tanh(x)", &[Source::Step(1)]),
        ("x / y", &[Source::Step(3), Source::Input(1)]),
        ("x * y", &[Source::Step(4), Source::Step(2)]),
        ("x - y", &[Source::Step(0), Source::Step(4)]),
    ];
    for (dtype, size) in [(DType::F32, 4), (DType::BF16, 4), (DType::F16, 2)] {
        let Ok(form) = form(dtype, gpu.caps()) else { continue };
        let host = |v: &[f32]| -> Vec<u8> {
            match dtype {
                DType::F32 => bytes(v).to_vec(),
                DType::BF16 => v.iter().flat_map(|v| (v.to_bits() & 0xffff_0000).to_le_bytes()).collect(),
                _ => v.iter().flat_map(|v| half::f16::from_f32(*v).to_le_bytes()).collect(),
            }
        };
        let inputs = [host(&a), host(&b), host(&c)];
        let mut builder = Builder::new(gpu);
        let fused = Group {
            shape: shape.to_vec(),
            inputs: (0..3).map(|i| input(i, dtype, &shape)).collect(),
            steps: texts.iter().map(|(text, operands)| step(text, operands, dtype)).collect(),
            results: (0..7).map(|i| (i, Place::Output(i))).collect(),
        };
        elementwise::build(&fused, &mut builder).unwrap();
        let buffers: Vec<Buffer> = inputs.iter().map(|x| gpu.upload(x).unwrap()).collect();
        let outputs: Vec<Buffer> = (0..7).map(|_| gpu.alloc(form.bytes(n)).unwrap()).collect();
        builder
            .finish()
            .run(gpu, &buffers.iter().collect::<Vec<_>>(), &outputs.iter().collect::<Vec<_>>())
            .unwrap();
        // The same ops one by one, each on stored results of the ones before.
        let mut alone: Vec<Buffer> = Vec::new();
        for (text, operands) in texts {
            let buffers: Vec<&Buffer> = operands
                .iter()
                .map(|source| match source {
                    Source::Input(i) => &buffers[*i],
                    Source::Step(i) => &alone[*i],
                })
                .collect();
            let places: Vec<Source> = (0..operands.len()).map(Source::Input).collect();
            let single = Group {
                shape: shape.to_vec(),
                inputs: (0..operands.len()).map(|i| input(i, dtype, &shape)).collect(),
                steps: vec![step(text, &places, dtype)],
                results: vec![(0, Place::Output(0))],
            };
            let mut builder = Builder::new(gpu);
            elementwise::build(&single, &mut builder).unwrap();
            let out = gpu.alloc(form.bytes(n)).unwrap();
            builder.finish().run(gpu, &buffers, &[&out]).unwrap();
            alone.push(out);
        }
        let bits = |raw: Vec<u8>| -> Vec<u64> {
            raw.chunks_exact(size)
                .map(|w| w.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)))
                .collect()
        };
        for (k, (fused, alone)) in outputs.iter().zip(&alone).enumerate() {
            let (fused, alone) = (bits(gpu.read(fused).unwrap()), bits(gpu.read(alone).unwrap()));
            assert_eq!(fused, alone, "{dtype}: step {k}");
        }
        if dtype == DType::F32 {
            // inf - inf is NaN in both: nothing cancelled `x - x`.
            let third: Vec<f32> = bytemuck::pod_collect_to_vec(&gpu.read(&outputs[2]).unwrap());
            let sum: Vec<f32> = bytemuck::pod_collect_to_vec(&gpu.read(&outputs[1]).unwrap());
            assert!(sum.iter().any(|x| x.is_infinite()));
            for (x, d) in sum.iter().zip(&third) {
                assert_eq!(d.is_nan(), !x.is_finite(), "{x} - itself gave {d}");
            }
            // A product and a sum are the CPU's, rounded twice.
            for i in 0..n {
                let want = a[i] * b[i] + c[i];
                assert!(sum[i].to_bits() == want.to_bits() || (want.is_nan() && sum[i].is_nan()));
            }
        }
    }
}

#[test]
fn tensors_beyond_one_binding_are_cut_into_windows() {
    let Some(gpu) = testing::gpu() else { return };
    let limit = gpu.caps().max_binding;
    if limit > 128 << 20 {
        return;
    }
    let n = (limit / 4) as usize + 70_001;
    let x: Vec<f32> = (0..n).map(|i| (i % 9973) as f32).collect();
    let group = Group {
        shape: vec![n],
        inputs: vec![input(0, DType::F32, &[n]), input(1, DType::F32, &[])],
        steps: vec![step("x + y", &[Source::Input(0), Source::Input(1)], DType::F32)],
        results: vec![(0, Place::Output(0))],
    };
    let got: Vec<f32> =
        run(gpu, |b| elementwise::build(&group, b), &[bytes(&x), bytes(&[0.5f32])], n).unwrap();
    assert!(got.iter().zip(&x).all(|(got, x)| *got == x + 0.5));
    let rows = n / 1000 + 1;
    let broadcast = Group {
        shape: vec![rows, 1000],
        inputs: vec![input(0, DType::F32, &[rows, 1000]), input(1, DType::F32, &[1000])],
        ..group
    };
    let error = elementwise::build(&broadcast, &mut Builder::new(gpu)).unwrap_err();
    assert!(matches!(error, GpuError::TooLarge(_)), "{error}");
}

#[test]
fn copies_transpose_reverse_and_leave_the_rest() {
    let Some(gpu) = testing::gpu() else { return };
    let (rows, cols) = (37, 65);
    let x: Vec<u32> = (0..rows * cols).collect();
    let (r, c) = (rows as isize, cols as isize);
    // out[j, rows - 1 - i] = in[i, j], over a fill of 7 in a frame one wider.
    let walk = Walk { shape: vec![rows as usize, cols as usize], strides: vec![vec![c, 1], vec![-1, r + 1]] };
    let n = (cols * (rows + 1)) as usize;
    let got: Vec<u32> = run(
        gpu,
        |b| {
            copies::fill(b, moved(DType::I32), Place::Output(0), n, 7.0)?;
            copies::copy(b, moved(DType::I32), Place::Input(0), Place::Output(0), walk, (0, r - 1))
        },
        &[bytes(&x)],
        n,
    )
    .unwrap();
    for i in 0..rows {
        for j in 0..cols {
            assert_eq!(got[(j * (rows + 1) + rows - 1 - i) as usize], x[(i * cols + j) as usize]);
        }
    }
    assert!((0..cols).all(|j| got[(j * (rows + 1) + rows) as usize] == 7));
    for (dtype, value, words) in [
        (DType::F32, -1.5, vec![(-1.5f32).to_bits()]),
        (DType::BF16, 1.0, vec![1.0f32.to_bits()]),
        (DType::Bool, 1.0, vec![1]),
        (DType::I8, -3.0, vec![(-3i32).cast_unsigned()]),
        (DType::I64, -2.0, vec![(-2i32).cast_unsigned(), u32::MAX]),
        (DType::F64, 2.0, vec![0, 0x4000_0000]),
    ] {
        let n = words.len();
        let got: Vec<u32> =
            run(gpu, |b| copies::fill(b, moved(dtype), Place::Output(0), 1, value), &[], n).unwrap();
        assert_eq!(got, words, "{dtype}");
    }
}

/// The reduction of integers in f32 (exact), by the definition.
fn reduced(x: &[f32], shape: &[usize], axes: &[usize], zero: f32, f: impl Fn(f32, f32) -> f32) -> Vec<f32> {
    let kept: Vec<usize> = (0..shape.len()).filter(|a| !axes.contains(a)).collect();
    let out_shape: Vec<usize> = kept.iter().map(|a| shape[*a]).collect();
    let strides = row_major(shape);
    let out_strides = row_major(&out_shape);
    let mut out = vec![zero; out_shape.iter().product()];
    for (i, x) in x.iter().enumerate() {
        let at: isize = kept
            .iter()
            .zip(&out_strides)
            .map(|(a, s)| (i as isize / strides[*a]) % shape[*a] as isize * s)
            .sum();
        out[at as usize] = f(out[at as usize], *x);
    }
    out
}

#[test]
fn reductions_over_all_kinds_of_axes() {
    let Some(gpu) = testing::gpu() else { return };
    let cases: &[(&[usize], &[usize])] = &[
        (&[7], &[0]),
        (&[], &[]),
        (&[3, 5], &[]),
        (&[129, 65], &[0]),
        (&[129, 65], &[1]),
        (&[5, 1, 63, 9], &[0, 2]),
        (&[4, 63, 9], &[1]),
        (&[200_003], &[0]),
        (&[3, 70_000], &[1]),
        (&[1500, 3], &[0]),
        (&[1500, 3], &[0, 1]),
        (&[0, 3], &[0]),
        (&[3, 0], &[0]),
    ];
    for (shape, axes) in cases {
        let n: usize = shape.iter().product();
        let x: Vec<f32> = (0..n).map(|i| ((i * 7919) % 13) as f32 - 6.0).collect();
        let sum = reduced(&x, shape, axes, 0.0, |a, b| a + b);
        let go = |op| {
            let build = |b: &mut Builder<'_>| {
                reduce::reduce(b, op, (f32s(), f32s()), Place::Input(0), Place::Output(0), shape, axes)
            };
            run::<f32>(gpu, build, &[bytes(&x)], sum.len()).unwrap()
        };
        assert_eq!(go(reduce::Op::Sum), sum, "sum of {shape:?} over {axes:?}");
        let max = reduced(&x, shape, axes, f32::NEG_INFINITY, f32::max);
        assert_eq!(go(reduce::Op::Max), max, "max of {shape:?} over {axes:?}");
        let min = reduced(&x, shape, axes, f32::INFINITY, f32::min);
        assert_eq!(go(reduce::Op::Min), min, "min of {shape:?} over {axes:?}");
    }
}

#[test]
fn positions_and_nan_in_reductions() {
    let Some(gpu) = testing::gpu() else { return };
    let nan = f32::NAN;
    let arg = |op, x: &[f32], rows: usize| {
        let forms = (f32s(), moved(DType::I32));
        let shape = [rows, x.len() / rows];
        let build = |b: &mut Builder<'_>| {
            reduce::reduce(b, op, forms, Place::Input(0), Place::Output(0), &shape, &[1])
        };
        run::<i32>(gpu, build, &[bytes(x)], rows).unwrap()
    };
    assert_eq!(arg(reduce::Op::ArgMax, &[1.0, 3.0, 3.0, nan, 2.0, nan], 2), [1, 1]);
    assert_eq!(arg(reduce::Op::ArgMin, &[1.0, 1.0, 3.0, nan, f32::NEG_INFINITY, nan], 2), [0, 1]);
    assert_eq!(arg(reduce::Op::ArgMax, &[nan, f32::NEG_INFINITY, nan], 1), [0]);
    let mut long: Vec<f32> = (0..70_000).map(|i| (i % 1000) as f32).collect();
    long[66_123] = 5000.0;
    long[69_999] = 5000.0;
    assert_eq!(arg(reduce::Op::ArgMax, &long, 1), [66_123]);
    let mut x = vec![1.0f32; 300];
    x[123] = nan;
    for op in [reduce::Op::Sum, reduce::Op::Max, reduce::Op::Min, reduce::Op::Prod] {
        let build = |b: &mut Builder<'_>| {
            reduce::reduce(b, op, (f32s(), f32s()), Place::Input(0), Place::Output(0), &[300], &[0])
        };
        assert!(run::<f32>(gpu, build, &[bytes(&x)], 1).unwrap()[0].is_nan(), "{op:?}");
    }
    let flags: Vec<u32> = (0..130).map(|i| u32::from(i != 129)).collect();
    for (op, want) in [(reduce::Op::All, 0), (reduce::Op::Any, 1)] {
        let form = moved(DType::Bool);
        let build = |b: &mut Builder<'_>| {
            reduce::reduce(b, op, (form, form), Place::Input(0), Place::Output(0), &[130], &[0])
        };
        assert_eq!(run::<u32>(gpu, build, &[bytes(&flags)], 1).unwrap(), [want]);
    }
    let bytes8: Vec<i32> = (0..300).map(|i| i % 100).collect();
    let form = moved(DType::I8);
    let build = |b: &mut Builder<'_>| {
        reduce::reduce(b, reduce::Op::Sum, (form, form), Place::Input(0), Place::Output(0), &[300], &[0])
    };
    let want = bytes8.iter().fold(0i8, |s, x| s.wrapping_add(*x as i8));
    assert_eq!(run::<i32>(gpu, build, &[bytes(&bytes8)], 1).unwrap(), [i32::from(want)]);
}

#[test]
fn products_of_integers_are_exact() {
    let Some(gpu) = testing::gpu() else { return };
    let cases = [
        (1, 1, 1, 1, false, false),
        (1, 7, 63, 65, false, true),
        (2, 33, 40, 129, true, false),
        (1, 70, 66, 17, true, true),
        (3, 5, 4, 3, false, false),
        (1, 3, 2, 9000, false, false),
        (1, 4, 4, 0, false, false),
    ];
    for (batch, m, n, k, ta, tb) in cases {
        let a: Vec<i32> = (0..batch * m * k).map(|i| ((i * 7919) % 13) as i32 - 6).collect();
        // The second operand broadcasts over the batch.
        let b: Vec<i32> = (0..k * n).map(|i| ((i * 104_729) % 11) as i32 - 5).collect();
        let mut want = vec![0i32; batch * m * n];
        for z in 0..batch {
            for i in 0..m {
                for j in 0..n {
                    for p in 0..k {
                        let x = a[z * m * k + if ta { p * m + i } else { i * k + p }];
                        let y = b[if tb { j * k + p } else { p * n + j }];
                        want[(z * m + i) * n + j] += x * y;
                    }
                }
            }
        }
        let product = gemm::Matmul {
            m,
            n,
            k,
            transpose_a: ta,
            transpose_b: tb,
            batch_shape: vec![batch],
            batch_strides: [vec![(m * k) as isize], vec![0]],
        };
        let places = (Place::Input(0), Place::Input(1), Place::Output(0));
        let form = moved(DType::I32);
        let build = |builder: &mut Builder<'_>| product.build(builder, (form, form, form), places);
        let got: Vec<i32> = run(gpu, build, &[bytes(&a), bytes(&b)], want.len()).unwrap();
        assert_eq!(got, want, "i32 {batch} x {m} x {n} x {k} {ta} {tb}");
        let float = |v: &[i32]| v.iter().map(|v| *v as f32).collect::<Vec<f32>>();
        let form = f32s();
        let build = |builder: &mut Builder<'_>| product.build(builder, (form, form, form), places);
        let got: Vec<f32> = run(gpu, build, &[bytes(&float(&a)), bytes(&float(&b))], want.len()).unwrap();
        assert_eq!(got, float(&want), "f32 {batch} x {m} x {n} x {k} {ta} {tb}");
    }
}

#[test]
fn a_refused_value_is_an_error_at_the_next_read_and_only_there() {
    let options = crate::Options { software: true, ..crate::Options::default() };
    let Some(gpu) = testing::open(&options) else { return };
    let code = gpu.check_code("floordiv", "an integer is divided by zero");
    let divide = |x: &[i32], y: &[i32]| {
        let mut group = Group {
            shape: vec![x.len()],
            inputs: vec![input(0, DType::I32, &[x.len()]), input(1, DType::I32, &[x.len()])],
            steps: vec![step("floor_div(x, y)", &[Source::Input(0), Source::Input(1)], DType::I32)],
            results: vec![(0, Place::Output(0))],
        };
        group.steps[0].refuses = Some(("y == (y ^ y)", code));
        run::<i32>(&gpu, |b| elementwise::build(&group, b), &[bytes(x), bytes(y)], x.len())
    };
    assert_eq!(divide(&[7, -7], &[2, 2]).unwrap(), [3, -4]);
    let error = divide(&[7, 1, 2], &[2, 0, 0]).unwrap_err();
    assert_eq!(error, GpuError::Check { op: "floordiv", text: "an integer is divided by zero" });
    assert_eq!(divide(&[9], &[-2]).unwrap(), [-5]);
    gpu.wait().unwrap();
}
