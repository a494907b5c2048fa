//! Convolutions against direct sums in `f64`, against products of stored patches, and against themselves at every
//! level and number of threads.

use super::*;
use crate::clones::at_each_level;
use crate::gemm::tests::{Numbers, with_threads};
use crate::gemm::{GemmShape, Real, gemm};
use half::{bf16, f16};

/// Every pair of a window and an input position it reaches: (window, tap, position), as indices into one image.
pub(crate) fn reached(window: &Window) -> Vec<(usize, usize, usize)> {
    let mut pairs = Vec::new();
    let index =
        |at: usize, sizes: [usize; 3]| [at / sizes[2] / sizes[1], at / sizes[2] % sizes[1], at % sizes[2]];
    for out in 0..window.output.iter().product() {
        for tap in 0..window.size.iter().product() {
            let (o, t) = (index(out, window.output), index(tap, window.size));
            let mut place = Some(0);
            for at in 0..3 {
                let p = (o[at] * window.stride[at] + t[at] * window.dilation[at]) as i64
                    - window.pad_low[at] as i64;
                let inside = p >= 0 && p < window.input[at] as i64;
                place = place.filter(|_| inside).map(|place| place * window.input[at] + p as usize);
            }
            pairs.extend(place.map(|place| (out, tap, place)));
        }
    }
    pairs
}

/// A sum with the sum of its terms' sizes, to judge a rounded one by.
#[derive(Clone, Copy, Default)]
struct Exact(f64, f64);

impl Exact {
    fn add(&mut self, term: f64) {
        self.0 += term;
        self.1 += term.abs();
    }
}

fn close<S: Element<Acc = T>, T: Into<f64>>(found: &[S], exact: &[Exact], bits: i32, what: &str) {
    assert_eq!(found.len(), exact.len());
    for (i, (x, exact)) in found.iter().zip(exact).enumerate() {
        let x: f64 = x.widen().into();
        assert!(
            (x - exact.0).abs() <= exact.1 * 2f64.powi(-bits),
            "{what}: element {i} is {x}, not {}",
            exact.0
        );
    }
}

/// Runs `job` at every level with one and with two threads, and returns the result, which must always be the same.
pub(crate) fn always<S: Element>(len: usize, job: impl Fn(&mut [S]) + Sync) -> Vec<S> {
    let mut results: Vec<Vec<S>> = Vec::new();
    at_each_level(|_| {
        for threads in [1, 2] {
            // What a slice holds before must not matter.
            let mut out = vec![S::round(S::Acc::ZERO).plus(S::round(S::Acc::ONE)); len];
            with_threads(threads, || job(&mut out));
            results.push(out);
        }
    });
    let same = |x: &Vec<S>| bytemuck::cast_slice::<S, u8>(x) == bytemuck::cast_slice::<S, u8>(&results[0]);
    assert!(results.iter().all(same));
    results.swap_remove(0)
}

fn check<S: Element<Acc = T>, T: Real + From<f32> + Into<f64>>(
    shape: &ConvShape,
    numbers: &mut Numbers,
    bits: i32,
) {
    let (xs, ws, ys) = (shape.input_len().unwrap(), shape.filter_len().unwrap(), shape.output_len().unwrap());
    let (x, w, dy) = (numbers.vec::<S, T>(xs), numbers.vec::<S, T>(ws), numbers.vec::<S, T>(ys));
    let (mut y, mut dx, mut dw) =
        (vec![Exact::default(); ys], vec![Exact::default(); xs], vec![Exact::default(); ws]);
    let (from, to) = shape.group();
    let (places, windows) = (shape.window.input_len().unwrap(), shape.window.output_len().unwrap());
    for (image, (out, tap, place)) in
        (0..shape.batch).flat_map(|i| reached(&shape.window).into_iter().map(move |p| (i, p)))
    {
        for (ci, co) in (0..from).flat_map(|ci| (0..shape.out_channels).map(move |co| (ci, co))) {
            let at_x = (image * places + place) * shape.in_channels + co / to * from + ci;
            let at_w = (tap * from + ci) * shape.out_channels + co;
            let at_y = (image * windows + out) * shape.out_channels + co;
            let [x, w, dy]: [f64; 3] = [x[at_x], w[at_w], dy[at_y]].map(|v| v.widen().into());
            y[at_y].add(x * w);
            dx[at_x].add(dy * w);
            dw[at_w].add(x * dy);
        }
    }
    let what = format!("{shape:?}");
    let none = Epilogue::none;
    close(&always(ys, |y: &mut [S]| conv(shape, &x, &w, y, none())), &y, bits, &what);
    close(
        &always(xs, |dx: &mut [S]| conv_input_grad(shape, &w, &dy, dx, Epilogue::none())),
        &dx,
        bits,
        &what,
    );
    close(&always(ws, |dw: &mut [S]| conv_filter_grad(shape, &x, &dy, dw)), &dw, bits, &what);
}

pub(crate) fn random_window(numbers: &mut Numbers) -> Window {
    loop {
        let rank = numbers.pick(&[1, 2, 2, 2, 3]);
        let most = [0, 40, 11, 5][rank];
        let mut vec = |choices: &[usize]| (0..rank).map(|_| numbers.pick(choices)).collect::<Vec<_>>();
        let input = vec(&[1, 2, most / 2, most - 1, most]);
        let size = vec(&[1, 2, 3, 3]);
        let (stride, dilation) = (vec(&[1, 1, 2, 3]), vec(&[1, 1, 2, 3]));
        let padding: Vec<_> = vec(&[0, 0, 1, 2]).into_iter().zip(vec(&[0, 1, 3])).collect();
        let window = Window::new(&input, &size, &stride, &dilation, &padding).unwrap();
        if window.output.iter().all(|&n| n > 0) || numbers.pick(&[true, false, false]) {
            return window;
        }
    }
}

#[test]
fn convolutions_and_their_gradients_are_right_and_always_the_same() {
    let mut numbers = Numbers(11);
    for i in 0..60 {
        let groups = numbers.pick(&[1, 1, 1, 2, 3]);
        let shape = ConvShape {
            batch: numbers.pick(&[0, 1, 1, 2, 3]),
            window: random_window(&mut numbers),
            in_channels: groups * numbers.pick(&[0, 1, 2, 3, 5, 6, 17]),
            out_channels: groups * numbers.pick(&[0, 1, 3, 9, 20]),
            groups,
        };
        check::<f32, f32>(&shape, &mut numbers, 20);
        match i % 3 {
            0 => check::<f64, f64>(&shape, &mut numbers, 48),
            1 => check::<f16, f32>(&shape, &mut numbers, 9),
            _ => check::<bf16, f32>(&shape, &mut numbers, 6),
        }
    }
}

#[test]
fn convolutions_shared_out_among_threads_keep_their_bits() {
    let mut numbers = Numbers(12);
    let window =
        |n, size, stride| Window::new(&[n, n], &[size; 2], &[stride; 2], &[1, 1], &[(1, 1), (1, 1)]).unwrap();
    for (batch, window, in_channels, out_channels) in
        [(2, window(20, 3, 1), 20, 70), (1, window(33, 3, 2), 40, 24), (4, window(40, 3, 1), 1, 33)]
    {
        let shape = ConvShape { batch, window, in_channels, out_channels, groups: 1 };
        check::<f32, f32>(&shape, &mut numbers, 20);
    }
}

/// The patches of one group of channels, stored: rows of windows, columns of taps and channels.
fn stored<S: Element>(shape: &ConvShape, group: usize, x: &[S]) -> Vec<S> {
    let (from, _) = shape.group();
    let (places, windows) = (shape.window.input_len().unwrap(), shape.window.output_len().unwrap());
    let taps = shape.window.taps().unwrap();
    let mut patches = vec![S::round(S::Acc::ZERO); shape.batch * windows * taps * from];
    for (image, (out, tap, place)) in
        (0..shape.batch).flat_map(|i| reached(&shape.window).into_iter().map(move |p| (i, p)))
    {
        patches[((image * windows + out) * taps + tap) * from..][..from]
            .copy_from_slice(&x[(image * places + place) * shape.in_channels + group * from..][..from]);
    }
    patches
}

/// The convolution and the gradient of its filter, from products of stored patches.
fn from_patches<S: Element>(shape: &ConvShape, x: &[S], w: &[S], dy: &[S]) -> (Vec<S>, Vec<S>) {
    let ((from, to), taps) = (shape.group(), shape.window.taps().unwrap());
    let pixels = shape.batch * shape.window.output_len().unwrap();
    let (mut y, mut dw) = (dy.to_vec(), w.to_vec());
    for group in 0..shape.groups {
        let (patches, first) = (stored(shape, group, x), group * to);
        // Where there are no windows.
        let none = first.min(dy.len());
        let columns = crate::gemm::Strides { row: shape.out_channels, col: 1, batch: 0 };
        let product =
            GemmShape { b: columns, c_row: shape.out_channels, ..GemmShape::new(pixels, taps * from, to) };
        gemm(&product, &patches, &w[first..], &mut y[none..], Epilogue::none());
        let product = GemmShape {
            b: columns,
            c_row: shape.out_channels,
            ..GemmShape::new(taps * from, pixels, to).transpose_a()
        };
        gemm(&product, &patches, &dy[none..], &mut dw[first..], Epilogue::none());
    }
    (y, dw)
}

fn same_bits<S: Element>(a: &[S], b: &[S]) -> bool {
    bytemuck::cast_slice::<S, u8>(a) == bytemuck::cast_slice::<S, u8>(b)
}

/// Whatever is read in place, padded or packed.
#[test]
fn convolutions_have_the_bits_of_products_of_their_patches() {
    fn check<S: Element<Acc = T>, T: Real + From<f32>>(shape: &ConvShape, numbers: &mut Numbers) {
        let x = numbers.vec::<S, T>(shape.input_len().unwrap());
        let w = numbers.vec::<S, T>(shape.filter_len().unwrap());
        let dy = numbers.vec::<S, T>(shape.output_len().unwrap());
        let (y, dw) = from_patches(shape, &x, &w, &dy);
        assert!(
            same_bits(&always(y.len(), |y: &mut [S]| conv(shape, &x, &w, y, Epilogue::none())), &y),
            "{shape:?}"
        );
        assert!(
            same_bits(&always(dw.len(), |dw: &mut [S]| conv_filter_grad(shape, &x, &dy, dw)), &dw),
            "{shape:?}"
        );
        // With windows one apart, the gradient for the input is a convolution with the filter turned round.
        let Window { input, size, stride, dilation, pad_low, output } = shape.window;
        let pads = [0, 1, 2].map(|i| {
            let low = ((size[i] - 1) * dilation[i]).checked_sub(pad_low[i])?;
            Some((low, (input[i] + (size[i] - 1) * dilation[i]).checked_sub(output[i] + low)?))
        });
        let [Some(a), Some(b), Some(c)] = pads else { return };
        if stride != [1; 3] || shape.groups != 1 || dy.is_empty() || x.is_empty() {
            return;
        }
        let turned = Window::new(&output, &size, &[1; 3], &dilation, &[a, b, c]).unwrap();
        assert_eq!(turned.output, input);
        let (from, to, taps) = (shape.in_channels, shape.out_channels, size.iter().product::<usize>());
        let back = ConvShape { window: turned, in_channels: to, out_channels: from, ..*shape };
        let mut round = w.clone();
        for (tap, ci, co) in
            (0..taps).flat_map(|t| (0..from).flat_map(move |ci| (0..to).map(move |co| (t, ci, co))))
        {
            round[((taps - 1 - tap) * to + co) * from + ci] = w[(tap * from + ci) * to + co];
        }
        let (dx, _) = from_patches(&back, &dy, &round, &x);
        assert!(
            same_bits(
                &always(dx.len(), |dx: &mut [S]| conv_input_grad(shape, &w, &dy, dx, Epilogue::none())),
                &dx
            ),
            "{shape:?}"
        );
    }
    let mut numbers = Numbers(13);
    let window = |n: [usize; 2], taps, stride, dilation, pad| {
        Window::new(&n, &[taps; 2], &[stride; 2], &[dilation; 2], &[(pad, pad); 2]).unwrap()
    };
    let shapes = [
        (2, window([9, 12], 3, 1, 1, 1), 70, 10, 1), // more than one piece of k
        (1, window([26, 26], 3, 1, 1, 0), 32, 64, 1), // nothing padded, several pieces of pixels
        (2, window([14, 9], 3, 2, 1, 1), 6, 40, 1),
        (1, window([13, 11], 2, 1, 3, 2), 7, 33, 1),
        (2, window([12, 12], 3, 1, 1, 1), 12, 16, 2),
        (3, window([8, 8], 3, 1, 1, 2), 1, 20, 1),
        (1, window([7, 5], 5, 1, 1, 4), 5, 300, 1),
        (1, window([20, 40], 1, 2, 1, 0), 8, 8, 1),
    ];
    for (batch, window, in_channels, out_channels, groups) in shapes {
        let shape = ConvShape { batch, window, in_channels, out_channels, groups };
        check::<f32, f32>(&shape, &mut numbers);
        check::<f64, f64>(&shape, &mut numbers);
        check::<bf16, f32>(&shape, &mut numbers);
    }
    for _ in 0..40 {
        let groups = numbers.pick(&[1, 1, 2]);
        let shape = ConvShape {
            batch: numbers.pick(&[1, 2]),
            window: random_window(&mut numbers),
            in_channels: groups * numbers.pick(&[1, 4, 6, 17]),
            out_channels: groups * numbers.pick(&[1, 9, 40]),
            groups,
        };
        check::<f32, f32>(&shape, &mut numbers);
    }
}

#[test]
fn an_epilogue_sees_every_element_of_all_groups_at_its_place() {
    let mut numbers = Numbers(17);
    let window = Window::new(&[30, 31], &[3, 3], &[1, 1], &[1, 1], &[(1, 1), (1, 1)]).unwrap();
    let shape = ConvShape { batch: 2, window, in_channels: 6, out_channels: 8, groups: 2 };
    let x = numbers.vec::<f32, f32>(shape.input_len().unwrap());
    let w = numbers.vec::<f32, f32>(shape.filter_len().unwrap());
    let bias = numbers.vec::<f32, f32>(8);
    let mut expected = vec![0f32; shape.output_len().unwrap()];
    let other = numbers.vec::<f32, f32>(expected.len());
    conv(&shape, &x, &w, &mut expected, Epilogue::none());
    for (i, x) in expected.iter_mut().enumerate() {
        *x = (*x + bias[i % 8]).max(0.0) + other[i];
    }
    let finish = |place: usize, run: &mut [f32]| {
        run.iter_mut().zip(&other[place..]).for_each(|(x, other)| *x = x.max(0.0) + other);
    };
    for threads in [1, 2] {
        let mut y = vec![0f32; expected.len()];
        let epilogue = Epilogue { bias: Some(&bias), finish: Some(&finish) };
        crate::threads::insisting(threads, || conv(&shape, &x, &w, &mut y, epilogue));
        assert!(y.iter().zip(&expected).all(|(a, b)| a.to_bits() == b.to_bits()));
    }
}

/// In one product, and in phases and groups.
#[test]
fn an_epilogue_sees_every_element_of_an_inputs_gradient_at_its_place() {
    let mut numbers = Numbers(18);
    for (strides, groups, dilations) in
        [([1, 1], 1, [1, 1]), ([1, 1], 2, [2, 1]), ([2, 3], 1, [1, 1]), ([3, 4], 2, [1, 2])]
    {
        let window = Window::new(&[30, 31], &[3, 3], &strides, &dilations, &[(1, 1), (1, 1)]).unwrap();
        let shape = ConvShape { batch: 2, window, in_channels: 6, out_channels: 8, groups };
        let w = numbers.vec::<f32, f32>(shape.filter_len().unwrap());
        let dy = numbers.vec::<f32, f32>(shape.output_len().unwrap());
        let bias = numbers.vec::<f32, f32>(6);
        let mut expected = vec![0f32; shape.input_len().unwrap()];
        let other = numbers.vec::<f32, f32>(expected.len());
        conv_input_grad(&shape, &w, &dy, &mut expected, Epilogue::none());
        for (i, x) in expected.iter_mut().enumerate() {
            *x = (*x + bias[i % 6]).max(0.0) + other[i];
        }
        let finish = |place: usize, run: &mut [f32]| {
            run.iter_mut().zip(&other[place..]).for_each(|(x, other)| *x = x.max(0.0) + other);
        };
        let epilogue = Epilogue { bias: Some(&bias), finish: Some(&finish) };
        for threads in [1, 2] {
            let mut dx = vec![0f32; expected.len()];
            crate::threads::insisting(threads, || conv_input_grad(&shape, &w, &dy, &mut dx, epilogue));
            assert!(dx.iter().zip(&expected).all(|(a, b)| a.to_bits() == b.to_bits()), "{shape:?}");
        }
    }
}

fn check_depthwise<S: Element<Acc = T>, T: Real + From<f32> + Into<f64>>(
    shape: &DepthwiseShape,
    numbers: &mut Numbers,
    bits: i32,
) {
    let (xs, ws, ys) = (shape.input_len().unwrap(), shape.filter_len().unwrap(), shape.output_len().unwrap());
    let (x, w, dy) = (numbers.vec::<S, T>(xs), numbers.vec::<S, T>(ws), numbers.vec::<S, T>(ys));
    let (mut y, mut dx, mut dw) =
        (vec![Exact::default(); ys], vec![Exact::default(); xs], vec![Exact::default(); ws]);
    let (places, windows) = (shape.window.input_len().unwrap(), shape.window.output_len().unwrap());
    let outputs = shape.channels * shape.multiplier;
    for (image, (out, tap, place)) in
        (0..shape.batch).flat_map(|i| reached(&shape.window).into_iter().map(move |p| (i, p)))
    {
        for co in 0..outputs {
            let at_x = (image * places + place) * shape.channels + co / shape.multiplier;
            let (at_w, at_y) = (tap * outputs + co, (image * windows + out) * outputs + co);
            let [x, w, dy]: [f64; 3] = [x[at_x], w[at_w], dy[at_y]].map(|v| v.widen().into());
            y[at_y].add(x * w);
            dx[at_x].add(dy * w);
            dw[at_w].add(x * dy);
        }
    }
    let what = format!("{shape:?}");
    close(&always(ys, |y: &mut [S]| depthwise_conv(shape, &x, &w, y)), &y, bits, &what);
    close(&always(xs, |dx: &mut [S]| depthwise_conv_input_grad(shape, &w, &dy, dx)), &dx, bits, &what);
    close(&always(ws, |dw: &mut [S]| depthwise_conv_filter_grad(shape, &x, &dy, dw)), &dw, bits, &what);
}

#[test]
fn depthwise_convolutions_and_their_gradients_are_right_and_always_the_same() {
    let mut numbers = Numbers(14);
    for i in 0..60 {
        let shape = DepthwiseShape {
            batch: numbers.pick(&[0, 1, 1, 2]),
            window: random_window(&mut numbers),
            channels: numbers.pick(&[0, 1, 3, 17]),
            multiplier: numbers.pick(&[0, 1, 1, 2, 3]),
        };
        check_depthwise::<f32, f32>(&shape, &mut numbers, 20);
        match i % 3 {
            0 => check_depthwise::<f64, f64>(&shape, &mut numbers, 48),
            1 => check_depthwise::<f16, f32>(&shape, &mut numbers, 9),
            _ => check_depthwise::<bf16, f32>(&shape, &mut numbers, 6),
        }
    }
    let window = Window::new(&[40, 40], &[3, 3], &[1, 1], &[1, 1], &[(1, 1), (1, 1)]).unwrap();
    check_depthwise::<f32, f32>(
        &DepthwiseShape { batch: 2, window, channels: 48, multiplier: 1 },
        &mut numbers,
        20,
    );
}

#[test]
#[should_panic(expected = "elements of the filter")]
fn a_filter_of_another_size_is_refused() {
    let window = Window::new(&[4], &[3], &[1], &[1], &[(0, 0)]).unwrap();
    let shape = ConvShape { batch: 1, window, in_channels: 2, out_channels: 2, groups: 1 };
    conv(&shape, &[0f32; 8], &[0.0; 11], &mut [0.0; 4], Epilogue::none());
}
