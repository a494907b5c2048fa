//! Values that the table's samples do not have: NaN and ties in order, distances of shifts outside the width, windows
//! without a number, many updates at one place. The CPU says what is right.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{gpu, on_gpu};
use tenfold_core::op::{Attrs, OpDef};
use tenfold_core::{DType, Element, Tensor, door, ops, with_element};

/// The device answers behind the program, to whoever asks next: an error that one test wants must not reach another.
static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());

fn alone() -> std::sync::MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(|p| p.into_inner())
}

/// Runs `op` on both devices and compares the bits of the results.
#[track_caller]
fn same(op: &'static OpDef, inputs: &[&Tensor], attrs: Attrs) {
    let Some(device) = gpu() else { return };
    let want = door::try_apply(op, inputs, attrs.clone()).unwrap();
    let there: Vec<Tensor> = inputs.iter().map(|x| on_gpu(x, device)).collect();
    let got = door::try_apply(op, &there.iter().collect::<Vec<_>>(), attrs).unwrap();
    assert_eq!(got.len(), want.len());
    for (got, want) in got.iter().zip(&want) {
        assert_eq!((got.device(), got.meta()), (device, want.meta()), "{}", op.name);
        let (a, b) = (got.to_f64_vec().unwrap(), want.to_f64_vec().unwrap());
        for (i, (a, b)) in a.iter().zip(&b).enumerate() {
            let equal = a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan());
            assert!(equal, "{} of {}: element {i} is {a}, not {b}", op.name, inputs[0].meta());
        }
    }
}

fn tensor(dtype: DType, values: &[f64], shape: impl Into<tenfold_core::Shape>) -> Tensor {
    with_element!(dtype, T => Tensor::from_vec(values.iter().map(|v| T::from_f64(*v)).collect::<Vec<T>>(), shape).unwrap())
}

/// Many equal values, NaN, both zeros and infinities.
fn mixed(n: usize, dtype: DType) -> Tensor {
    let special = [f64::NAN, 0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY];
    let value = |i: usize| match (i * 31) % 17 {
        k if k < 5 && dtype.is_float() => special[k],
        k => ((i * k) % 9) as f64 - if dtype.is_signed() { 4.0 } else { 0.0 },
    };
    tensor(dtype, &(0..n).map(value).collect::<Vec<_>>(), [3, n / 3])
}

#[test]
fn order_of_nan_zeros_and_ties() {
    let _alone = alone();
    for dtype in [DType::F32, DType::F16, DType::BF16, DType::I32, DType::U8, DType::I64] {
        let x = mixed(999, dtype);
        for descending in [false, true] {
            same(&ops::ARGSORT, &[&x], Attrs::new().with("descending", descending));
        }
        for k in [1i64, 7, 333] {
            same(&ops::TOP_K, &[&x], Attrs::new().with("k", k));
        }
        // Not sorted, with NaN: both halve the same way.
        let values = mixed(60, dtype);
        for right in [false, true] {
            same(&ops::SEARCHSORTED, &[&x, &values], Attrs::new().with("right", right));
        }
    }
    let targets = tensor(DType::I32, &[0.0, 40.0, -1.0], [3]);
    let numbers = (0..150).map(|i| f64::from(i * 37 % 50)).collect::<Vec<_>>();
    for (x, k) in [(mixed(150, DType::F32), 5i64), (tensor(DType::F32, &numbers, [3, 50]), 20)] {
        same(&ops::IN_TOP_K, &[&x, &targets], Attrs::new().with("k", k));
    }
}

#[test]
fn a_permutation_of_many_is_inverted_and_a_repetition_is_found() {
    let _alone = alone();
    let Some(device) = gpu() else { return };
    let n = 5003;
    let mut values: Vec<f64> = (0..n).map(|i| ((i * 1237) % n) as f64).collect();
    for dtype in [DType::I32, DType::I64] {
        same(&ops::INVERT_PERMUTATION, &[&tensor(dtype, &values, [n])], Attrs::new());
    }
    values[4000] = values[17];
    let x = on_gpu(&tensor(DType::I32, &values, [n]), device);
    let error = x.try_invert_permutation().and_then(|y| y.to_vec::<i32>()).unwrap_err();
    assert!(error.to_string().contains("occurs twice"), "{error}");
}

#[test]
fn shifts_by_any_distance() {
    let _alone = alone();
    for dtype in DType::ALL.into_iter().filter(|d| d.is_int()) {
        let signed = dtype.is_signed();
        let x = [1.0, 5.0, 100.0, if signed { -77.0 } else { 77.0 }];
        let by = [0.0, 1.0, 7.0, 8.0, 31.0, 63.0, 100.0, if signed { -3.0 } else { 3.0 }];
        let (x, by) = (tensor(dtype, &x, [4, 1]), tensor(dtype, &by, [8]));
        same(&ops::LEFT_SHIFT, &[&x, &by], Attrs::new());
        same(&ops::RIGHT_SHIFT, &[&x, &by], Attrs::new());
    }
}

#[test]
fn maxima_of_windows_without_a_finite_number() {
    let _alone = alone();
    let x = mixed(3 * 64, DType::F32).reshape([3, 8, 8, 1]);
    let low = tensor(DType::F32, &[f64::NEG_INFINITY; 16], [1, 4, 4, 1]);
    for x in [&x, &low] {
        // The padding holds whole windows.
        let slide = |first: Attrs| {
            first
                .with("ksize", vec![2i64, 2])
                .with("strides", vec![2i64, 1])
                .with("padding_low", vec![3i64, 1])
                .with("padding_high", vec![0i64, 2])
        };
        let attrs = || slide(Attrs::new());
        same(&ops::MAX_POOL, &[x], attrs());
        same(&ops::MAX_POOL_WITH_ARGMAX, &[x], attrs().with("include_batch_in_index", true));
        same(&ops::MAX_POOL_WITH_ARGMAX, &[x], attrs().with("include_batch_in_index", false));
        same(&ops::MAX_POOL_GRAD_GRAD, &[x, &x.zeros_like().add(2.5)], attrs());
        let dy = door::try_apply(&ops::MAX_POOL, &[x], attrs()).unwrap()[0].zeros_like().add(0.5);
        same(&ops::MAX_POOL_GRAD, &[x, &dy], attrs());
        same(&ops::AVG_POOL_GRAD, &[&dy], slide(Attrs::new().with("input_shape", x.shape())));
    }
}

#[test]
fn updates_of_one_place_come_in_order() {
    let _alone = alone();
    let ids: Vec<f64> = (0..600).map(|i| f64::from((i * 7) % 23) - 1.0).collect();
    let at: Vec<f64> = ids.iter().map(|i| i + 1.0).collect();
    let values: Vec<f64> = (0..1200).map(|i| f64::from((i * 13) % 7) - 3.0).collect();
    for dtype in [DType::F32, DType::I32, DType::I64, DType::I8] {
        let (data, ids) = (tensor(dtype, &values, [600, 2]), tensor(DType::I32, &ids, [600]));
        let attrs = || Attrs::new().with("num_segments", tenfold_core::Shape::from([40]));
        for op in [&ops::UNSORTED_SEGMENT_SUM, &ops::UNSORTED_SEGMENT_MAX, &ops::UNSORTED_SEGMENT_MIN] {
            same(op, &[&data, &ids], attrs());
        }
        same(&ops::UNSORTED_SEGMENT_PROD, &[&data, &ids], attrs());
        let x = tensor(dtype, &[1.0; 50], [25, 2]);
        let at = tensor(DType::I64, &at, [600, 1]);
        for op in [
            &ops::TENSOR_SCATTER_ND_ADD,
            &ops::TENSOR_SCATTER_ND_SUB,
            &ops::TENSOR_SCATTER_ND_MIN,
            &ops::TENSOR_SCATTER_ND_MAX,
            &ops::TENSOR_SCATTER_ND_UPDATE,
        ] {
            same(op, &[&x, &at, &data], Attrs::new());
        }
    }
}

/// Long enough to be cut into chunks; infinities stay where they belong.
#[test]
fn running_logarithms_of_sums() {
    let _alone = alone();
    let Some(device) = gpu() else { return };
    let mut values: Vec<f32> = (0..4200).map(|i| ((i * 37) % 200) as f32 - 100.0).collect();
    (values[5], values[2105]) = (f32::NEG_INFINITY, f32::INFINITY);
    let x = Tensor::from_vec(values, [2, 2100]).unwrap();
    for (exclusive, reverse) in [(false, false), (true, false), (false, true), (true, true)] {
        let want = x.cumulative_logsumexp(1, exclusive, reverse).to_vec::<f32>().unwrap();
        let got = on_gpu(&x, device).cumulative_logsumexp(1, exclusive, reverse).to_vec::<f32>().unwrap();
        for (i, (got, want)) in got.iter().zip(&want).enumerate() {
            let close = (got - want).abs() <= 1e-5 * want.abs().max(1.0);
            assert!(got == want || close, "element {i} is {got}, not {want}");
        }
    }
}
