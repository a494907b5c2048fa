//! Against a naive fold over every index, for all sets of axes; and the same bits for any number of threads.

use half::{bf16, f16};

use super::super::clones::at_each_level;
use super::super::threads::insisting;
use super::*;

/// Row-major coordinates of element `i`.
fn coordinates(mut i: usize, shape: &[usize]) -> Vec<usize> {
    let mut at = vec![0; shape.len()];
    for axis in (0..shape.len()).rev() {
        at[axis] = i % shape[axis];
        i /= shape[axis];
    }
    at
}

/// For each kept position, its elements in order.
fn groups<T: Copy>(shape: &[usize], axes: &[usize], x: &[T]) -> Vec<Vec<T>> {
    let kept: Vec<usize> = (0..shape.len()).filter(|a| !axes.contains(a)).collect();
    let mut groups = vec![Vec::new(); kept.iter().map(|&a| shape[a]).product()];
    for (i, &x) in x.iter().enumerate() {
        let at = coordinates(i, shape);
        groups[kept.iter().fold(0, |index, &a| index * shape[a] + at[a])].push(x);
    }
    groups
}

/// Small integers, exact in every order of addition.
fn numbers(n: usize) -> Vec<i64> {
    (0..n as i64).map(|i| (i * 7919 + 13) % 23 - 11).collect()
}

fn run<O: Reduction<T>, T: Pod + Send + Sync>(shape: &[usize], axes: &[usize], x: &[T]) -> Vec<T> {
    let extents = Extents::new(shape, axes);
    let mut out = vec![T::zeroed(); extents.kept()];
    reduce::<O, T>(&extents, x, &mut out);
    out
}

fn axis_sets(rank: usize) -> Vec<Vec<usize>> {
    (0..1 << rank).map(|mask| (0..rank).filter(|axis| mask >> axis & 1 == 1).collect()).collect()
}

const SHAPES: &[&[usize]] = &[
    &[],
    &[1],
    &[7],
    &[33],
    &[4097],
    &[1, 1, 3],
    &[3, 5],
    &[130, 3],
    &[67, 40],
    &[5, 600],
    &[2, 3, 4],
    &[9, 40, 17],
    &[3, 1, 20, 1, 33],
    &[2, 3, 2, 5, 4],
    &[6, 5, 4, 3, 2, 2],
];

#[test]
fn every_set_of_axes_matches_a_naive_fold() {
    for &shape in SHAPES {
        let ints = numbers(shape.iter().product());
        let floats: Vec<f32> = ints.iter().map(|&x| x as f32).collect();
        for axes in axis_sets(shape.len()) {
            let groups = groups(shape, &axes, &ints);
            let expect = |f: fn(&[i64]) -> i64| groups.iter().map(|g| f(g)).collect::<Vec<_>>();
            let context = format!("{shape:?} over {axes:?}");
            let sums = expect(|g| g.iter().sum());
            assert_eq!(run::<Sum, i64>(shape, &axes, &ints), sums, "sum {context}");
            let as_floats: Vec<f32> = sums.iter().map(|&x| x as f32).collect();
            assert_eq!(run::<Sum, f32>(shape, &axes, &floats), as_floats, "float sum {context}");
            let squares = expect(|g| g.iter().map(|x| x * x).sum());
            assert_eq!(run::<SumSquares, i64>(shape, &axes, &ints), squares, "squares {context}");
            let products = expect(|g| g.iter().fold(1, |a: i64, &b| a.wrapping_mul(b)));
            assert_eq!(run::<Prod, i64>(shape, &axes, &ints), products, "product {context}");
            let greatest = expect(|g| *g.iter().max().unwrap());
            assert_eq!(run::<Max, i64>(shape, &axes, &ints), greatest, "max {context}");
            let least = expect(|g| *g.iter().min().unwrap());
            assert_eq!(run::<Min, i64>(shape, &axes, &ints), least, "min {context}");
            let means = expect(|g| g.iter().sum::<i64>() / g.len() as i64);
            assert_eq!(run::<Mean, i64>(shape, &axes, &ints), means, "mean {context}");
            let truths: Vec<u8> = ints.iter().map(|&x| u8::from(x > -11)).collect();
            let all = expect(|g| i64::from(g.iter().all(|&x| x > -11)));
            let got: Vec<i64> = run::<All, u8>(shape, &axes, &truths).into_iter().map(i64::from).collect();
            assert_eq!(got, all, "all {context}");
            let rare: Vec<u8> = ints.iter().map(|&x| u8::from(x == 11)).collect();
            let any = expect(|g| i64::from(g.contains(&11)));
            let got: Vec<i64> = run::<Any, u8>(shape, &axes, &rare).into_iter().map(i64::from).collect();
            assert_eq!(got, any, "any {context}");
        }
    }
}

#[test]
fn merging_axes() {
    let merged = |shape: &[usize], axes: &[usize]| {
        let extents = Extents::new(shape, axes);
        (
            extents.merged.iter().map(|e| (e.size, e.reduced)).collect::<Vec<_>>(),
            extents.kept(),
            extents.reduced(),
        )
    };
    assert_eq!(merged(&[], &[]), (vec![], 1, 1));
    assert_eq!(merged(&[2, 3, 4], &[2, 1]), (vec![(2, false), (12, true)], 2, 12));
    assert_eq!(merged(&[2, 1, 4], &[0, 2]), (vec![(8, true)], 1, 8));
    assert_eq!(merged(&[2, 1, 4], &[1]), (vec![(8, false)], 8, 1));
    assert_eq!(merged(&[2, 0, 4], &[1]), (vec![(2, false), (0, true), (4, false)], 8, 0));
}

#[test]
fn nothing_reduces_to_the_identity() {
    assert_eq!(run::<Sum, f32>(&[0, 3], &[0], &[]), [0.0; 3]);
    assert_eq!(run::<Prod, i32>(&[0], &[0], &[]), [1]);
    assert_eq!(run::<Max, f64>(&[0], &[0], &[]), [f64::NEG_INFINITY]);
    assert_eq!(run::<Min, f16>(&[0], &[0], &[]), [f16::INFINITY]);
    assert_eq!(run::<Max, i8>(&[0], &[0], &[]), [i8::MIN]);
    assert_eq!(run::<Min, u8>(&[0], &[0], &[]), [255]);
    assert_eq!(run::<Mean, i32>(&[0], &[0], &[]), [0]);
    assert!(run::<Mean, f32>(&[0], &[0], &[])[0].is_nan());
    assert_eq!(run::<All, u8>(&[0, 2], &[0], &[]), [1, 1]);
    assert_eq!(run::<Any, u8>(&[0, 2], &[0], &[]), [0, 0]);
    assert!(run::<Sum, f32>(&[3, 0], &[0], &[]).is_empty());
    // A reduction over no axis, or over axes of one element, is the element.
    assert_eq!(run::<SumSquares, f32>(&[2], &[], &[3.0, -2.0]), [9.0, 4.0]);
    assert_eq!(run::<Mean, f32>(&[1, 2], &[0], &[3.0, -2.0]), [3.0, -2.0]);
}

#[test]
fn nan_reaches_every_result_it_belongs_to() {
    let nan = f32::NAN;
    for n in [2, 15, 16, 40, 5_000] {
        for at in [0, 1, n / 2, n - 1] {
            let mut x = vec![1.0f32; n];
            x[at] = nan;
            assert!(run::<Max, f32>(&[n], &[0], &x)[0].is_nan(), "max of {n}, NaN at {at}");
            assert!(run::<Min, f32>(&[n], &[0], &x)[0].is_nan(), "min of {n}, NaN at {at}");
            let wide: Vec<f32> = x.iter().flat_map(|&v| [0.0, v, 2.0]).collect();
            let columns = run::<Max, f32>(&[n, 3], &[0], &wide);
            assert!(columns[1].is_nan() && columns[0] == 0.0 && columns[2] == 2.0, "columns of {n}");
        }
    }
}

#[test]
fn sixteen_bit_floats_are_summed_in_f32() {
    assert_eq!(run::<Sum, f16>(&[4096], &[0], &[f16::ONE; 4096]), [f16::from_f32(4096.0)]);
    assert_eq!(run::<Sum, bf16>(&[4096], &[0], &[bf16::ONE; 4096]), [bf16::from_f32(4096.0)]);
    let big = f16::from_f32(60_000.0);
    assert_eq!(run::<Mean, f16>(&[300], &[0], &[big; 300]), [big]);
}

#[test]
fn integers_wrap_and_their_means_do_not() {
    assert_eq!(run::<Sum, u8>(&[3], &[0], &[200, 100, 1]), [45]);
    assert_eq!(run::<Mean, u8>(&[256], &[0], &[200; 256]), [200]);
    assert_eq!(run::<Mean, i32>(&[2], &[0], &[i32::MAX; 2]), [i32::MAX]);
    assert_eq!(run::<Mean, i32>(&[2], &[0], &[-7, 0]), [-3]);
    // In 64 bits they do, as in TensorFlow.
    assert_eq!(run::<Mean, i64>(&[2], &[0], &[i64::MAX; 2]), [-1]);
}

/// Floats whose sum depends on the order.
fn rough(n: usize) -> Vec<f32> {
    (0..n).map(|i| ((i as f32 * 12.9898).sin() * 43_758.547).fract() * 10f32.powi((i % 7) as i32)).collect()
}

#[test]
fn threads_change_no_bit() {
    for (shape, axes) in [
        (&[300_000][..], &[0][..]),
        (&[3, 100_000], &[1]),
        (&[20_000, 10], &[1]),
        (&[100_000, 3], &[0]),
        (&[3_000, 100], &[0]),
        (&[60, 3_000], &[0]),
        (&[50, 40, 100], &[1]),
        (&[5, 70, 10, 50], &[0, 2]),
        (&[5, 70, 10, 50], &[1, 3]),
    ] {
        let x = rough(shape.iter().product());
        let bits = |v: &[f32]| v.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        let with = |threads| insisting(threads, || run::<Sum, f32>(shape, axes, &x));
        let serial = with(1);
        let parallel = with(2);
        for other in [&parallel, &with(3), &with(8)] {
            assert_eq!(bits(&serial), bits(other), "{shape:?} over {axes:?}");
        }
        let wide: Vec<f64> = x.iter().map(|&x| x.into()).collect();
        let magnitude: Vec<f64> = wide.iter().map(|x| x.abs()).collect();
        let (exact, scale) = (run::<Sum, f64>(shape, axes, &wide), run::<Sum, f64>(shape, axes, &magnitude));
        for ((&got, exact), scale) in parallel.iter().zip(exact).zip(scale) {
            assert!(
                (f64::from(got) - exact).abs() <= 2e-6 * scale,
                "{got} is not {exact}: {shape:?} over {axes:?}"
            );
        }
    }
}

#[test]
fn vector_units_change_no_bit() {
    let mut seen = Vec::new();
    at_each_level(|_| {
        let mut bits = Vec::new();
        for (shape, axes) in [([30, 5_000], [1]), ([3_000, 50], [0]), ([9_000, 13], [1]), ([900, 7], [0])] {
            let x = rough(shape.iter().product());
            let halves: Vec<bf16> = x.iter().map(|&x| bf16::from_f32(x)).collect();
            bits.extend(run::<Sum, f32>(&shape, &axes, &x).iter().map(|x| x.to_bits()));
            bits.extend(run::<Max, f32>(&shape, &axes, &x).iter().map(|x| x.to_bits()));
            bits.extend(
                run::<SumSquares, bf16>(&shape, &axes, &halves).iter().map(|x| u32::from(x.to_bits())),
            );
        }
        seen.push(bits);
    });
    assert!(seen.iter().all(|bits| *bits == seen[0]));
}

#[test]
fn a_row_is_reduced_alike_alone_and_among_others() {
    let (rows, columns) = (40, 5_003);
    let x = rough(rows * columns);
    let together = run::<Sum, f32>(&[rows, columns], &[1], &x);
    for (row, sum) in x.chunks(columns).zip(together) {
        assert_eq!(run::<Sum, f32>(&[columns], &[0], row)[0].to_bits(), sum.to_bits());
    }
}

#[test]
fn arg_takes_the_first_of_equals_and_never_nan() {
    let nan = f32::NAN;
    let row = |x: &[f32]| {
        let (mut greatest, mut least) = ([0i64], [0i64]);
        argmax(x, x.len(), 1, &mut greatest);
        argmin(x, x.len(), 1, &mut least);
        (greatest[0], least[0])
    };
    assert_eq!(row(&[1.0, 3.0, 3.0, 1.0]), (1, 0));
    assert_eq!(row(&[nan, 1.0, 2.0]), (2, 1));
    assert_eq!(row(&[1.0, nan, 0.0]), (0, 2));
    assert_eq!(row(&[nan, nan]), (0, 0));
    assert_eq!(row(&[nan, f32::NEG_INFINITY]), (0, 1));
    assert_eq!(row(&[-0.0, 0.0]), (0, 0));
    let mut out = [0i32; 3];
    argmax(&[nan, 1.0, 2.0, 1.0, nan, nan, nan, nan, nan], 3, 3, &mut out);
    assert_eq!(out, [1, 0, 0]);
    argmax(&[i32::MIN; 3], 3, 1, &mut out[..1]);
    assert_eq!(out[0], 0);
}

#[test]
fn arg_matches_a_naive_search_on_every_axis() {
    for shape in [[1, 1, 1], [2, 3, 4], [3, 50, 7], [2, 5, 300], [40, 60, 50]] {
        let x: Vec<i32> = numbers(shape.iter().product()).iter().map(|&x| x as i32).collect();
        for axis in 0..3 {
            let inner = shape[axis + 1..].iter().product();
            let groups = groups(&shape, &[axis], &x);
            let mut out = vec![0i64; groups.len()];
            argmax(&x, shape[axis], inner, &mut out);
            let first = |g: &Vec<i32>, of: i32| g.iter().position(|&v| v == of).unwrap() as i64;
            let expected: Vec<_> = groups.iter().map(|g| first(g, *g.iter().max().unwrap())).collect();
            assert_eq!(out, expected, "{shape:?} axis {axis}");
            argmin(&x, shape[axis], inner, &mut out);
            let expected: Vec<_> = groups.iter().map(|g| first(g, *g.iter().min().unwrap())).collect();
            assert_eq!(out, expected, "{shape:?} axis {axis}");
        }
    }
}

#[test]
fn rows_alone_have_the_bits_of_the_whole() {
    let x: Vec<f32> = (0..9 * LONGEST_ROW).map(|i| ((i * 7919) as f32 * 0.37).sin()).collect();
    for columns in [1, 2, 15, 16, 100, 1000, LONGEST_ROW] {
        let x = &x[..9 * columns];
        at_each_level(|_| {
            let mut rows = [0.0; 9];
            reduce_rows::<Mean, f32>(x, columns, &mut rows);
            assert_eq!(run::<Mean, f32>(&[9, columns], &[1], x), rows);
            reduce_rows::<Max, f32>(&x[columns..3 * columns], columns, &mut rows[..2]);
            assert_eq!(run::<Max, f32>(&[9, columns], &[1], x)[1..3], rows[..2]);
        });
    }
}
