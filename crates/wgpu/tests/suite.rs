//! Every op of the table on the GPU: against the CPU within the op's own tolerance, and eager against graph to the bit.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "the helpers of the tests panic and print as tests do"
)]

use tenfold_core::graph::{Graph, Node, Value, VariableInfo};
use tenfold_core::op::{Attrs, Exact, Gpu, OpDef, Outcome};
use tenfold_core::{DType, Element, Kind, Meta, Place, Tensor, Variable, door, ops, with_element};

mod common;

use common::{dtypes, gpu, inputs, on_gpu};
/// Machine epsilon of a float dtype.
fn epsilon(dtype: DType) -> f64 {
    match dtype {
        DType::F16 => 2f64.powi(-10),
        DType::BF16 => 2f64.powi(-7),
        DType::F64 => f64::EPSILON,
        _ => f64::from(f32::EPSILON),
    }
}

/// Whether two results agree as closely as the op promises; the ulps of a GPU are looser where WGSL leaves them open.
fn agree(exact: Exact, got: &Tensor, want: &Tensor) -> Result<(), String> {
    if got.meta() != want.meta() {
        return Err(format!("{} is not {}", got.meta(), want.meta()));
    }
    let (a, b) =
        (got.to_f64_vec().map_err(|e| e.to_string())?, want.to_f64_vec().map_err(|e| e.to_string())?);
    let dtype = got.dtype();
    let largest = b.iter().filter(|v| v.is_finite()).fold(0.0f64, |m, v| m.max(v.abs()));
    for (i, (a, b)) in a.iter().zip(&b).enumerate() {
        let same = a == b || (a.is_nan() && b.is_nan());
        let off = (a - b).abs();
        let close = match exact {
            Exact::Bits => same,
            _ if !dtype.is_float() => same,
            Exact::Ulp(n) => off <= f64::from(n.max(4)) * epsilon(dtype) * b.abs().max(largest * 0.01),
            Exact::Relative(r) => {
                off <= (r.max(4e-6) * epsilon(dtype) / f64::from(f32::EPSILON)) * b.abs().max(largest * 0.1)
            }
        };
        if !same && !close {
            return Err(format!("element {i} is {a}, not {b}"));
        }
    }
    Ok(())
}

/// A graph that feeds its inputs to one op.
fn graph_of(op: &'static OpDef, attrs: &Attrs, inputs: &[Tensor], outputs: &[Tensor]) -> Graph {
    let mut graph = Graph { name: "suite".into(), ..Graph::default() };
    let at = Place::caller();
    let node = |op, inputs: Vec<Value>, attrs, outputs: Vec<Meta>| Node {
        op,
        inputs: inputs.into(),
        attrs,
        outputs: outputs.into(),
        at,
        scope: "",
        backward: false,
    };
    let mut operands = Vec::new();
    for (i, x) in inputs.iter().enumerate() {
        let attrs = Attrs::new().with("index", i as i64).with("dtype", x.dtype()).with("shape", x.shape());
        let value =
            Value { node: graph.push(node(&ops::INPUT, vec![], attrs, vec![x.meta().clone()])), output: 0 };
        operands.push(value);
        graph.inputs.push(value);
        graph.input_names.push(format!("x{i}"));
    }
    let metas = outputs.iter().map(|y| y.meta().clone()).collect();
    let n = graph.push(node(op, operands, attrs.clone(), metas));
    graph.outputs = (0..outputs.len() as u32).map(|output| Value { node: n, output }).collect();
    graph
}

#[test]
fn every_op_agrees_with_the_cpu_and_with_its_graph() {
    let Some(device) = gpu() else { return };
    let mut failures = Vec::new();
    let (mut calls, mut unsupported) = (0, 0);
    for op in ops::ALL {
        if matches!(op.gpu, Gpu::Engine | Gpu::CpuOnly(_)) {
            continue;
        }
        let mut supported = false;
        for (n, sample) in (op.samples)().iter().enumerate() {
            if !matches!(sample.outcome, Outcome::Ok) {
                continue;
            }
            for dtype in dtypes(op, sample) {
                let host = inputs(sample, dtype);
                let refs: Vec<&Tensor> = host.iter().collect();
                let Ok(want) = door::try_apply(op, &refs, sample.attrs.clone()) else { continue };
                let there: Vec<Tensor> = host.iter().map(|x| on_gpu(x, device)).collect();
                let refs: Vec<&Tensor> = there.iter().collect();
                let call = || {
                    tenfold_core::with_device(device, || door::try_apply(op, &refs, sample.attrs.clone()))
                        .and_then(|r| r)
                };
                let got = match call() {
                    Ok(got) => got,
                    Err(e) if e.kind() == Kind::Unimplemented => {
                        unsupported += 1;
                        continue;
                    }
                    Err(e) => {
                        failures.push(format!("{} sample {n} {dtype}: {e}", op.name));
                        continue;
                    }
                };
                supported = true;
                calls += 1;
                for (got, want) in got.iter().zip(&want) {
                    if let Err(why) = agree(op.exact, got, want) {
                        failures.push(format!("{} sample {n} {dtype}: {why}", op.name));
                    }
                }
                let graph = graph_of(op, &sample.attrs, &there, &got);
                let run = device.backend().compile(&graph).unwrap();
                let traced = run.run(&there, &[]).unwrap();
                for (eager, traced) in got.iter().zip(&traced) {
                    if eager.storage().unwrap().bytes() != traced.storage().unwrap().bytes() {
                        failures.push(format!("{} sample {n} {dtype}: eager and graph differ", op.name));
                    }
                }
            }
        }
        if !supported && !(op.samples)().is_empty() {
            failures.push(format!("{}: states a GPU kernel, but no sample ran", op.name));
        }
    }
    println!("{calls} calls agreed, {unsupported} in dtypes that stay on the CPU");
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn tensors_of_every_dtype_go_and_return() {
    let Some(device) = gpu() else { return };
    for dtype in DType::ALL {
        with_element!(dtype, T => {
            let values: Vec<T> = (0..7).map(|i| T::from_f64(f64::from(i) - if dtype.is_signed() { 3.0 } else { 0.0 })).collect();
            let x = Tensor::from_vec(values, [7]).unwrap();
            let back = on_gpu(&x, device).to("CPU").unwrap();
            assert_eq!(back.storage().unwrap().bytes(), x.storage().unwrap().bytes(), "{dtype}");
        });
    }
    let empty = on_gpu(&tenfold_core::zeros([0, 3]), device);
    assert_eq!(empty.to_vec::<f32>().unwrap(), [0f32; 0]);
}

#[test]
fn a_step_with_variables_is_one_fused_kernel_and_keeps_its_bits() {
    let Some(device) = gpu() else { return };
    let start: Vec<f32> = (0..100).map(|i| (i as f32).sin()).collect();
    let gradient: Vec<f32> = (0..100).map(|i| (i as f32 * 0.7).cos()).collect();
    let host = |v: &[f32]| Tensor::from_vec(v.to_vec(), [100]).unwrap();
    let (x, rate) = (on_gpu(&host(&gradient), device), on_gpu(&tenfold_core::constant(0.3), device));
    let v = Variable::new(on_gpu(&host(&start), device));
    // v -= g * rate; the result is v * v - g, all in a graph made by hand.
    let mut graph = Graph { name: "step".into(), ..Graph::default() };
    let at = Place::caller();
    let meta = x.meta().clone();
    let mut push = |op, inputs: &[Value], attrs, outputs: &[Meta]| {
        let node = Node {
            op,
            inputs: inputs.into(),
            attrs,
            outputs: outputs.into(),
            at,
            scope: "",
            backward: false,
        };
        Value { node: graph.push(node), output: 0 }
    };
    let kind = |a: Attrs, m: &Meta| a.with("dtype", m.dtype).with("shape", &m.shape);
    let one = std::slice::from_ref(&meta);
    let g = push(&ops::INPUT, &[], kind(Attrs::new().with("index", 0i64), &meta), one);
    let r =
        push(&ops::INPUT, &[], kind(Attrs::new().with("index", 1i64), rate.meta()), &[rate.meta().clone()]);
    let old = push(&ops::READ_VARIABLE, &[], kind(Attrs::new().with("slot", 0i64), &meta), one);
    let step = push(&ops::MULTIPLY, &[g, r], Attrs::new(), one);
    let new = push(&ops::SUBTRACT, &[old, step], Attrs::new(), one);
    push(&ops::ASSIGN_VARIABLE, &[new], Attrs::new().with("slot", 0i64), &[]);
    let again = push(&ops::READ_VARIABLE, &[], kind(Attrs::new().with("slot", 0i64), &meta), one);
    let square = push(&ops::MULTIPLY, &[again, again], Attrs::new(), one);
    let result = push(&ops::SUBTRACT, &[square, g], Attrs::new(), one);
    graph.inputs = vec![g, r];
    graph.input_names = vec!["g".into(), "r".into()];
    graph.outputs = vec![result];
    graph.variables = vec![VariableInfo { name: "v".into(), meta: meta.clone() }];
    let run = device.backend().compile(&graph).unwrap();
    assert!(run.describe().contains("multiply+subtract"), "{}", run.describe());
    let w = Variable::new(on_gpu(&host(&start), device));
    for _ in 0..3 {
        let traced = run.run(&[x.clone(), rate.clone()], std::slice::from_ref(&v)).unwrap();
        w.assign_sub(&(&x * &rate));
        let eager = &w.read() * &w.read() - &x;
        assert_eq!(traced[0].storage().unwrap().bytes(), eager.storage().unwrap().bytes());
        assert_eq!(v.read().storage().unwrap().bytes(), w.read().storage().unwrap().bytes());
    }
}

#[test]
fn gradients_flow_on_the_device() {
    let Some(device) = gpu() else { return };
    let x = on_gpu(&tenfold_core::constant([[1.0, 2.0], [3.0, 4.0]]), device);
    let bias = on_gpu(&tenfold_core::constant([0.5, -0.5]), device);
    let tape = tenfold_core::GradientTape::new();
    tape.watch(&x);
    tape.watch(&bias);
    let y = (&x + &bias) * &x;
    let [dx, db] = tape.gradient(&y, &[&x, &bias]);
    assert_eq!(dx.device(), device);
    assert_eq!(dx.to_vec::<f32>().unwrap(), [2.5, 3.5, 6.5, 7.5]);
    assert_eq!(db.to_vec::<f32>().unwrap(), [4.0, 6.0]);
}

#[test]
fn mixed_devices_and_missing_kernels_are_errors() {
    let Some(device) = gpu() else { return };
    let there = on_gpu(&tenfold_core::constant([1.0, 2.0]), device);
    let error = there.try_add(tenfold_core::constant([1.0, 2.0])).unwrap_err();
    assert!(error.to_string().contains("different devices"), "{error}");
    let wide = on_gpu(&tenfold_core::constant_f64([1.0, 2.0]), device);
    let error = wide.try_sqrt().unwrap_err();
    assert_eq!(error.kind(), Kind::Unimplemented);
    assert!(error.to_string().contains("f64"), "{error}");
}

/// A small generator, so that the graphs below are the same everywhere.
struct Dice(u32);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) as usize % n
    }
}

/// Graphs of elementwise ops, broadcasts and sums, drawn by lot: fused as the planner likes, they give eager's bits.
#[test]
fn random_graphs_give_the_bits_of_eager_calls() {
    let Some(device) = gpu() else { return };
    let elementwise: Vec<&'static OpDef> = ops::ALL
        .iter()
        .copied()
        .filter(|op| {
            matches!(op.gpu, Gpu::Elementwise(_)) && op.sig.attrs.is_empty() && op.sig.inputs.len() <= 2
        })
        .filter(|op| op.sig.inputs.iter().all(|i| i.class.has(DType::F32)))
        .collect();
    assert!(elementwise.len() >= 5);
    let at = Place::caller();
    for seed in 0..12 {
        let mut dice = Dice(seed * 7919 + 1);
        let mut graph = Graph { name: format!("random {seed}"), ..Graph::default() };
        let mut values: Vec<(Value, Tensor)> = Vec::new();
        let mut inputs = Vec::new();
        for (i, shape) in [vec![4, 1], vec![4, 5], vec![5], vec![], vec![4, 5]].into_iter().enumerate() {
            let n: usize = shape.iter().product();
            let data = (0..n).map(|_| dice.below(4000) as f32 / 700.0 - 2.5).collect();
            let x = on_gpu(&Tensor::from_vec::<f32>(data, shape).unwrap(), device);
            let attrs = Attrs::new().with("index", i).with("dtype", x.dtype()).with("shape", x.shape());
            let node = Node {
                op: &ops::INPUT,
                inputs: vec![].into(),
                attrs,
                outputs: vec![x.meta().clone()].into(),
                at,
                scope: "",
                backward: false,
            };
            let value = Value { node: graph.push(node), output: 0 };
            graph.inputs.push(value);
            graph.input_names.push(format!("x{i}"));
            inputs.push(x.clone());
            values.push((value, x));
        }
        while values.len() < 30 {
            let (op, attrs, arity): (&'static OpDef, Attrs, usize) = match dice.below(8) {
                0 => (&ops::SUM_TO_SHAPE, Attrs::new().with("shape", tenfold_core::Shape::from([5])), 1),
                1 => (&ops::BROADCAST_TO, Attrs::new().with("shape", tenfold_core::Shape::from([4, 5])), 1),
                _ => {
                    let op = elementwise[dice.below(elementwise.len())];
                    (op, Attrs::new(), op.sig.inputs.len())
                }
            };
            let chosen: Vec<usize> = (0..arity).map(|_| dice.below(values.len())).collect();
            let operands: Vec<&Tensor> = chosen.iter().map(|i| &values[*i].1).collect();
            // A result of another dtype, or operands that do not fit, is not an operand of the next.
            let Ok(results) = door::try_apply(op, &operands, attrs.clone()) else { continue };
            if results[0].dtype() != DType::F32 {
                continue;
            }
            let node = Node {
                op,
                inputs: chosen.iter().map(|i| values[*i].0).collect(),
                attrs,
                outputs: vec![results[0].meta().clone()].into(),
                at,
                scope: "",
                backward: false,
            };
            let value = Value { node: graph.push(node), output: 0 };
            values.push((value, results[0].clone()));
        }
        let wanted: Vec<usize> =
            (0..values.len()).filter(|i| *i == values.len() - 1 || dice.below(4) == 0).collect();
        graph.outputs = wanted.iter().map(|i| values[*i].0).collect();
        let run = device.backend().compile(&graph).unwrap();
        let got = run.run(&inputs, &[]).unwrap();
        for (i, got) in wanted.iter().zip(&got) {
            let want = values[*i].1.storage().unwrap();
            assert_eq!(
                got.storage().unwrap().bytes(),
                want.bytes(),
                "seed {seed}, value {i}\n{}",
                run.describe()
            );
        }
    }
}

#[test]
fn a_broadcast_joins_the_kernel_that_reads_it() {
    let Some(device) = gpu() else { return };
    let x = on_gpu(&tenfold_core::constant([1.0, 2.0, 3.0]), device);
    let y = x.broadcast_to([2, 3]);
    let attrs = Attrs::new().with("shape", y.shape());
    let mut graph = graph_of(&ops::BROADCAST_TO, &attrs, std::slice::from_ref(&x), std::slice::from_ref(&y));
    let before = graph.outputs[0];
    let node = Node {
        op: &ops::MULTIPLY,
        inputs: vec![before, before].into(),
        attrs: Attrs::new(),
        outputs: vec![y.meta().clone()].into(),
        at: Place::caller(),
        scope: "",
        backward: false,
    };
    graph.outputs = vec![Value { node: graph.push(node), output: 0 }];
    let run = device.backend().compile(&graph).unwrap();
    assert!(run.describe().contains("broadcast_to+multiply"), "{}", run.describe());
    assert_eq!(run.run(&[x], &[]).unwrap()[0].to_vec::<f32>().unwrap(), [1.0, 4.0, 9.0, 1.0, 4.0, 9.0]);
}

#[test]
fn a_generator_gives_the_same_numbers_in_a_graph_and_on_every_device() {
    use tenfold_core::random::{Distribution, Generator};
    let Some(device) = gpu() else { return };
    let (a, b, c) = (Generator::from_seed(5), Generator::from_seed(5), Generator::from_seed(5));
    let mut graph = Graph { name: "draw".into(), ..Graph::default() };
    let at = Place::caller();
    let stream = Meta::new(DType::U32, [6]);
    let result = Meta::new(DType::F32, [7]);
    let elements = tenfold_core::Shape::from([7]);
    let mut push = |op, inputs: Vec<Value>, attrs, output: &Meta| {
        let outputs = vec![output.clone()].into();
        Value {
            node: graph.push(Node {
                op,
                inputs: inputs.into(),
                attrs,
                outputs,
                at,
                scope: "",
                backward: false,
            }),
            output: 0,
        }
    };
    let attrs = Attrs::new().with("slot", 0usize).with("elements", &elements);
    let words = push(&ops::RNG_READ_AND_SKIP, vec![], attrs, &stream);
    let attrs = Attrs::new().with("shape", &elements).with("dtype", DType::F32);
    let drawn = push(&ops::STATELESS_UNIFORM, vec![words], attrs, &result);
    graph.outputs = vec![drawn];
    graph.variables = vec![VariableInfo { name: "generator".into(), meta: stream }];
    let run = device.backend().compile(&graph).unwrap();
    for _ in 0..2 {
        let traced = run.run(&[], &[a.state().clone()]).unwrap()[0].to_vec::<f32>().unwrap();
        let eager =
            tenfold_core::with_device(device, || b.try_draw(Distribution::Uniform, [7], DType::F32)).unwrap();
        let eager = eager.unwrap();
        assert_eq!(eager.device(), device);
        assert_eq!(traced, eager.to_vec::<f32>().unwrap());
        assert_eq!(traced, c.uniform([7]).to_vec::<f32>().unwrap());
    }
}
