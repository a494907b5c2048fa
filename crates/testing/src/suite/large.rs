//! Cases large enough that kernels share their work between threads.

use super::Case;
use tenfold_core::op::{AttrKind, Class, Cpu, Data, OpDef, Outcome, Sample};
use tenfold_core::{DType, ops};

/// Elements: above every threshold below which a kernel stays on one thread, and no multiple of a block.
const MANY: usize = 150_001;

/// One f32 (or, without floats, i32) case of each op that a large one can be made for: element-wise ops from their first
/// sample's values, reductions over rows, over columns and whole, scans, and matrix products.
pub fn large_cases() -> Vec<Case> {
    ops::ALL.iter().flat_map(|op| large(op)).collect()
}

fn large(op: &'static OpDef) -> Vec<Case> {
    let dtype = match op.sig.inputs.first().map(|i| i.class) {
        None => return vec![],
        Some(class) if class.has(DType::F32) => DType::F32,
        Some(Class::Bool) => DType::Bool,
        Some(_) => DType::I32,
    };
    let case = |sample| Case { op, number: 0, sample, dtype };
    let kinds: Vec<(&str, AttrKind)> = op.sig.attrs.to_vec();
    match kinds.as_slice() {
        _ if matches!(op.cpu, Cpu::Elementwise(_)) => elementwise(op).map(case).into_iter().collect(),
        [("axes", AttrKind::Ints), ("keepdims", AttrKind::Bool)] => {
            let over = |axes: &[i64]| {
                Sample { inputs: vec![waves(&[397, 411])], ..blank() }
                    .attr("axes", axes)
                    .attr("keepdims", false)
            };
            [&[0][..], &[1], &[0, 1]].into_iter().map(|axes| case(over(axes))).collect()
        }
        _ if op.name == "matmul" => {
            let (x, y) = (waves(&[257, 190]), waves(&[190, 301]));
            let sample = Sample { inputs: vec![x, y], ..blank() };
            vec![case(sample.attr("transpose_a", false).attr("transpose_b", false))]
        }
        _ if op.name == "sum_to_shape" => {
            let to = |shape: [usize; 2]| {
                let shape = tenfold_core::Shape::from(shape);
                case(Sample { inputs: vec![waves(&[397, 411])], ..blank() }.attr("shape", shape))
            };
            vec![to([1, 411]), to([397, 1]), to([1, 1])]
        }
        _ => vec![],
    }
}

fn blank() -> Sample {
    Sample { ..tenfold_core::op::ok([]) }
}

fn waves(shape: &[usize]) -> Data {
    let n = shape.iter().product();
    let values = (0..n).map(|i: usize| ((i.wrapping_mul(2_654_435_761) >> 7) % 2003) as f64 / 997.0 - 1.0);
    Data { shape: shape.to_vec(), values: values.collect(), dtype: None }
}

/// The first good sample with its values repeated.
fn elementwise(op: &'static OpDef) -> Option<Sample> {
    let useful = |s: &Sample| s.outcome == Outcome::Ok && s.inputs.iter().all(|d| !d.values.is_empty());
    let mut sample = (op.samples)().into_iter().find(useful)?;
    for data in &mut sample.inputs {
        data.values = data.values.iter().copied().cycle().take(MANY).collect();
        data.shape = vec![MANY];
    }
    Some(sample)
}
