//! Bad input: any ranks, dtypes, attributes and special values give an answer or an [`Error`], never another panic.

use super::{Answer, Case, Numbers, panic_text, traced};
use std::panic::{AssertUnwindSafe, catch_unwind};
use tenfold_core::graph::Graph;
use tenfold_core::op::{Attr, AttrKind, Attrs, OpDef};
use tenfold_core::{DType, Error, Shape, Tensor, catch, door};

/// Calls an op `times` times with random inputs and attributes, most of them wrong; answers with the calls that panic
/// with anything but an [`Error`] or are called a bug of Tenfold.
///
/// Some attributes are gigantic on purpose: what they ask for is refused, by every allocator. None is merely large.
pub fn fuzz(op: &'static OpDef, times: usize) -> Vec<String> {
    let mut wrong: Vec<String> = vec![];
    let seed = op.name.bytes().fold(0u64, |h, b| h.wrapping_mul(31).wrapping_add(u64::from(b)));
    let mut numbers = Numbers::new(seed);
    let samples = (op.samples)();
    for _ in 0..times {
        let inputs = random_inputs(op, &mut numbers);
        let known = samples.get(numbers.below(samples.len().max(1) * 2)).map(|s| s.attrs.clone());
        let attrs = known.unwrap_or_else(|| random_attrs(op, &mut numbers));
        let refs: Vec<&Tensor> = inputs.iter().collect();
        let outcome = catch_unwind(AssertUnwindSafe(|| catch(|| door::try_apply(op, &refs, attrs.clone()))));
        let what = match outcome {
            Ok(Ok(Ok(_))) => continue,
            Ok(Ok(Err(e)) | Err(e)) if e.kind() != tenfold_core::Kind::Internal => continue,
            Ok(Ok(Err(e)) | Err(e)) => format!("is a bug: {e}"),
            Err(payload) => format!("panics: {}", panic_text(&*payload)),
        };
        let metas: Vec<String> = inputs.iter().map(|x| x.meta().to_string()).collect();
        wrong.push(format!("{}({}) {attrs:?} {what}", op.name, metas.join(", ")));
    }
    // One of each kind is enough.
    let mut seen = std::collections::HashSet::new();
    wrong.retain(|w| seen.insert(w.rsplit_once("} ").map_or(w.as_str(), |p| p.1).to_string()));
    wrong
}

fn random_inputs(op: &OpDef, numbers: &mut Numbers) -> Vec<Tensor> {
    let declared = op.sig.inputs.len();
    let count = match numbers.below(12) {
        0 => numbers.below(4),
        _ if op.sig.variadic => declared + numbers.below(3),
        _ => declared,
    };
    let group = numbers.pick(&DType::ALL);
    let shape = random_shape(numbers);
    let tensor = |i: usize| {
        let fitting: Vec<DType> =
            op.sig.input(i).map(|input| input.class.dtypes().collect()).unwrap_or_default();
        let dtype = match numbers.below(4) {
            0 => numbers.pick(&DType::ALL),
            _ if fitting.contains(&group) => group,
            _ if !fitting.is_empty() => numbers.pick(&fitting),
            _ => group,
        };
        let shape = if numbers.below(3) == 0 { random_shape(numbers) } else { shape.clone() };
        let n = shape.iter().product();
        let values: Vec<f64> = (0..n).map(|_| numbers.below(7) as f64 - 2.0).collect();
        Tensor::from_f64(&values, dtype, shape).unwrap_or_else(|e| panic!("{e}"))
    };
    (0..count).map(tensor).collect()
}

fn random_shape(numbers: &mut Numbers) -> Vec<usize> {
    let rank = numbers.below(6);
    (0..rank).map(|_| numbers.pick(&[0, 1, 2, 2, 3, 3, 4])).collect()
}

fn random_int(numbers: &mut Numbers) -> i64 {
    match numbers.below(16) {
        0 => numbers.pick(&[i64::MAX, i64::MIN, 1 << 50, -(1 << 50), i64::MAX / 2]),
        _ => numbers.below(9) as i64 - 3,
    }
}

fn random_attrs(op: &OpDef, numbers: &mut Numbers) -> Attrs {
    let mut attrs = Attrs::new();
    let words = ["SAME", "VALID", "NHWC", "nonsense", ""];
    for (name, kind) in op.sig.attrs {
        let attr: Attr = match kind {
            AttrKind::Int => random_int(numbers).into(),
            AttrKind::Float => numbers.pick(&[0.0, 1.0, -1.5, f64::NAN, f64::INFINITY, 1e300]).into(),
            AttrKind::Bool => (numbers.below(2) == 1).into(),
            AttrKind::Str => numbers.pick(&words).into(),
            AttrKind::DType => numbers.pick(&DType::ALL).into(),
            AttrKind::Shape => {
                let mut shape = random_shape(numbers);
                if numbers.below(12) == 0 {
                    shape.push(numbers.pick(&[1 << 50, 1 << 62]));
                }
                Shape::from(shape).into()
            }
            AttrKind::Ints => {
                let n = numbers.below(7);
                (0..n).map(|_| random_int(numbers)).collect::<Vec<i64>>().into()
            }
            AttrKind::Tensor => numbers.tensor(DType::F32, &Shape::from([2])).into(),
            AttrKind::Graph => Graph::default().into(),
        };
        attrs = attrs.with(name, attr);
    }
    attrs
}

/// The sample's float inputs filled with NaN, infinities, signed zeros, the largest and the smallest numbers: the call
/// gives an answer or an error, and the same bits eager, traced and after each pass.
///
/// # Errors
///
/// What differs.
pub fn specials(case: &Case) -> Answer {
    let mut inputs = case.inputs();
    if !case.succeeds() || !inputs.iter().any(|x| x.dtype().is_float()) {
        return Ok(());
    }
    let values =
        [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, 1.0, -1.0, 3e38, -3e38, 1e-45, 0.5, 1e308];
    for (i, x) in inputs.iter_mut().enumerate().filter(|(_, x)| x.dtype().is_float()) {
        // Another start for each input, so that pairs differ.
        let special: Vec<f64> =
            values.iter().cycle().skip(i * 5).take(x.shape().num_elements()).copied().collect();
        *x = Tensor::from_f64(&special, x.dtype(), x.shape()).map_err(|e: Error| e.to_string())?;
    }
    match case.call(&inputs) {
        Ok(_) => traced::eager_is_traced_with(case, inputs),
        Err(_) => Ok(()),
    }
}
