//! Convolutions and poolings, forward and gradient, against vectors recorded from TensorFlow.

use crate::conv::{
    ConvShape, DepthwiseShape, conv, conv_filter_grad, conv_input_grad, depthwise_conv,
    depthwise_conv_filter_grad, depthwise_conv_input_grad,
};
use crate::gemm::Epilogue;
use crate::pool::{PoolShape, avg_pool, avg_pool_grad, max_pool, max_pool_grad, max_pool_with_argmax};
use crate::window::{Window, same_padding};
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;
use std::path::PathBuf;

fn fixture(name: &str) -> Vec<u8> {
    let root = match std::env::var_os("TENFOLD_FIXTURES") {
        Some(root) => PathBuf::from(root),
        None => PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures")),
    };
    let path = root.join("ops").join(name);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// A recorded call.
struct Case {
    spec: Value,
    bytes: Vec<u8>,
}

/// The shape and the numbers of a tensor.
type Array = (Vec<usize>, Vec<f64>);

impl Case {
    /// All cases of one TensorFlow function.
    fn all(op: &str) -> Vec<Case> {
        let mut spec: Value = serde_json::from_slice(&fixture("cases.json")).unwrap();
        let cases = std::mem::take(spec["cases"].as_array_mut().unwrap());
        let of_op = cases.into_iter().filter(|case| case["op"] == op && case["error"].is_null());
        let found: Vec<_> =
            of_op.map(|spec| Case { bytes: fixture(spec["file"].as_str().unwrap()), spec }).collect();
        assert!(!found.is_empty(), "no case of {op}");
        found
    }

    fn tensor(&self, name: &Value) -> Array {
        let tensors = SafeTensors::deserialize(&self.bytes).unwrap();
        let tensor = tensors.tensor(name.as_str().unwrap()).unwrap();
        let data = tensor.data();
        let numbers = match tensor.dtype() {
            Dtype::F32 => data.chunks(4).map(|x| f32::from_le_bytes(x.try_into().unwrap()).into()).collect(),
            Dtype::F64 => data.chunks(8).map(|x| f64::from_le_bytes(x.try_into().unwrap())).collect(),
            Dtype::I64 => data.chunks(8).map(|x| i64::from_le_bytes(x.try_into().unwrap()) as f64).collect(),
            other => panic!("{other:?}"),
        };
        (tensor.shape().to_vec(), numbers)
    }

    fn input(&self, at: usize) -> Array {
        self.tensor(&self.spec["inputs"][at]["tensor"])
    }

    fn cotangent(&self) -> Vec<f64> {
        self.tensor(&self.spec["outputs"][0]["cotangent"]).1
    }

    /// Compares an output (`what` is a number) or the gradient of an input (`what` is a name).
    fn expect(&self, what: Value, found: &[f64]) {
        let id = &self.spec["id"];
        let (of, name, rtol, atol) = match what.as_u64() {
            Some(at) => ("output", &self.spec["outputs"][at as usize]["tensor"], "rtol", "atol"),
            None => {
                let grads = self.spec["grads"].as_array().unwrap();
                let grad = grads.iter().find(|grad| grad["input"] == what).unwrap();
                ("gradient", &grad["tensor"], "grad_rtol", "grad_atol")
            }
        };
        let (_, expected) = self.tensor(name);
        assert_eq!(found.len(), expected.len(), "{id}");
        let tolerance = |name| self.spec["tol"][name].as_f64().unwrap();
        for (x, y) in found.iter().zip(&expected) {
            let close = (x - y).abs() <= tolerance(atol) + tolerance(rtol) * y.abs();
            assert!(close || (x.is_nan() && y.is_nan()), "{id}, {of} {what}: {x} for {y}");
        }
    }

    /// An attribute of `rank` spatial axes: one number, one for each, or one for each axis with batch and channels.
    fn spatial(&self, names: [&str; 2], rank: usize) -> Vec<usize> {
        let attrs = &self.spec["attrs"];
        let value = names.iter().map(|name| &attrs[*name]).find(|value| !value.is_null());
        let number = |value: &Value| value.as_u64().unwrap() as usize;
        match value {
            None => vec![1; rank],
            Some(Value::Array(list)) if list.len() == rank => list.iter().map(number).collect(),
            Some(Value::Array(list)) => list[1..=rank].iter().map(number).collect(),
            Some(one) => vec![number(one); rank],
        }
    }

    /// The windows of the call over `input` with `size` taps.
    fn window(&self, input: &[usize], size: &[usize]) -> Window {
        let rank = input.len();
        let (stride, dilation) =
            (self.spatial(["strides", "stride"], rank), self.spatial(["dilations", ""], rank));
        let padding: Vec<(usize, usize)> = match &self.spec["attrs"]["padding"] {
            Value::Array(list) => {
                let pair = |pair: &Value| [0, 1].map(|at| pair[at].as_u64().unwrap() as usize).into();
                list[1..=rank].iter().map(pair).collect()
            }
            word if word == "SAME" => {
                (0..rank).map(|i| same_padding(input[i], size[i], stride[i], dilation[i]).unwrap()).collect()
            }
            _ => vec![(0, 0); rank],
        };
        Window::new(input, size, &stride, &dilation, &padding).unwrap()
    }
}

#[test]
fn recorded_convolutions() {
    for (op, rank) in [("tf.nn.conv1d", 1), ("tf.nn.conv2d", 2), ("tf.nn.conv3d", 3)] {
        for case in Case::all(op) {
            let ((xs, x), (ws, w), dy) = (case.input(0), case.input(1), case.cotangent());
            let shape = ConvShape {
                batch: xs[0],
                window: case.window(&xs[1..=rank], &ws[..rank]),
                in_channels: xs[rank + 1],
                out_channels: ws[rank + 1],
                groups: xs[rank + 1] / ws[rank],
            };
            let mut y = vec![0.0; shape.output_len().unwrap()];
            conv(&shape, &x, &w, &mut y, Epilogue::none());
            case.expect(0.into(), &y);
            let (mut dx, mut dw) = (vec![0.0; x.len()], vec![0.0; w.len()]);
            conv_input_grad(&shape, &w, &dy, &mut dx, Epilogue::none());
            case.expect("input".into(), &dx);
            conv_filter_grad(&shape, &x, &dy, &mut dw);
            case.expect("filters".into(), &dw);
        }
    }
}

#[test]
fn recorded_transposed_convolutions() {
    for rank in 1..=3 {
        for case in Case::all(&format!("tf.nn.conv{rank}d_transpose")) {
            // The gradient of a convolution for its input: what goes in is its `dy`, what comes out its `dx`.
            let ((_, dy), (ws, w), dx) = (case.input(0), case.input(1), case.cotangent());
            let out: Vec<usize> = serde_json::from_value(case.spec["attrs"]["output_shape"].clone()).unwrap();
            let shape = ConvShape {
                batch: out[0],
                window: case.window(&out[1..=rank], &ws[..rank]),
                in_channels: ws[rank],
                out_channels: ws[rank + 1],
                groups: 1,
            };
            let mut found = vec![0.0; dx.len()];
            conv_input_grad(&shape, &w, &dy, &mut found, Epilogue::none());
            case.expect(0.into(), &found);
            let (mut of_dy, mut of_w) = (vec![0.0; dy.len()], vec![0.0; w.len()]);
            conv(&shape, &dx, &w, &mut of_dy, Epilogue::none());
            case.expect("input".into(), &of_dy);
            conv_filter_grad(&shape, &dx, &dy, &mut of_w);
            case.expect("filters".into(), &of_w);
        }
    }
}

#[test]
fn recorded_depthwise_convolutions() {
    for case in Case::all("tf.nn.depthwise_conv2d") {
        let ((xs, x), (ws, w), dy) = (case.input(0), case.input(1), case.cotangent());
        let window = case.window(&xs[1..3], &ws[..2]);
        let shape = DepthwiseShape { batch: xs[0], window, channels: ws[2], multiplier: ws[3] };
        let mut y = vec![0.0; shape.output_len().unwrap()];
        depthwise_conv(&shape, &x, &w, &mut y);
        case.expect(0.into(), &y);
        let (mut dx, mut dw) = (vec![0.0; x.len()], vec![0.0; w.len()]);
        depthwise_conv_input_grad(&shape, &w, &dy, &mut dx);
        case.expect("input".into(), &dx);
        depthwise_conv_filter_grad(&shape, &x, &dy, &mut dw);
        case.expect("filter".into(), &dw);
    }
}

fn pool_shape(case: &Case, xs: &[usize]) -> PoolShape {
    let rank = xs.len() - 2;
    let window = case.window(&xs[1..=rank], &case.spatial(["ksize", ""], rank));
    PoolShape { batch: xs[0], window, channels: xs[rank + 1] }
}

#[test]
fn recorded_poolings() {
    for rank in 1..=3 {
        for case in Case::all(&format!("tf.nn.max_pool{rank}d")) {
            let ((xs, x), dy) = (case.input(0), case.cotangent());
            let shape = pool_shape(&case, &xs);
            let (mut y, mut dx) = (vec![0.0; dy.len()], vec![0.0; x.len()]);
            max_pool(&shape, &x, &mut y);
            case.expect(0.into(), &y);
            max_pool_grad(&shape, &x, &dy, &mut dx, None);
            case.expect("input".into(), &dx);
        }
        for case in Case::all(&format!("tf.nn.avg_pool{rank}d")) {
            let ((xs, x), dy) = (case.input(0), case.cotangent());
            let shape = pool_shape(&case, &xs);
            let (mut y, mut dx) = (vec![0.0; dy.len()], vec![0.0; x.len()]);
            avg_pool(&shape, &x, &mut y);
            case.expect(0.into(), &y);
            avg_pool_grad(&shape, &dy, &mut dx);
            case.expect("input".into(), &dx);
        }
    }
    for case in Case::all("tf.nn.max_pool_with_argmax") {
        let (xs, x) = case.input(0);
        let shape = pool_shape(&case, &xs);
        let len = shape.output_len().unwrap();
        let (mut y, mut places) = (vec![0.0; len], vec![0; len]);
        max_pool_with_argmax(&shape, false, &x, &mut y, &mut places);
        case.expect(0.into(), &y);
        case.expect(1.into(), &places.iter().map(|&place| place as f64).collect::<Vec<_>>());
    }
}
