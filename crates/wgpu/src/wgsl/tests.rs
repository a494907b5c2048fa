//! Every helper validates without a GPU; the float functions are compared with f64 on the device.

use super::*;
use crate::pipeline::{Kernel, Slot, word};
use crate::testing;

/// A kernel that maps `expression` over arrays of `ty`.
fn map(expression: &str, ty: &'static str, inputs: usize, out: &'static str) -> Kernel {
    let mut helpers = Helpers::default();
    let operands: Vec<String> = (0..inputs).map(|i| format!("v{i}")).collect();
    let loads: String = (0..inputs).map(|i| format!("  let v{i} = b{i}[i];\n")).collect();
    let e = helpers.expression(expression, ty, &operands);
    let mut slots: Vec<Slot> = (0..inputs).map(|_| Slot::read(ty)).collect();
    slots.push(Slot::write(out));
    let n = word(0);
    let body = format!(
        "  let i = wg * 64u + lid;\n  if (i >= {n}) {{ return; }}\n{loads}  b{inputs}[i] = {out}({e});\n"
    );
    Kernel { label: expression.into(), slots, words: 1, threads: 64, items: helpers.text().into(), body }
}

/// `expression` over f32 values, on the device.
fn run(expression: &str, inputs: &[&[f32]]) -> Option<Vec<f32>> {
    let gpu = testing::gpu()?;
    let pipeline = gpu.pipeline(&map(expression, "f32", inputs.len(), "f32")).unwrap();
    let n = inputs[0].len();
    let mut buffers: Vec<_> = inputs.iter().map(|x| gpu.upload(bytemuck::cast_slice(x)).unwrap()).collect();
    buffers.push(gpu.alloc(n as u64 * 4).unwrap());
    let windows: Vec<_> = buffers.iter().map(Into::into).collect();
    gpu.dispatch(&pipeline, &windows, &[n as u32], (n as u64).div_ceil(64)).unwrap();
    Some(bytemuck::pod_collect_to_vec(&gpu.read(&buffers[inputs.len()]).unwrap()))
}

#[test]
fn every_helper_validates_for_every_type() {
    let arity = |text: &str| text.lines().next().unwrap().matches(": ").count();
    let mut count = 0;
    for (table, types) in HELPERS.iter().zip([&["f32"][..], &["i32", "u32", "i64", "u64"]]) {
        for (name, text) in table {
            for ty in types {
                let full = helper(name, ty).unwrap().0;
                let mut helpers = Helpers::default();
                helpers.call(name, ty);
                let kernel = Kernel {
                    label: full.clone(),
                    slots: vec![Slot::read("u32")],
                    words: 1,
                    threads: 64,
                    items: helpers.text().into(),
                    body: String::new(),
                };
                for max_immediates in [0, 128] {
                    testing::validate(&kernel.wgsl(max_immediates)).unwrap();
                }
                assert!(arity(text) <= 4, "{name}");
                count += 1;
            }
        }
    }
    assert!(count > 60, "{count} helpers");
}

#[test]
fn words_are_replaced_whole_and_members_stay() {
    let mut helpers = Helpers::default();
    let e = helpers.expression("max(x, y.x) + exp2_like + x", "f32", &["a".into(), "b".into()]);
    assert_eq!(e, "max_f32(a, b.x) + exp2_like + a");
    assert!(helpers.text().contains("fn is_nan_f32(") && helpers.text().contains("fn max_f32("));
    let at = |name| helpers.text().find(name).unwrap();
    assert!(at("fn is_nan_f32(") < at("fn max_f32("));
    assert_eq!(Helpers::default().expression("abs(x)", "f32", &["a".into()]), "abs(a)");
}

fn ulps(got: f32, want: f64) -> f64 {
    if want.is_nan() {
        return if got.is_nan() { 0.0 } else { f64::INFINITY };
    }
    if f64::from(got) == want || got == want as f32 {
        return 0.0;
    }
    let ulp = (f64::from((want as f32).abs()) * f64::from(f32::EPSILON) * 0.5).max(1.4e-45);
    (f64::from(got) - want).abs() / ulp
}

/// Values over many magnitudes and the special ones.
fn values() -> Vec<f32> {
    let mut v =
        vec![0.0, -0.0, 1.0, -1.0, 0.5, -0.5, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, f32::MIN_POSITIVE];
    let mut state = 1u32;
    for i in 0..4000 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let unit = f64::from(state >> 8) / f64::from(1 << 24) * 2.0 - 1.0;
        let magnitude = [1.0, 0.1, 3.0, 10.0, 80.0, 1e-4, 1000.0, 1e6][i % 8];
        v.push((unit * magnitude) as f32);
    }
    v
}

#[test]
fn float_functions_agree_with_f64() {
    let x = values();
    type Case = (&'static str, fn(f64) -> f64, f64);
    let cases: &[Case] = &[
        ("exp(x)", f64::exp, 2.5),
        ("exp2(x)", f64::exp2, 2.5),
        ("expm1(x)", f64::exp_m1, 6.0),
        ("log(x)", f64::ln, 2.5),
        ("log2(x)", f64::log2, 3.0),
        ("log10(x)", f64::log10, 4.0),
        ("log1p(x)", f64::ln_1p, 4.0),
        ("tanh(x)", f64::tanh, 4.0),
        ("sinh(x)", f64::sinh, 8.0),
        ("cosh(x)", f64::cosh, 6.0),
        ("asinh(x)", f64::asinh, 6.0),
        ("atanh(x)", f64::atanh, 6.0),
        ("sin(x)", f64::sin, 3.0),
        ("cos(x)", f64::cos, 3.0),
        ("tan(x)", f64::tan, 6.0),
        ("asin(x)", f64::asin, 4.0),
        ("acos(x)", f64::acos, 4.0),
        ("atan(x)", f64::atan, 4.0),
        ("sigmoid(x)", |x| 1.0 / (1.0 + (-x).exp()), 6.0),
        ("erf(x)", libm::erf, 4.0),
        ("erfc(x)", libm::erfc, 24.0),
        ("round(x)", f64::round_ties_even, 0.0),
        (
            "sign(x)",
            |x| {
                if x > 0.0 {
                    1.0
                } else if x < 0.0 {
                    -1.0
                } else {
                    x
                }
            },
            0.0,
        ),
    ];
    for (expression, want, tolerance) in cases {
        let Some(got) = run(expression, &[&x]) else { return };
        for (x, got) in x.iter().zip(&got) {
            let want = want(f64::from(*x));
            // The flush of subnormal results is a device's choice.
            if want.abs() < 1.2e-38 && got.abs() < 1.2e-38 {
                continue;
            }
            let off = ulps(*got, want);
            assert!(off <= *tolerance, "{expression} at {x:e}: {got:e}, not {want:e} ({off} ulp)");
        }
    }
}

#[test]
fn gamma_functions_agree_with_f64() {
    let x: Vec<f32> = values().into_iter().filter(|x| x.abs() < 30.0).collect();
    let Some(got) = run("lgamma(x)", &[&x]) else { return };
    for (x, got) in x.iter().zip(&got) {
        let want = libm::lgamma(f64::from(*x));
        let close = (f64::from(*got) - want).abs() <= 2e-6 * want.abs().max(if *x < 0.0 { 4.0 } else { 0.0 });
        assert!(close || (want.is_infinite() && got.is_infinite()), "lgamma at {x:e}: {got:e}, not {want:e}");
    }
    // The derivative of lgamma, by central differences in f64.
    let x: Vec<f32> =
        x.into_iter().filter(|x| x.abs() > 1e-2 && (x.fract().abs() - 0.5).abs() < 0.45).collect();
    let Some(got) = run("digamma(x)", &[&x]) else { return };
    for (x, got) in x.iter().zip(&got) {
        let (a, h) = (f64::from(*x), 1e-5);
        let want = (libm::lgamma(a + h) - libm::lgamma(a - h)) / (2.0 * h);
        assert!(
            (f64::from(*got) - want).abs() <= 1e-4 * want.abs().max(1.0),
            "digamma at {x:e}: {got:e}, not {want:e}"
        );
    }
}

#[test]
fn two_argument_functions_agree_with_f64() {
    let values = values();
    let (x, y): (Vec<f32>, Vec<f32>) =
        values.iter().zip(values.iter().rev().cycle().skip(37)).map(|(x, y)| (*x, *y)).unzip();
    type Case = (&'static str, fn(f64, f64) -> f64, f64);
    let cases: &[Case] = &[
        ("atan2(x, y)", f64::atan2, 6.0),
        ("pow(abs(x), y)", |x, y| x.abs().powf(y), 8.0),
        ("pow(x, round(y))", |x, y| x.powf(y.round_ties_even()), 8.0),
        ("max(x, y)", |x, y| if x.is_nan() || y.is_nan() { f64::NAN } else { x.max(y) }, 0.0),
        ("min(x, y)", |x, y| if x.is_nan() || y.is_nan() { f64::NAN } else { x.min(y) }, 0.0),
        ("trunc_mod(x, y)", |x, y| x % y, 0.0),
    ];
    for (expression, want, tolerance) in cases {
        let Some(got) = run(expression, &[&x, &y]) else { return };
        for ((x, y), got) in x.iter().zip(&y).zip(&got) {
            let want = want(f64::from(*x), f64::from(*y));
            if want.abs() < 1.2e-38 && got.abs() < 1.2e-38 {
                continue;
            }
            let off = ulps(*got, want);
            assert!(off <= *tolerance, "{expression} at {x:e}, {y:e}: {got:e}, not {want:e} ({off} ulp)");
        }
    }
}

#[test]
fn python_division_of_all_signs() {
    let x = [7.0f32, -7.0, 7.0, -7.0, 6.0, -6.0, 5.5, -5.5];
    let y = [3.0f32, 3.0, -3.0, -3.0, 3.0, 3.0, -2.0, 2.0];
    let Some(got) = run("floor_mod(x, y)", &[&x, &y]) else { return };
    assert_eq!(got, [1.0, 2.0, -2.0, -1.0, 0.0, 0.0, -0.5, 0.5]);
    let Some(got) = run("floor_div(x, y)", &[&x, &y]) else { return };
    assert_eq!(got, [2.0, -3.0, -3.0, 2.0, 2.0, -2.0, -3.0, -3.0]);
}
