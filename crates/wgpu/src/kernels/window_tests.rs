//! Convolutions and pools on the device against loops over every window and tap.

use super::conv::Geometry;
use super::pool::Pool;
use super::tests::{bytes, run};
use crate::form::moved;
use crate::plan::{Builder, Place};
use crate::testing;
use tenfold_core::DType;

/// Whole numbers, so that sums are exact in any order.
fn numbers(n: usize, factor: usize) -> Vec<f32> {
    (0..n).map(|i| ((i * factor) % 11) as f32 - 5.0).collect()
}

fn geometry(
    batch: usize,
    input: [usize; 3],
    size: [usize; 3],
    stride: [usize; 3],
    dilation: [usize; 3],
    pad: [(usize, usize); 3],
    channels: (usize, usize, usize),
) -> Geometry {
    let output = std::array::from_fn(|a| {
        (input[a] + pad[a].0 + pad[a].1 - (size[a] - 1) * dilation[a] - 1) / stride[a] + 1
    });
    let (in_channels, out_channels, groups) = channels;
    let pad = pad.map(|p| p.0);
    Geometry { batch, input, size, stride, dilation, pad, output, in_channels, out_channels, groups }
}

fn geometries() -> Vec<Geometry> {
    let none = [(0, 0); 3];
    vec![
        geometry(2, [1, 7, 6], [1, 3, 3], [1; 3], [1; 3], [(0, 0), (1, 1), (1, 1)], (3, 10, 1)),
        geometry(1, [1, 9, 8], [1, 3, 2], [1, 2, 1], [1, 2, 1], [(0, 0), (0, 1), (2, 0)], (4, 40, 2)),
        geometry(1, [1, 1, 12], [1, 1, 4], [1, 1, 3], [1; 3], none, (5, 3, 1)),
        geometry(2, [3, 4, 5], [2, 2, 2], [1, 2, 2], [1; 3], [(1, 0), (0, 0), (0, 1)], (2, 4, 1)),
        // Depthwise, two filters a channel.
        geometry(2, [1, 6, 5], [1, 3, 3], [1; 3], [1; 3], [(0, 0), (1, 1), (1, 1)], (3, 6, 3)),
        geometry(1, [1, 96, 96], [1, 3, 3], [1; 3], [1; 3], [(0, 0), (1, 1), (1, 1)], (2, 9, 1)),
    ]
}

/// Calls `f(window, tap, x)` with flat positions for every tap that lies inside the input, in order.
fn each_tap(g: &Geometry, mut f: impl FnMut(usize, usize, usize)) {
    let count = |v: [usize; 3]| v.iter().product::<usize>();
    let split = |i: usize, v: [usize; 3]| [i / v[2] / v[1] % v[0], i / v[2] % v[1], i % v[2]];
    for image in 0..g.batch {
        for o in 0..count(g.output) {
            for k in 0..count(g.size) {
                let (at, tap) = (split(o, g.output), split(k, g.size));
                let p: [isize; 3] = std::array::from_fn(|a| {
                    (at[a] * g.stride[a] + tap[a] * g.dilation[a]) as isize - g.pad[a] as isize
                });
                if (0..3).all(|a| p[a] >= 0 && p[a] < g.input[a] as isize) {
                    let [z, y, x] = p.map(isize::cast_unsigned);
                    let x = ((image * g.input[0] + z) * g.input[1] + y) * g.input[2] + x;
                    f(image * count(g.output) + o, k, x);
                }
            }
        }
    }
}

#[test]
fn convolutions_and_their_gradients() {
    let Some(gpu) = testing::gpu() else { return };
    for g in geometries() {
        let (ig, og) = (g.in_channels / g.groups, g.out_channels / g.groups);
        let windows = g.batch * g.output.iter().product::<usize>();
        let positions = g.batch * g.input.iter().product::<usize>();
        let taps = g.size.iter().product::<usize>();
        let x = numbers(positions * g.in_channels, 7);
        let w = numbers(taps * ig * g.out_channels, 5);
        let dy = numbers(windows * g.out_channels, 3);
        let mut y = vec![0.0; dy.len()];
        let (mut dx, mut dw) = (vec![0.0; x.len()], vec![0.0; w.len()]);
        each_tap(&g, |o, k, p| {
            for group in 0..g.groups {
                for c in 0..ig {
                    for n in 0..og {
                        let xi = p * g.in_channels + group * ig + c;
                        let wi = (k * ig + c) * g.out_channels + group * og + n;
                        let yi = o * g.out_channels + group * og + n;
                        y[yi] += x[xi] * w[wi];
                        dx[xi] += dy[yi] * w[wi];
                        dw[wi] += dy[yi] * x[xi];
                    }
                }
            }
        });
        let forms = [moved(DType::F32); 3];
        let places = [Place::Input(0), Place::Input(1), Place::Output(0)];
        let got: Vec<f32> =
            run(gpu, |b| g.forward(b, forms, places), &[bytes(&x), bytes(&w)], y.len()).unwrap();
        assert_eq!(got, y, "forward {g:?}");
        let got: Vec<f32> =
            run(gpu, |b| g.input_grad(b, forms, places), &[bytes(&dy), bytes(&w)], x.len()).unwrap();
        assert_eq!(got, dx, "input gradient {g:?}");
        let got: Vec<f32> =
            run(gpu, |b| g.filter_grad(b, forms, places), &[bytes(&x), bytes(&dy)], w.len()).unwrap();
        assert_eq!(got, dw, "filter gradient {g:?}");
    }
}

#[test]
fn pools_and_their_gradients() {
    let Some(gpu) = testing::gpu() else { return };
    for mut g in geometries() {
        g.out_channels = g.in_channels;
        let ch = g.in_channels;
        let windows = g.batch * g.output.iter().product::<usize>();
        let positions = g.batch * g.input.iter().product::<usize>();
        let x = numbers(positions * ch, 7);
        // Windows of up to nine taps: multiples of 2520 divide exactly.
        let dy: Vec<f32> = numbers(windows * ch, 3).iter().map(|v| v * 2520.0).collect();
        let mut inside = vec![Vec::new(); windows];
        each_tap(&g, |o, _, p| inside[o].push(p));
        let mut want = [vec![0.0; windows * ch], vec![0.0; windows * ch]];
        let mut grads = [vec![0.0; x.len()], vec![0.0; x.len()]];
        for (o, inside) in inside.iter().enumerate().filter(|(_, inside)| !inside.is_empty()) {
            for c in 0..ch {
                let at = |p: &usize| x[p * ch + c];
                let best = inside.iter().fold(inside[0], |b, p| if at(p) > at(&b) { *p } else { b });
                want[0][o * ch + c] = at(&best);
                want[1][o * ch + c] = inside.iter().map(at).sum::<f32>() / inside.len() as f32;
                grads[0][best * ch + c] += dy[o * ch + c];
                inside.iter().for_each(|p| grads[1][p * ch + c] += dy[o * ch + c] / inside.len() as f32);
            }
        }
        let form = moved(DType::F32);
        for (i, kind) in [Pool::Max, Pool::Average].into_iter().enumerate() {
            let places = [Place::Input(0), Place::Output(0)];
            let got: Vec<f32> =
                run(gpu, |b| g.pool(b, kind, form, places), &[bytes(&x)], windows * ch).unwrap();
            for (o, inside) in inside.iter().enumerate() {
                for c in 0..ch {
                    let (got, want) = (got[o * ch + c], want[i][o * ch + c]);
                    match (inside.is_empty(), kind) {
                        (false, _) => assert_eq!(got, want, "{kind:?} {g:?}"),
                        (true, Pool::Max) => assert_eq!(got, f32::MIN),
                        (true, Pool::Average) => assert!(got.is_nan()),
                    }
                }
            }
            let places = [Place::Input(0), Place::Input(1), Place::Output(0)];
            let (inputs, places): (Vec<&[u8]>, &[Place]) = match kind {
                Pool::Max => (vec![bytes(&x), bytes(&dy)], &places),
                Pool::Average => (vec![bytes(&dy)], &[Place::Input(0), Place::Output(0)]),
            };
            let build = |b: &mut Builder<'_>| g.pool_grad(b, kind, form, places);
            let got: Vec<f32> = run(gpu, build, &inputs, x.len()).unwrap();
            assert_eq!(got, grads[i], "gradient of {kind:?} {g:?}");
        }
    }
}
