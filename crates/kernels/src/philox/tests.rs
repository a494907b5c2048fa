//! Against vectors recorded from TensorFlow, and fills cut at every place against whole fills.

use std::path::PathBuf;

use half::{bf16, f16};
use safetensors::SafeTensors;
use serde_json::Value;

use super::super::clones::at_each_level;
use super::*;

fn fixture(name: &str) -> Vec<u8> {
    let root = match std::env::var_os("TENFOLD_FIXTURES") {
        Some(root) => PathBuf::from(root),
        None => PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures")),
    };
    let path = root.join("ops").join(name);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Calls `check(case, tensors)` for each recorded case of one TensorFlow function; there must be `at_least`.
fn each_case(op: &str, at_least: usize, check: impl Fn(&Value, &SafeTensors)) {
    let cases: Value = serde_json::from_slice(&fixture("cases.json")).unwrap();
    let cases: Vec<_> = cases["cases"].as_array().unwrap().iter().filter(|c| c["op"] == op).collect();
    assert!(cases.len() >= at_least, "{op}: {} cases", cases.len());
    for case in &cases {
        let bytes = fixture(case["file"].as_str().unwrap());
        check(case, &SafeTensors::deserialize(&bytes).unwrap());
    }
}

fn read<T: bytemuck::AnyBitPattern>(tensors: &SafeTensors, name: &Value) -> Vec<T> {
    let data = tensors.tensor(name.as_str().unwrap()).unwrap().data();
    data.chunks_exact(size_of::<T>()).map(bytemuck::pod_read_unaligned).collect()
}

fn stream_of(case: &Value, tensors: &SafeTensors) -> Philox {
    let seed: Vec<i32> = read(tensors, &case["inputs"][0]["tensor"]);
    Philox::from_stateless_seed([seed[0].into(), seed[1].into()])
}

fn close(got: &[f32], expected: &[f32], what: &str) {
    assert_eq!(got.len(), expected.len(), "{what}");
    for (g, e) in got.iter().zip(expected) {
        assert!((g - e).abs() <= 1e-6 + 1e-6 * e.abs(), "{what}: {g} is not {e}");
    }
}

#[test]
fn recorded_stateless_uniform_is_exact() {
    each_case("tf.random.stateless_uniform", 12, |case, tensors| {
        let (stream, out, attrs) = (stream_of(case, tensors), &case["outputs"][0], &case["attrs"]);
        match (out["dtype"].as_str().unwrap(), attrs["minval"].as_i64()) {
            ("float32", None) => {
                let expected: Vec<f32> = read(tensors, &out["tensor"]);
                assert_eq!(uniform::<f32>(&stream, expected.len()), expected);
            }
            ("float64", None) => {
                let expected: Vec<f64> = read(tensors, &out["tensor"]);
                assert_eq!(uniform::<f64>(&stream, expected.len()), expected);
            }
            ("int32", Some(low)) => {
                let expected: Vec<i32> = read(tensors, &out["tensor"]);
                let mut got = vec![0; expected.len()];
                let high = attrs["maxval"].as_i64().unwrap();
                fill_uniform_int(&stream, 0, low as i32, high as i32, &mut got);
                assert_eq!(got, expected);
            }
            ("int64", None) => {
                let expected: Vec<i64> = read(tensors, &out["tensor"]);
                assert_eq!(full::<i64>(&stream, expected.len()), expected);
            }
            other => panic!("no check for {other:?}"),
        }
    });
}

#[test]
fn recorded_normals() {
    each_case("tf.random.stateless_normal", 3, |case, tensors| {
        let expected: Vec<f32> = read(tensors, &case["outputs"][0]["tensor"]);
        close(&normal(&stream_of(case, tensors), expected.len()), &expected, "normal");
    });
    each_case("tf.random.stateless_truncated_normal", 3, |case, tensors| {
        let expected: Vec<f32> = read(tensors, &case["outputs"][0]["tensor"]);
        close(&truncated(&stream_of(case, tensors), expected.len()), &expected, "truncated normal");
    });
}

#[test]
fn recorded_generator_and_stateful_ops() {
    each_case("tf.random.Generator", 1, |case, tensors| {
        let mut state = GeneratorState::from_seed(case["attrs"]["seed"].as_i64().unwrap().into());
        let draws = case["attrs"]["draws"].as_array().unwrap();
        for (draw, out) in draws.iter().zip(case["outputs"].as_array().unwrap()) {
            let expected: Vec<f32> = read(tensors, &out["tensor"]);
            let stream = state.take(expected.len() as u64);
            match draw.as_str().unwrap() {
                "normal" => close(&normal(&stream, expected.len()), &expected, "generator normal"),
                "uniform" => assert_eq!(uniform::<f32>(&stream, expected.len()), expected),
                other => panic!("no check for {other}"),
            }
        }
        assert_eq!(state.0.to_vec(), read::<i64>(tensors, &case["outputs"][draws.len()]["tensor"]));
    });
    each_case("tf.random.uniform", 1, |case, tensors| {
        // One kernel for each pair of seeds, going on from call to call.
        let graph_seed = case["attrs"]["graph_seed"].as_i64().unwrap();
        let mut kernels = std::collections::BTreeMap::new();
        for (i, seed) in case["attrs"]["op_seeds"].as_array().unwrap().iter().enumerate() {
            let expected: Vec<f32> = read(tensors, &case["outputs"][i]["tensor"]);
            let seed = seed.as_i64().unwrap();
            let stream = kernels.entry(seed).or_insert_with(|| Philox::from_op_seeds(graph_seed, seed));
            assert_eq!(uniform::<f32>(stream, expected.len()), expected);
            *stream = stream.skip_elements(expected.len() as u64);
        }
    });
}

/// FNV-1a of the elements' bytes, as computed over TensorFlow 2.21's results.
fn hash<T: bytemuck::NoUninit>(values: &[T]) -> u64 {
    let step = |h: u64, &b: &u8| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3);
    bytemuck::cast_slice(values).iter().fold(0xcbf2_9ce4_8422_2325, step)
}

const COUNT: usize = 1003;

fn long_stream() -> Philox {
    Philox::from_stateless_seed([-7, (1 << 40) + 5])
}

fn uniform<T: UniformFloat>(stream: &Philox, n: usize) -> Vec<T> {
    let mut out = vec![T::default(); n];
    fill_uniform(stream, 0, &mut out);
    out
}

fn full<T: UniformInt>(stream: &Philox, n: usize) -> Vec<T> {
    let mut out = vec![T::default(); n];
    fill_uniform_full(stream, 0, &mut out);
    out
}

fn normal<T: NormalFloat>(stream: &Philox, n: usize) -> Vec<T> {
    let mut out = vec![T::default(); n];
    fill_normal(stream, 0, &mut out);
    out
}

fn truncated<T: NormalFloat>(stream: &Philox, n: usize) -> Vec<T> {
    let mut out = vec![T::default(); n];
    fill_truncated_normal(stream, 0, &mut out);
    out
}

#[test]
fn a_thousand_elements_have_tensorflows_bits() {
    let s = long_stream();
    assert_eq!(hash(&uniform::<f16>(&s, COUNT)), 0x72df_913e_a262_2b3b);
    assert_eq!(hash(&uniform::<bf16>(&s, COUNT)), 0x3998_b246_fa7a_82c7);
    assert_eq!(hash(&uniform::<f32>(&s, COUNT)), 0x13db_36ef_fbe3_5018);
    assert_eq!(hash(&uniform::<f64>(&s, COUNT)), 0x3b81_926d_65c0_415c);
    assert_eq!(hash(&full::<i32>(&s, COUNT)), 0xa929_17d1_51c2_5b7f);
    assert_eq!(hash(&full::<u32>(&s, COUNT)), 0xa929_17d1_51c2_5b7f);
    assert_eq!(hash(&full::<i64>(&s, COUNT)), 0x693b_8c93_c246_b17d);
    assert_eq!(hash(&full::<u64>(&s, COUNT)), 0x693b_8c93_c246_b17d);
    let mut ints = vec![0i32; COUNT];
    fill_uniform_int(&s, 0, i32::MIN, i32::MAX, &mut ints);
    assert_eq!(hash(&ints), 0xa99d_08ae_70a2_f5ff);
    fill_uniform_int(&s, 0, -5, 20, &mut ints);
    assert_eq!(hash(&ints), 0xbcd0_3e5b_39c6_00b1);
    let mut longs = vec![0i64; COUNT];
    fill_uniform_int(&s, 0, -(1 << 62), (1 << 62) + 12_345, &mut longs);
    assert_eq!(hash(&longs), 0x6e7a_bed0_5f49_b840);
    fill_uniform_int(&s, 0, 0, 10, &mut longs);
    assert_eq!(hash(&longs), 0xd79f_15ce_45be_d0e8);
    let mut unsigned = vec![0u64; COUNT];
    fill_uniform_int(&s, 0, u64::MAX - 3, u64::MAX, &mut unsigned);
    assert!(unsigned.iter().all(|&x| (u64::MAX - 3..u64::MAX).contains(&x)));
}

#[test]
fn a_thousand_normals_have_tensorflows_sums() {
    // Sums of the values and of their magnitudes over TensorFlow's results.
    fn check<T: Into<f64> + Copy>(values: &[T], sum: f64, magnitudes: f64, tolerance: f64) {
        let got: f64 = values.iter().map(|&x| x.into()).sum();
        let got_magnitudes: f64 = values.iter().map(|&x| x.into().abs()).sum();
        assert!((got - sum).abs() < tolerance, "{got} is not {sum}");
        assert!((got_magnitudes - magnitudes).abs() < tolerance, "{got_magnitudes} is not {magnitudes}");
    }
    let s = long_stream();
    check(&normal::<f32>(&s, COUNT), -42.304_107_308_609_59, 805.668_333_471_519_9, 2e-5);
    check(&normal::<f64>(&s, COUNT), -4.879_242_602_154_038, 789.635_516_543_067_8, 1e-10);
    check(&truncated::<f32>(&s, COUNT), 17.215_270_162_560_046, 740.636_382_243_596, 2e-5);
    check(&truncated::<f64>(&s, COUNT), 16.955_383_754_438_465, 725.489_220_060_877_4, 1e-10);
    assert_eq!(hash(&normal::<f16>(&s, COUNT)), 0xde5d_c3f8_1593_3124);
    assert_eq!(hash(&normal::<bf16>(&s, COUNT)), 0x4d27_6351_ed51_c72d);
    assert_eq!(hash(&truncated::<f16>(&s, COUNT)), 0x0ea4_8863_cfaa_d8e0);
    assert_eq!(hash(&truncated::<bf16>(&s, COUNT)), 0xd2c1_2fbf_dec9_fa2d);
}

/// A fill of `start..start + out.len()`.
type Fill<T> = fn(&Philox, u64, &mut [T]);

#[test]
fn a_fill_may_start_anywhere_and_be_cut_anywhere() {
    fn check<T: Copy + Default + PartialEq + std::fmt::Debug>(fill: Fill<T>) {
        let stream = long_stream();
        let mut whole = vec![T::default(); 300];
        fill(&stream, 0, &mut whole);
        for start in (0..300).step_by(7) {
            for length in [0, 1, 3, 5, 64, 129] {
                let end = (start + length).min(300);
                let mut part = vec![T::default(); end - start];
                fill(&stream, start as u64, &mut part);
                assert_eq!(part, whole[start..end], "{start}..{end}");
            }
        }
    }
    check::<f32>(fill_uniform);
    check::<f64>(fill_uniform);
    check::<f16>(fill_uniform);
    check::<i64>(fill_uniform_full);
    check::<f32>(fill_normal);
    check::<f64>(fill_normal);
    check::<f32>(fill_truncated_normal);
    check::<f64>(fill_truncated_normal);
}

#[test]
fn threads_change_no_bit() {
    let n = 100_077;
    let stream = long_stream();
    let whole: Vec<f32> = truncated(&stream, n);
    for (i, part) in whole.chunks(9_999).enumerate() {
        let mut serial = vec![0.0; part.len()];
        fill_truncated_normal(&stream, (i * 9_999) as u64, &mut serial);
        assert_eq!(serial, part);
    }
    assert!(whole.iter().all(|x: &f32| x.abs() < 2.0));
}

#[test]
fn vector_units_change_no_bit() {
    let mut seen = Vec::new();
    at_each_level(|_| {
        let s = long_stream();
        seen.push((
            hash(&uniform::<f32>(&s, COUNT)),
            hash(&full::<i64>(&s, COUNT)),
            hash(&normal::<f32>(&s, COUNT)),
            hash(&truncated::<f32>(&s, COUNT)),
        ));
    });
    assert!(seen.iter().all(|hashes| *hashes == seen[0]));
}

#[test]
fn counters_carry_through_all_128_bits() {
    let near = Philox::new(9, [u64::MAX - 1, 7]);
    assert_eq!(near.skip(3), Philox::new(9, [1, 8]));
    assert_eq!(near.block(3), Philox::new(9, [1, 8]).block(0));
    assert_eq!(near.blocks::<BATCH>(0, 1)[3], Philox::new(9, [1, 8]).block(0));
    assert_eq!(Philox::new(1 << 33 | 5, [1, 2]).counter(), [1, 2]);
    assert_eq!(Philox::new(1 << 33 | 5, [1, 2]).key(), 1 << 33 | 5);
    // The known answers of the paper's reference code for zeros and for ones.
    assert_eq!(Philox::new(0, [0, 0]).block(0), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
    let ones = Philox::new(u64::MAX, [u64::MAX, u64::MAX]);
    assert_eq!(ones.block(0), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
}

#[test]
fn generator_states() {
    assert_eq!(GeneratorState::from_seed(-3).0, [-3, -1, -1]);
    assert_eq!(GeneratorState::from_seed((1 << 64) + 9).0, [9, 1, 0]);
    assert_eq!(GeneratorState::from_seed_words(&[5]).0, [0, 0, 5]);
    assert_eq!(GeneratorState::from_seed_words(&[1, 2, 3, 4]).0, [1, 2, 3]);
    // A generator's draws of other kinds, recorded from TensorFlow 2.21.
    let mut state = GeneratorState::from_seed(5);
    let expected = [1.027_852_4, 0.279_741_14, -0.013_479_23, 1.845_181, -1.325_579_4];
    close(&truncated(&state.take(5), 5), &expected, "generator truncated normal");
    let words: Vec<u64> = full(&state.take(3), 3);
    assert_eq!(words, [2037737546388821326, 14750872583374411832, 9626462283796162800]);
    let mut ints = [0i32; 3];
    fill_uniform_int(&state.take(3), 0, -2, 9, &mut ints);
    assert_eq!(ints, [7, -2, 8]);
    assert_eq!(full::<i64>(&state.take(2), 2), [-5523637949925056652, 7945181955407956960]);
    assert_eq!(state.0, [3333, 0, 0]);
}

#[test]
fn box_mullers_own_functions_are_near_exact() {
    // Against f64: the f32 results must be the nearest, up to double rounding.
    for i in 1..20_000u32 {
        let u = i as f32 / 20_000.0;
        let stream = Philox::new(3, [0, 0]).skip(u64::from(i));
        let words = stream.block(0);
        let (u2, angle) = (uniform::unit_f32(words[0]).max(1e-7), uniform::unit_f32(words[1]) * 6.25);
        for u in [u, u2] {
            assert_eq!(normal::ln_f32(u), libm::log(f64::from(u)) as f32, "ln {u}");
        }
        let (sin, cos) = libm::sincos(f64::from(angle));
        assert_eq!(normal::sin_cos_f32(angle), (sin as f32, cos as f32), "sincos {angle}");
    }
}
