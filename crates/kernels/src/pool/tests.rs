//! Pooling against direct loops, and against itself at every level and number of threads.

use super::*;
use crate::conv::tests::{always, random_window, reached};
use crate::gemm::Element;
use crate::gemm::tests::{Numbers, with_threads};
use half::{bf16, f16};

fn random_shape(numbers: &mut Numbers) -> PoolShape {
    PoolShape {
        batch: numbers.pick(&[0, 1, 1, 2, 3, 5]),
        window: random_window(numbers),
        channels: numbers.pick(&[0, 1, 3, 17, 32]),
    }
}

/// For each element of the output, the places of the elements of its window, within the image.
fn windows(shape: &PoolShape) -> Vec<Vec<usize>> {
    let mut windows = vec![Vec::new(); shape.output_len().unwrap()];
    let (count, image) = (shape.window.output_len().unwrap(), shape.image_len());
    for (out, _, place) in reached(&shape.window) {
        for (b, c) in (0..shape.batch).flat_map(|b| (0..shape.channels).map(move |c| (b, c))) {
            windows[(b * count + out) * shape.channels + c].push(b * image + place * shape.channels + c);
        }
    }
    windows
}

/// Few different values, so that equal ones meet, with a NaN now and then.
fn values(numbers: &mut Numbers, len: usize) -> Vec<f32> {
    (0..len).map(|_| numbers.pick(&[-2.0, -1.0, -0.5, 0.0, 1.0, 2.5, f32::NEG_INFINITY, f32::NAN])).collect()
}

fn same(a: &[f32], b: &[f32]) -> bool {
    a.iter().zip(b).all(|(a, b)| a == b || (a.is_nan() && b.is_nan()))
}

#[test]
fn maxima_their_places_and_their_gradients_are_right_and_always_the_same() {
    let mut numbers = Numbers(21);
    for _ in 0..120 {
        let shape = random_shape(&mut numbers);
        let x = values(&mut numbers, shape.input_len().unwrap());
        let dy = numbers.vec::<f32, f32>(shape.output_len().unwrap());
        let ddx = numbers.vec::<f32, f32>(x.len());
        let image = shape.image_len();
        let windows = windows(&shape);
        let mut argmax = Vec::new();
        for window in &windows {
            let mut best: Option<usize> = None;
            for &at in window {
                let (new, old) = (x[at], best.map(|best| x[best]));
                if old.is_none_or(|old| !old.is_nan() && (new.is_nan() || new > old)) {
                    best = Some(at);
                }
            }
            argmax.push(best);
        }
        let maxima: Vec<f32> = argmax.iter().map(|at| at.map_or(f32::MIN, |at| x[at])).collect();
        let (mut dx, mut ddy) = (vec![0.0; x.len()], vec![0.0; dy.len()]);
        for (i, at) in argmax.iter().enumerate().filter_map(|(i, at)| Some((i, (*at)?))) {
            dx[at] += dy[i];
            ddy[i] = ddx[at];
        }

        assert!(same(&always(dy.len(), |y: &mut [f32]| max_pool(&shape, &x, y)), &maxima), "{shape:?}");
        assert_eq!(
            always(x.len(), |out: &mut [f32]| max_pool_grad(&shape, &x, &dy, out, None)),
            dx,
            "{shape:?}"
        );
        assert_eq!(always(dy.len(), |out: &mut [f32]| max_pool_grad_grad(&shape, &x, &ddx, out)), ddy);
        for include_batch in [false, true] {
            let (mut y, mut places) = (vec![0.0; dy.len()], vec![7; dy.len()]);
            max_pool_with_argmax(&shape, include_batch, &x, &mut y, &mut places);
            assert!(same(&y, &maxima));
            let base = if include_batch || image == 0 { usize::MAX } else { image };
            let expected: Vec<i64> = argmax.iter().map(|at| at.map_or(-1, |at| (at % base) as i64)).collect();
            assert_eq!(places, expected, "{shape:?}");
            let mut found = vec![9.0; x.len()];
            max_pool_grad_with_argmax(&shape, include_batch, &places, &dy, &mut found);
            assert_eq!(found, dx, "{shape:?}");
            let mut found = vec![9.0; dy.len()];
            max_pool_grad_grad_with_argmax(&shape, include_batch, &places, &ddx, &mut found);
            assert_eq!(found, ddy, "{shape:?}");
        }
    }
}

/// Windows side by side that cover the image, where every element is written once.
#[test]
fn gradients_of_windows_that_cover_everything() {
    let mut numbers = Numbers(23);
    for (high, wide, taps) in
        [(4, 6, [2, 2]), (3, 5, [3, 1]), (8, 8, [4, 4]), (4, 7, [2, 2]), (10, 10, [5, 5])]
    {
        let window = Window::new(&[high, wide], &taps, &taps, &[1, 1], &[(0, 0); 2]).unwrap();
        for channels in [16, 24, 32] {
            let shape = PoolShape { batch: 5, window, channels };
            let x = numbers.vec::<f32, f32>(shape.input_len().unwrap());
            let dy = numbers.vec::<f32, f32>(shape.output_len().unwrap());
            let (mut y, mut places) = (dy.clone(), vec![0; dy.len()]);
            max_pool_with_argmax(&shape, false, &x, &mut y, &mut places);
            let mut expected = x.clone();
            max_pool_grad_with_argmax(&shape, false, &places, &dy, &mut expected);
            let found = always(x.len(), |dx: &mut [f32]| max_pool_grad(&shape, &x, &dy, dx, None));
            assert_eq!(found, expected, "{shape:?}");
        }
    }
}

/// Of windows that cover the image, that leave gaps, and that overlap.
#[test]
fn every_element_of_a_gradient_is_finished_once() {
    let mut numbers = Numbers(24);
    for (size, taps, steps, batch) in
        [([4, 6], [2, 2], [2, 2], 5), ([7, 7], [2, 3], [3, 3], 4), ([5, 5], [3, 3], [1, 2], 2)]
    {
        let window = Window::new(&size, &taps, &steps, &[1, 1], &[(0, 0); 2]).unwrap();
        for channels in [3, 16] {
            let shape = PoolShape { batch, window, channels };
            let x = numbers.vec::<f32, f32>(shape.input_len().unwrap());
            let dy = numbers.vec::<f32, f32>(shape.output_len().unwrap());
            let mut expected = x.clone();
            max_pool_grad(&shape, &x, &dy, &mut expected, None);
            expected.iter_mut().zip(&x).for_each(|(dx, x)| *dx = *dx * 3.0 + x);
            let finish = |place: usize, run: &mut [f32]| {
                run.iter_mut().zip(&x[place..]).for_each(|(dx, x)| *dx = *dx * 3.0 + x);
            };
            let found = always(x.len(), |dx: &mut [f32]| max_pool_grad(&shape, &x, &dy, dx, Some(&finish)));
            assert_eq!(found, expected, "{shape:?}");
        }
    }
}

#[test]
fn maxima_of_other_types() {
    let window = Window::new(&[5], &[2], &[2], &[1], &[(0, 1)]).unwrap();
    let shape = PoolShape { batch: 1, window, channels: 1 };
    fn check<T: Ordered + From<u8> + PartialEq + std::fmt::Debug>(shape: &PoolShape) {
        let x = [3u8, 9, 4, 4, 1].map(T::from);
        let (mut y, mut places) = ([T::from(0); 3], [0; 3]);
        max_pool_with_argmax(shape, false, &x, &mut y, &mut places);
        assert_eq!((y, places), ([9, 4, 1].map(T::from), [1, 2, 4]));
    }
    check::<u8>(&shape);
    check::<i32>(&shape);
    check::<i64>(&shape);
    check::<f64>(&shape);
    check::<f16>(&shape);
    check::<bf16>(&shape);
    // Overlapping windows: 1 + 2^-11 is no f16, but 1 + 2^-11 + 2^-11 is.
    let window = Window::new(&[3], &[3], &[1], &[1], &[(2, 2)]).unwrap();
    let dy = [1.0, 2f32.powi(-11), 2f32.powi(-11), 0.0, 0.0].map(f16::from_f32);
    let mut dx = [f16::ZERO; 3];
    max_pool_grad(
        &PoolShape { batch: 1, window, channels: 1 },
        &[9.0, 1.0, 0.0].map(f16::from_f32),
        &dy,
        &mut dx,
        None,
    );
    assert_eq!(dx.map(f16::to_f32), [1.0 + 2f32.powi(-10), 0.0, 0.0]);
}

#[test]
fn averages_and_their_gradients_are_right_and_always_the_same() {
    fn check<S: Element<Acc = f32>>(shape: &PoolShape, numbers: &mut Numbers, bits: i32) {
        let x = numbers.vec::<S, f32>(shape.input_len().unwrap());
        let dy = numbers.vec::<S, f32>(shape.output_len().unwrap());
        let wide = |x: S| f64::from(x.widen());
        let (mut y, mut dx) = (vec![(0.0, 0.0); dy.len()], vec![(0.0, 0.0); x.len()]);
        for (i, window) in windows(shape).iter().enumerate() {
            let count = window.len() as f64;
            let sum = window.iter().fold((0.0, 0.0), |(s, z), &at| (s + wide(x[at]), z + wide(x[at]).abs()));
            y[i] = (sum.0 / count, sum.1 / count);
            for &at in window {
                dx[at].0 += wide(dy[i]) / count;
                dx[at].1 += wide(dy[i]).abs() / count;
            }
        }
        let close = |found: &[S], exact: &[(f64, f64)]| {
            found.iter().zip(exact).all(|(x, (value, size))| {
                (wide(*x).is_nan() && value.is_nan()) || (wide(*x) - value).abs() <= size * 2f64.powi(-bits)
            })
        };
        assert!(close(&always(dy.len(), |out: &mut [S]| avg_pool(shape, &x, out)), &y), "{shape:?}");
        assert!(close(&always(x.len(), |out: &mut [S]| avg_pool_grad(shape, &dy, out)), &dx), "{shape:?}");
    }
    let mut numbers = Numbers(22);
    for _ in 0..80 {
        let shape = random_shape(&mut numbers);
        check::<f32>(&shape, &mut numbers, 20);
        check::<f16>(&shape, &mut numbers, 9);
        check::<bf16>(&shape, &mut numbers, 6);
    }
}

#[test]
fn pooling_shared_out_among_threads_keeps_its_bits() {
    let mut numbers = Numbers(23);
    let window = Window::new(&[60, 100], &[3, 3], &[2, 1], &[1, 1], &[(1, 1), (1, 1)]).unwrap();
    let shape = PoolShape { batch: 3, window, channels: 70 };
    let x = numbers.vec::<f32, f32>(shape.input_len().unwrap());
    let dy = numbers.vec::<f32, f32>(shape.output_len().unwrap());
    let [one, two] = [1, 2].map(|threads| {
        with_threads(threads, || {
            let (mut y, mut places) = (vec![0.0; dy.len()], vec![0; dy.len()]);
            max_pool_with_argmax(&shape, true, &x, &mut y, &mut places);
            let mut average = vec![0.0; dy.len()];
            avg_pool(&shape, &x, &mut average);
            let [mut of_max, mut of_average] = [vec![0.0; x.len()], vec![0.0; x.len()]];
            max_pool_grad_with_argmax(&shape, true, &places, &dy, &mut of_max);
            avg_pool_grad(&shape, &dy, &mut of_average);
            let bits = |x: Vec<f32>| x.into_iter().map(f32::to_bits).collect::<Vec<_>>();
            (places, [y, average, of_max, of_average].map(bits))
        })
    });
    assert!(one == two);
}
