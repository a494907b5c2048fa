//! Against naive definitions and results read off TensorFlow 2.21.

use super::*;

const NAN: f32 = f32::NAN;
const INF: f32 = f32::INFINITY;
use Direction::{Ascending, Descending};

fn argsorted<T: Ordered>(x: &[T], direction: Direction) -> Vec<i32> {
    let mut out = vec![0; x.len()];
    argsort(x, x.len(), direction, &mut out);
    out
}

#[test]
fn equals_keep_their_order_both_ways() {
    assert_eq!(argsorted(&[2, 1, 2, 1, 2], Ascending), [1, 3, 0, 2, 4]);
    assert_eq!(argsorted(&[2, 1, 2, 1, 2], Descending), [0, 2, 4, 1, 3]);
    assert_eq!(argsorted(&[i32::MIN, 5, i32::MAX, 0, i32::MIN], Ascending), [0, 4, 3, 1, 2]);
    assert_eq!(argsorted(&[0u8, 255, 3, 0], Ascending), [0, 3, 2, 1]);
    assert_eq!(argsorted(&[0.0f32, -0.0, 0.0], Descending), [0, 1, 2]);
}

#[test]
fn nan_is_the_greatest() {
    let x = [3.0, NAN, 1.0, -0.0, 0.0, INF, NAN, -INF, 2.0];
    assert_eq!(argsorted(&x, Ascending), [7, 3, 4, 2, 8, 0, 5, 1, 6]);
    assert_eq!(argsorted(&x, Descending), [1, 6, 5, 0, 8, 2, 3, 4, 7]);
    let mut out = [0.0; 9];
    sort(&x, 9, Ascending, &mut out);
    assert_eq!(out[..7], [-INF, 0.0, 0.0, 1.0, 2.0, 3.0, INF]);
    assert!(out[7].is_nan() && out[8].is_nan() && out[1].is_sign_negative());
    assert_eq!(argsorted(&x.map(f16::from_f32), Ascending), argsorted(&x, Ascending));
}

#[test]
fn rows_are_sorted_each_on_its_own() {
    for (rows, n) in [(1, 1), (3, 4), (0, 5), (5, 0), (700, 90)] {
        let x: Vec<i64> = (0..rows * n).map(|i| (i * 7919 % 101) as i64).collect();
        let (mut out, mut places) = (vec![0; x.len()], vec![0i64; x.len()]);
        for direction in [Ascending, Descending] {
            sort(&x, n, direction, &mut out);
            argsort(&x, n, direction, &mut places);
            for ((x, out), places) in
                x.chunks(n.max(1)).zip(out.chunks(n.max(1))).zip(places.chunks(n.max(1)))
            {
                let mut expected = x.to_vec();
                expected.sort();
                if direction == Descending {
                    expected.reverse();
                }
                assert_eq!(out, expected);
                assert!(places.iter().zip(out).all(|(&p, &v)| x[p as usize] == v));
                let in_order = |w: &[i64]| x[w[0] as usize] != x[w[1] as usize] || w[0] < w[1];
                assert!(places.windows(2).all(in_order), "stable");
            }
        }
    }
}

fn top<T: Ordered + Default>(x: &[T], n: usize, k: usize) -> (Vec<T>, Vec<i32>) {
    let len = x.len() / n * k;
    let (mut values, mut places) = (vec![T::default(); len], vec![0; len]);
    top_k(x, n, k, &mut values, &mut places).unwrap();
    (values, places)
}

#[test]
fn the_greatest_few() {
    assert_eq!(top(&[1, 5, 2, 5, 5, 0], 3, 2), (vec![5, 2, 5, 5], vec![1, 2, 0, 1]));
    assert_eq!(top(&[1, 5, 2], 3, 0), (vec![], vec![]));
    assert_eq!(top(&[1, 5, 2], 3, 1), (vec![5], vec![1]));
    assert_eq!(top(&[-0.0f32, 0.0, 0.0, -0.0], 4, 3).1, [0, 1, 2]);
    assert_eq!(top(&[1.0, NAN, 2.0], 3, 2).1, [1, 2]);
    assert_eq!(top(&[1.0, NAN, NAN], 3, 1).1, [1]);
    let refused = top_k(&[1, 2, 3], 3, 4, &mut [0; 4], &mut [0i32; 4]);
    assert_eq!(refused, Err(TooFew { k: 4, n: 3 }));
    // Every k gives the first k of the whole order.
    let x: Vec<i32> = (0..60_000).map(|i| i * 7919 % 263).collect();
    let mut sorted = vec![0i32; x.len()];
    argsort(&x, 200, Descending, &mut sorted);
    for k in [1, 2, 17, 199, 200] {
        let places = top(&x, 200, k).1;
        for (places, sorted) in places.chunks(k).zip(sorted.chunks(200)) {
            assert_eq!(places, &sorted[..k], "k = {k}");
        }
    }
}

#[test]
fn places_among_sorted_elements() {
    let search = |sorted: &[f32], values: &[f32], side| {
        let mut out = vec![0i32; values.len()];
        searchsorted(sorted, sorted.len(), values, values.len(), side, &mut out);
        out
    };
    let plain = [1.0, 2.0, 2.0, 3.0];
    assert_eq!(search(&plain, &[0.0, 1.0, 2.0, 2.5, 3.0, 4.0], Side::Left), [0, 0, 1, 3, 3, 4]);
    assert_eq!(search(&plain, &[0.0, 1.0, 2.0, 2.5, 3.0, 4.0], Side::Right), [0, 1, 3, 3, 4, 4]);
    assert_eq!(search(&plain, &[NAN], Side::Left), [0]);
    assert_eq!(search(&plain, &[NAN], Side::Right), [4]);
    let with_nan = [1.0, 2.0, 2.0, 3.0, NAN];
    assert_eq!(search(&with_nan, &[0.0, 2.0, NAN, 3.0, 4.0, INF], Side::Left), [0, 1, 0, 3, 4, 4]);
    assert_eq!(search(&with_nan, &[0.0, 2.0, NAN, 3.0, 4.0, INF], Side::Right), [0, 5, 5, 5, 5, 5]);
    assert_eq!(search(&[], &[1.0], Side::Left), [0]);
    let mut out = [0i64; 4];
    searchsorted(&[1, 2, 3, 10, 20, 30], 3, &[2, 9, 15, 31], 2, Side::Left, &mut out);
    assert_eq!(out, [1, 3, 1, 3]);
}

#[test]
fn distinct_elements_in_order_of_appearance() {
    let found: Unique<_, i64> = unique(&[3, 1, 3, 2, 1]);
    assert_eq!(found.values, [3, 1, 2]);
    assert_eq!(found.places, [0, 1, 0, 2, 1]);
    assert_eq!(found.counts, [2, 2, 1]);
    let found: Unique<_, i32> = unique(&[NAN, 1.0, NAN, -0.0, 0.0, 1.0]);
    assert_eq!(found.places, [0, 1, 2, 3, 3, 1]);
    assert_eq!(found.counts, [1, 2, 1, 2]);
    assert!(found.values[3].is_sign_negative());
    assert_eq!(unique::<i8, i32>(&[-1, -1]).values, [-1]);
    assert!(unique::<u64, i32>(&[]).values.is_empty());
}

#[test]
fn targets_among_the_greatest() {
    let run = |predictions: &[f32], n, targets: &[i64], k| {
        let mut out = vec![9; targets.len()];
        in_top_k(predictions, n, targets, k, &mut out);
        out
    };
    let rows = [
        [NAN, 1.0, 2.0, 3.0],
        [1.0, NAN, 2.0, 0.0],
        [INF; 4],
        [0.0, 1.0, 1.0, 1.0],
        [0.0, 1.0, 1.0, 1.0],
        [0.0, 1.0, 1.0, 1.0],
    ];
    assert_eq!(run(rows.as_flattened(), 4, &[0, 1, 2, 3, 5, -1], 2), [0, 0, 0, 1, 0, 0]);
    assert_eq!(run(&[INF, 1.0, 2.0, 0.0, 5.0, -INF], 3, &[1, 1], 2), [0, 0]);
    assert_eq!(run(&[1.0; 16], 4, &[0, 1, 2, 3], 2), [1; 4]);
    assert_eq!(run(&[1.0, 2.0], 2, &[0], 0), [0]);
    assert_eq!(run(&[1.0, 2.0], 2, &[0], 1), [0]);
    assert_eq!(run(&[1.0, 2.0], 2, &[0], 9), [1]);
}

/// Long rows of few different values, so that there are many equals, against the definition.
#[test]
fn long_rows_are_ordered_as_short_ones() {
    use crate::gemm::tests::Numbers;
    fn check<T: Ordered + std::fmt::Debug>(values: &[T], numbers: &mut Numbers) {
        for (n, k) in [(5, 2), (31, 7), (40, 1), (700, 3), (700, 150), (5000, 1), (5000, 40)] {
            let x: Vec<T> = (0..2 * n).map(|_| numbers.pick(values)).collect();
            for direction in [Direction::Ascending, Direction::Descending] {
                let mut found = vec![0i32; 2 * n];
                argsort(&x, n, direction, &mut found);
                let expected = x.chunks(n).flat_map(|x| {
                    let mut places: Vec<i32> = (0..n as i32).collect();
                    places.sort_by(|&a, &b| direction.order(x[a as usize], x[b as usize]));
                    places
                });
                assert!(found.iter().copied().eq(expected), "{n} {direction:?}");
                let mut sorted = x.clone();
                sort(&x, n, direction, &mut sorted);
                let places = found.iter().enumerate().map(|(at, &place)| at / n * n + place as usize);
                // To the bit, zeros of both signs included.
                let same = |(a, place): (&T, usize)| format!("{a:?}") == format!("{:?}", x[place]);
                assert!(sorted.iter().zip(places).all(same), "{n} {direction:?}");
            }
            let (mut greatest, mut places, mut all) =
                (vec![x[0]; 2 * k], vec![0i32; 2 * k], vec![0i32; 2 * n]);
            top_k(&x, n, k, &mut greatest, &mut places).unwrap();
            argsort(&x, n, Direction::Descending, &mut all);
            assert!(places.iter().eq(all.chunks(n).flat_map(|all| &all[..k])), "the first {k} of {n}");
        }
    }
    let mut numbers = Numbers(31);
    let few =
        [0.0, -0.0, 1.0, -1.0, 2.5, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MIN_POSITIVE, -1e-45];
    check(&few, &mut numbers);
    check(&few.map(f64::from), &mut numbers);
    check(&few.map(half::f16::from_f32), &mut numbers);
    check(&[i32::MIN, -1, 0, 1, i32::MAX], &mut numbers);
    check(&[i8::MIN, -1, 0, 1, i8::MAX], &mut numbers);
    check(&[0u32, 1, u32::MAX], &mut numbers);
    check(&[i64::MIN, -1, 0, i64::MAX], &mut numbers);
    let many: Vec<f32> = numbers.vec::<f32, f32>(10_000);
    check(&many, &mut numbers);
}
