//! The readers over the real recordings: every case parses, every array has the stated dtype and shape.

use super::*;

fn stated(file: &str) -> Value {
    read_json(&folder().join(file)).expect("the fixture is there")
}

/// The readers check dtype and shape of each named array; what is left is that none was dropped.
#[test]
fn every_op_case_parses() {
    let json = stated("ops/cases.json");
    let cases = op_cases().expect("readable");
    assert_eq!(Some(cases.len() as u64), json["count"].as_u64());
    for (case, value) in cases.iter().zip(json["cases"].as_array().expect("a list")) {
        assert_eq!(case.inputs.len(), value["inputs"].as_array().map_or(0, Vec::len), "{}", case.id);
        assert_eq!(case.outputs.len(), value["outputs"].as_array().map_or(0, Vec::len), "{}", case.id);
        assert_eq!(case.grads.len(), value["grads"].as_array().map_or(0, Vec::len), "{}", case.id);
        assert_eq!(case.error.is_some(), case.outputs.is_empty(), "{}", case.id);
        for array in case.inputs.iter().map(|i| &i.tensor).chain(case.outputs.iter().map(|o| &o.tensor)) {
            assert_eq!(array.bytes.len(), array.len() * array.dtype.size(), "{}", case.id);
        }
        for gradient in &case.grads {
            let input = case.input(&gradient.input).expect("a gradient names an input");
            if let Some(tensor) = &gradient.tensor {
                assert_eq!((&tensor.shape, tensor.dtype), (&input.shape, input.dtype), "{}", case.id);
            }
        }
        for output in &case.outputs {
            if let Some(cotangent) = &output.cotangent {
                assert_eq!(cotangent.shape, output.tensor.shape, "{}", case.id);
            }
        }
    }
}

#[test]
fn the_peculiar_cases_are_read_as_meant() {
    let cases = op_cases().expect("readable");
    let by_id = |id: &str| cases.iter().find(|c| c.id == id).unwrap_or_else(|| panic!("no case {id}"));
    let batch_norm = by_id("compat_v1_nn_fused_batch_norm/1");
    let unconnected: Vec<_> =
        batch_norm.grads.iter().filter(|g| g.tensor.is_none()).map(|g| &g.input).collect();
    assert_eq!(unconnected, ["mean", "variance"]);
    assert_eq!(number(&by_id("norm/2").attrs["ord"]), Some(f64::INFINITY));
    let error = by_id("errors/0");
    assert_eq!(error.error.as_deref(), Some("InvalidArgumentError"));
    assert_eq!(error.op, "tf.math.add");
    let concat = cases.iter().find(|c| c.op == "tf.concat").expect("recorded");
    assert_eq!(concat.list("values").len(), concat.inputs.len());
    assert!(cases.iter().any(|c| c.compare == Compare::SignedZero));
    assert!(cases.iter().any(|c| c.compare == Compare::UpToColumnSign));
    assert!(cases.iter().any(|c| c.compare == Compare::Exact));
}

#[test]
fn every_function_parses() {
    let json = stated("controlflow/cases.json");
    let functions = functions().expect("readable");
    assert_eq!(Some(functions.len() as u64), json["count"].as_u64());
    for function in &functions {
        assert!(function.source.contains(&function.name), "{}", function.name);
        assert!(!function.cases.is_empty() && !function.graph_ops.is_empty(), "{}", function.name);
        for case in &function.cases {
            let names: Vec<_> = case.inputs.iter().map(|i| i.name.clone()).collect();
            assert_eq!(names, function.params, "{}", case.id);
            assert!(!case.outputs.is_empty() && case.tol.grad_rtol == case.tol.rtol, "{}", case.id);
        }
    }
    let conditional = functions.iter().find(|f| f.graph_ops.contains_key("StatelessIf"));
    assert_eq!(conditional.map(|f| f.name.as_str()), Some("if_sum_sign"));
}

#[test]
fn every_curve_parses() {
    let curves = curves().expect("readable");
    let all = read_archive(&folder().join("curves/tensors.safetensors")).expect("readable");
    assert_eq!(curves.iter().map(|c| c.tensors.len()).sum::<usize>(), all.len(), "an array has no owner");
    let digits = curves.iter().find(|c| c.id == "digits").expect("recorded");
    assert_eq!(digits.kind, "classifier");
    assert_eq!(digits.tensor("x").meta(), "uint8[1797, 64]");
    assert_eq!(
        digits.tensor("loss").to_f32s().len() as u64,
        digits.info["steps"].as_u64().expect("a number")
    );
    assert_eq!(digits.tensor("batch_indices").to_i32s().len(), 20 * 64);
}

#[test]
fn elements_convert_exactly() {
    let array = |dtype: DType, bytes: &[u8]| Array {
        dtype,
        shape: vec![bytes.len() / dtype.size()],
        bytes: bytes.to_vec(),
    };
    assert_eq!(array(DType::Bool, &[0, 1]).to_f64s(), [0.0, 1.0]);
    assert_eq!(array(DType::Int64, &i64::MIN.to_le_bytes()).to_ints(), [i128::from(i64::MIN)]);
    assert_eq!(array(DType::Uint64, &u64::MAX.to_le_bytes()).to_ints(), [i128::from(u64::MAX)]);
    assert_eq!(array(DType::Float16, &f16::from_f32(0.5).to_le_bytes()).to_f64s(), [0.5]);
    assert_eq!(array(DType::Bfloat16, &bf16::from_f32(-3.0).to_le_bytes()).to_f64s(), [-3.0]);
    let complex: Vec<u8> = [1.5_f32, -2.0].iter().flat_map(|x| x.to_le_bytes()).collect();
    assert_eq!(array(DType::Complex64, &complex).to_f64s(), [1.5, -2.0]);
}
