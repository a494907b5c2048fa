//! Against naive loops and results read off TensorFlow 2.21.

use half::{bf16, f16};

use super::super::reduce::{Mean, Prod, Sum};
use super::*;

const NAN: f32 = f32::NAN;

fn numbers(n: usize) -> Vec<f32> {
    (0..n).map(|i| (i * 7919 % 31) as f32 - 15.0).collect()
}

fn indices(m: usize, n: usize) -> Vec<i32> {
    (0..m).map(|i| (i * i * 31 % n) as i32).collect()
}

#[test]
fn gather_matches_its_definition() {
    for [batch, outer, n, inner, m] in [
        [1, 1, 5, 1, 4],
        [1, 3, 5, 2, 7],
        [2, 1, 4, 3, 3],
        [3, 2, 4, 5, 6],
        [1, 1, 5, 3, 0],
        [2, 60, 9, 40, 30],
    ] {
        let (params, at) = (numbers(batch * outer * n * inner), indices(batch * m, n));
        let mut out = vec![0.0; batch * outer * m * inner];
        gather(&params, &at, GatherShape { batch, outer, n, inner, m }, &mut out).unwrap();
        for (place, &got) in out.iter().enumerate() {
            let (k, i) = (place % inner, place / inner % m);
            let (o, b) = (place / inner / m % outer, place / inner / m / outer);
            let from = ((b * outer + o) * n + at[b * m + i] as usize) * inner + k;
            assert_eq!(got, params[from], "[{batch}, {outer}, {n}, {inner}] at [{m}]");
        }
    }
}

#[test]
fn gathered_indices_are_checked_first() {
    let shape = GatherShape { batch: 1, outer: 1, n: 2, inner: 1, m: 2 };
    let mut out = [7.0; 2];
    assert_eq!(gather(&[1.0, 2.0], &[0, 2], shape, &mut out), Err(BadIndex { position: 1, value: 2 }));
    assert_eq!(gather(&[1.0, 2.0], &[-1i64, 0], shape, &mut out), Err(BadIndex { position: 0, value: -1 }));
    assert_eq!(out, [7.0; 2]);
    let none = GatherShape { n: 0, ..shape };
    assert_eq!(gather(&[], &[0, 0], none, &mut out), Err(BadIndex { position: 0, value: 0 }));
}

#[test]
fn gather_nd_picks_slices_by_vectors() {
    let params = numbers(2 * 3 * 4 * 5);
    // Whole rows of the last axis by vectors of two, in two batches.
    let at = [0i32, 3, 2, 1, 1, 0, 2, 3];
    let mut out = vec![0.0; 4 * 5];
    gather_nd(&params, &at, 2, 2, &[3, 4], 5, &mut out).unwrap();
    let expected = [3, 9, 12 + 4, 12 + 11].map(|row| &params[row * 5..][..5]).concat();
    assert_eq!(out, expected);
    // Vectors of no components pick everything.
    let mut out = [0.0; 4];
    gather_nd(&[1.0, 2.0], &[] as &[i32], 1, 2, &[], 2, &mut out).unwrap();
    assert_eq!(out, [1.0, 2.0, 1.0, 2.0]);
    let bad = gather_nd(&[1.0, 2.0], &[0, 0, 0, 2], 1, 2, &[1, 2], 1, &mut out[..2]);
    assert_eq!(bad, Err(BadIndex { position: 3, value: 2 }));
    assert_eq!(gather_nd(&[] as &[f32], &[] as &[i32], 1, 0, &[0], 2, &mut []), Ok(()));
    assert!(gather_nd(&[] as &[f32], &[0], 1, 1, &[0], 2, &mut [0.0; 2]).is_err());
}

#[test]
fn updates_meet_in_index_order() {
    let run = |op, at: &[i32], updates: &[f32], start: [f32; 3]| {
        let mut out = start;
        scatter_nd(op, at, &[3], updates, 1, &mut out).unwrap();
        out
    };
    let start = [10.0, 20.0, 30.0];
    assert_eq!(run(ScatterOp::Update, &[0, 2, 0], &[1.0, 2.0, 3.0], start), [3.0, 20.0, 2.0]);
    assert_eq!(run(ScatterOp::Add, &[0, 2, 0], &[1.0, 2.0, 3.0], start), [14.0, 20.0, 32.0]);
    assert_eq!(run(ScatterOp::Sub, &[0, 2, 0], &[1.0, 2.0, 3.0], start), [6.0, 20.0, 28.0]);
    assert_eq!(run(ScatterOp::Mul, &[0, 2, 0], &[1.0, 2.0, 3.0], start), [30.0, 20.0, 60.0]);
    assert_eq!(run(ScatterOp::Min, &[0, 2, 0], &[1.0, 99.0, 3.0], start), [1.0, 20.0, 30.0]);
    assert_eq!(run(ScatterOp::Max, &[0, 2, 0], &[11.0, 2.0, 3.0], start), [11.0, 20.0, 30.0]);
    let max = run(ScatterOp::Max, &[0, 1], &[NAN, 2.0], [0.0, NAN, 1.0]);
    assert!(max[0] == 0.0 && max[1].is_nan());
    assert_eq!(run(ScatterOp::Add, &[], &[], start), start);
    // Order matters to floats: (1e8 + 1) - 1e8 is 0, (1e8 - 1e8) + 1 is 1.
    assert_eq!(run(ScatterOp::Add, &[0, 0, 0], &[1e8, 1.0, -1e8], [0.0; 3])[0], 0.0);
    assert_eq!(run(ScatterOp::Add, &[0, 0, 0], &[1e8, -1e8, 1.0], [0.0; 3])[0], 1.0);
    let mut wrapped = [250u8];
    scatter_nd(ScatterOp::Add, &[0], &[1], &[10], 1, &mut wrapped).unwrap();
    assert_eq!(wrapped, [4]);
    // One scalar, addressed by a vector of no components, twice.
    let mut scalar = [1.0];
    scatter_nd(ScatterOp::Add, &[] as &[i32], &[], &[2.0, 3.0], 1, &mut scalar).unwrap();
    assert_eq!(scalar, [6.0]);
}

#[test]
fn scattered_indices_are_checked_first() {
    let mut out = [5.0; 6];
    let bad = scatter_nd(ScatterOp::Add, &[0, 0, 1, 9], &[3, 2], &[1.0, 2.0], 1, &mut out);
    assert_eq!(bad, Err(BadIndex { position: 3, value: 9 }));
    assert_eq!(out, [5.0; 6]);
}

#[test]
fn slices_scatter_alike_on_any_number_of_threads() {
    let (m, slices, inner) = (5_000, 70, 32);
    let updates: Vec<f32> = (0..m * inner).map(|i| (i as f32 * 0.37).sin()).collect();
    let at = indices(m, slices);
    let mut expected = vec![0.0f32; slices * inner];
    for (i, &slice) in at.iter().enumerate() {
        for k in 0..inner {
            expected[slice as usize * inner + k] += updates[i * inner + k];
        }
    }
    let mut out = vec![0.0; slices * inner];
    scatter_nd(ScatterOp::Add, &at, &[slices], &updates, inner, &mut out).unwrap();
    assert_eq!(out, expected);
    let mut out = vec![0.0; slices * inner];
    unsorted_segment_reduce::<Sum, _, _>(&updates, inner, &at, slices, &mut out).unwrap();
    assert_eq!(out, expected);
}

fn unsorted<O: SegmentOp<T>, T: bytemuck::Pod + Send + Sync>(x: &[T], ids: &[i64], n: usize) -> Vec<T> {
    let inner = x.len().checked_div(ids.len()).unwrap_or(1);
    let mut out = vec![T::zeroed(); n * inner];
    unsorted_segment_reduce::<O, T, i64>(x, inner, ids, n, &mut out).unwrap();
    out
}

fn sorted<O: SegmentOp<T>, T: bytemuck::Pod + Send + Sync>(x: &[T], ids: &[i32]) -> Vec<T> {
    let inner = x.len().checked_div(ids.len()).unwrap_or(1);
    let mut out = vec![T::zeroed(); segment_count(ids).unwrap() * inner];
    segment_reduce::<O, T, i32>(x, inner, ids, &mut out);
    out
}

#[test]
fn segments_and_the_gaps_between_them() {
    let x = [1.0f32, 2.0, 3.0, 4.0, -5.0, 6.0];
    let ids = [0, 0, 3];
    assert_eq!(sorted::<Sum, f32>(&x, &ids), [4.0, 6.0, 0.0, 0.0, 0.0, 0.0, -5.0, 6.0]);
    assert_eq!(sorted::<Mean, f32>(&x, &ids), [2.0, 3.0, 0.0, 0.0, 0.0, 0.0, -5.0, 6.0]);
    assert_eq!(sorted::<Prod, f32>(&x, &ids), [3.0, 8.0, 1.0, 1.0, 1.0, 1.0, -5.0, 6.0]);
    assert_eq!(sorted::<SegmentMax, f32>(&x, &ids), [3.0, 4.0, 0.0, 0.0, 0.0, 0.0, -5.0, 6.0]);
    assert_eq!(sorted::<SegmentMin, f32>(&x, &ids), [1.0, 2.0, 0.0, 0.0, 0.0, 0.0, -5.0, 6.0]);
    assert_eq!(sorted::<Mean, i32>(&[5, 6, -8], &[0, 0, 1]), [5, -8]);
    assert!(sorted::<Sum, f32>(&[], &[]).is_empty());
    assert_eq!(segment_count(&[1, 0]), Err(BadIndex { position: 1, value: 0 }));
    assert_eq!(segment_count(&[-1, 0]), Err(BadIndex { position: 0, value: -1 }));
}

#[test]
fn unsorted_segments_drop_negative_ids() {
    let x = [1.0f32, 2.0, 3.0, 4.0];
    let ids = [2, -7, 0, 2];
    assert_eq!(unsorted::<Sum, f32>(&x, &ids, 4), [3.0, 0.0, 5.0, 0.0]);
    assert_eq!(unsorted::<Mean, f32>(&x, &ids, 4), [3.0, 0.0, 2.5, 0.0]);
    assert_eq!(unsorted::<Prod, f32>(&x, &ids, 4), [3.0, 1.0, 4.0, 1.0]);
    assert_eq!(unsorted::<SegmentMax, f32>(&x, &ids, 4), [3.0, f32::MIN, 4.0, f32::MIN]);
    assert_eq!(unsorted::<SegmentMin, f32>(&x, &ids, 4), [3.0, f32::MAX, 1.0, f32::MAX]);
    assert_eq!(unsorted::<SqrtN, f32>(&x, &ids, 4), [3.0, 0.0, 5.0 / 2f32.sqrt(), 0.0]);
    assert_eq!(unsorted::<SegmentMax, u8>(&[3, 4], &[1, 1], 2), [0, 4]);
    assert_eq!(unsorted::<SegmentMax, f16>(&[f16::ONE], &[0], 2), [f16::ONE, f16::MIN]);
    assert_eq!(unsorted::<SegmentMax, f32>(&[f32::NEG_INFINITY], &[0], 1), [f32::NEG_INFINITY]);
    assert_eq!(unsorted::<SegmentMax, f32>(&[NAN, 1.0], &[0, 0], 1), [1.0]);
    assert!(unsorted::<Sum, f32>(&x, &[-1; 4], 0).is_empty());
    let mut out = [0.0; 2];
    let bad = unsorted_segment_reduce::<Sum, f32, i32>(&[1.0, 2.0], 1, &[0, 5], 2, &mut out);
    assert_eq!(bad, Err(BadIndex { position: 1, value: 5 }));
    // Half precision is summed in f32.
    assert_eq!(unsorted::<Sum, bf16>(&[bf16::ONE; 512], &[0; 512], 1), [bf16::from_f32(512.0)]);
    assert_eq!(unsorted::<Mean, i8>(&[100, 100], &[0, 0], 1), [100]);
}

#[test]
fn bins() {
    let count = |values: &[i32], weights: Option<&[f32]>, binary, n| {
        let mut out = vec![9.0f32; n];
        bincount(values, weights, binary, &mut out).map(|()| out)
    };
    assert_eq!(count(&[1, 1, 3], None, false, 4), Ok(vec![0.0, 2.0, 0.0, 1.0]));
    assert_eq!(count(&[1, 1, 3], None, false, 2), Ok(vec![0.0, 2.0]));
    assert_eq!(count(&[1, 1, 3], Some(&[0.5, 0.25, 2.0]), false, 4), Ok(vec![0.0, 0.75, 0.0, 2.0]));
    assert_eq!(count(&[1, 1, 3], None, true, 4), Ok(vec![0.0, 1.0, 0.0, 1.0]));
    assert_eq!(count(&[], None, false, 2), Ok(vec![0.0; 2]));
    assert_eq!(count(&[1, -2], None, false, 2), Err(BadIndex { position: 1, value: -2 }));
}

#[test]
fn histograms() {
    let mut out = [0i32; 5];
    let values = [-1.0f32, 0.0, 0.1, 0.2, 0.4999, 0.5, 0.999_999_9, 1.0, 2.0, f32::INFINITY, -f32::INFINITY];
    histogram_fixed_width(&values, [0.0, 1.0], &mut out).unwrap();
    assert_eq!(out, [4, 1, 2, 0, 4]);
    histogram_fixed_width(&[0, 1, 2, 3, 4, 5, 9, 10], [0, 10], &mut out).unwrap();
    assert_eq!(out, [2, 2, 2, 0, 2]);
    assert_eq!(histogram_fixed_width(&[0.5, NAN], [0.0, 1.0], &mut out), Err(1));
    let mut wide = [0i64; 2];
    histogram_fixed_width(&[i64::MIN, -1, 0, i64::MAX], [i64::MIN, i64::MAX], &mut wide).unwrap();
    assert_eq!(wide.iter().sum::<i64>(), 4);
}
