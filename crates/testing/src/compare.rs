//! Comparisons of a result with a recorded one. Each says, in one line, where the first and the worst difference are.

use crate::fixtures::{Array, Case, Compare, DType};

/// Compares what Tenfold computed with what the case recorded, as the case asks.
///
/// `Ok` if they agree; otherwise a sentence with the number of differing elements, the first and the worst.
pub fn output(case: &Case, actual: &Array, expected: &Array) -> Result<(), String> {
    by(case.compare, actual, expected, case.tol.rtol, case.tol.atol)
}

/// Compares a gradient with the recorded one: within the tolerance, whatever the case asks of its outputs.
pub fn gradient(case: &Case, actual: &Array, expected: &Array) -> Result<(), String> {
    by(Compare::AllClose, actual, expected, case.tol.grad_rtol, case.tol.grad_atol)
}

/// Compares two arrays in the given way.
pub fn by(how: Compare, actual: &Array, expected: &Array, rtol: f64, atol: f64) -> Result<(), String> {
    if actual.dtype != expected.dtype || actual.shape != expected.shape {
        return Err(format!("is {}, expected {}", actual.meta(), expected.meta()));
    }
    let integral = !actual.dtype.is_float() && actual.dtype != DType::Complex64;
    if integral && (how != Compare::UpToOrder) {
        return differences(
            &actual.to_ints(),
            &expected.to_ints(),
            expected,
            |a, e| a == e,
            |a, e| (a - e) as f64,
        );
    }
    let (a, mut e) = (actual.to_f64s(), expected.to_f64s());
    let close = |a: &f64, e: &f64| same(*a, *e) || (a - e).abs() <= atol + rtol * e.abs() && a.is_finite();
    let error = |a: &f64, e: &f64| a - e;
    match how {
        Compare::AllClose => differences(&a, &e, expected, close, error),
        Compare::Exact => differences(&a, &e, expected, |a, e| same(*a, *e), error),
        Compare::SignedZero => {
            let equal = |a: &f64, e: &f64| {
                same(*a, *e) && (a.is_nan() || a.is_sign_negative() == e.is_sign_negative())
            };
            differences(&a, &e, expected, equal, error)
        }
        Compare::UpToColumnSign => {
            let (rows, columns) = match expected.shape[..] {
                [.., rows, columns] => (rows, columns),
                _ => return Err(format!("{} has no columns", expected.meta())),
            };
            for matrix in 0..e.len() / (rows * columns).max(1) {
                for column in 0..columns {
                    let at = |row: usize| (matrix * rows + row) * columns + column;
                    let dot: f64 = (0..rows).map(|row| a[at(row)] * e[at(row)]).sum();
                    if dot < 0.0 {
                        (0..rows).for_each(|row| e[at(row)] = -e[at(row)]);
                    }
                }
            }
            differences(&a, &e, expected, close, error)
        }
        Compare::UpToOrder => {
            let sorted = |mut x: Vec<f64>| {
                x.sort_by(f64::total_cmp);
                x
            };
            differences(&sorted(a), &sorted(e), expected, close, error)
        }
    }
}

/// Equal as numbers, where NaN equals NaN.
fn same(a: f64, e: f64) -> bool {
    a == e || (a.is_nan() && e.is_nan())
}

/// Walks both arrays and describes what does not agree.
fn differences<T: std::fmt::Debug>(
    actual: &[T],
    expected: &[T],
    meta: &Array,
    agree: impl Fn(&T, &T) -> bool,
    error: impl Fn(&T, &T) -> f64,
) -> Result<(), String> {
    let wrong: Vec<usize> = (0..expected.len()).filter(|&i| !agree(&actual[i], &expected[i])).collect();
    let Some(&first) = wrong.first() else { return Ok(()) };
    // A NaN or infinite difference is worse than any finite one.
    let size = |i: usize| {
        Some(error(&actual[i], &expected[i]).abs()).filter(|e| !e.is_nan()).unwrap_or(f64::INFINITY)
    };
    let worst = wrong.iter().copied().fold(first, |w, i| if size(i) > size(w) { i } else { w });
    let show =
        |i: usize| format!("at {:?} is {:?}, expected {:?}", position(meta, i), actual[i], expected[i]);
    let mut text = format!("{} of {} elements of {} differ: ", wrong.len(), expected.len(), meta.meta());
    text += &format!("the first {}", show(first));
    if worst != first {
        text += &format!("; the worst {}", show(worst));
    }
    Err(text)
}

/// Index along each axis of the element at flat position `i`; a complex array has one more axis for the two parts.
fn position(meta: &Array, mut i: usize) -> Vec<usize> {
    let mut shape = meta.shape.clone();
    if meta.dtype == DType::Complex64 {
        shape.push(2);
    }
    let mut index = vec![0; shape.len()];
    for (slot, length) in index.iter_mut().zip(&shape).rev() {
        *slot = i % length;
        i /= length;
    }
    index
}

#[cfg(test)]
mod tests {
    use super::*;

    fn f32s(shape: &[usize], values: &[f32]) -> Array {
        let bytes = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        Array { dtype: DType::Float32, shape: shape.to_vec(), bytes }
    }

    #[test]
    fn nan_and_infinities_agree_with_themselves_only() {
        let special = f32s(&[3], &[f32::NAN, f32::INFINITY, f32::NEG_INFINITY]);
        for how in [Compare::AllClose, Compare::Exact, Compare::SignedZero, Compare::UpToOrder] {
            assert_eq!(by(how, &special, &special, 1e-3, 1e-3), Ok(()), "{how:?}");
        }
        let finite = f32s(&[3], &[0.0, 1e30, -1e30]);
        let swapped = f32s(&[3], &[f32::NAN, f32::NEG_INFINITY, f32::INFINITY]);
        for wrong in [&finite, &swapped] {
            assert!(by(Compare::AllClose, wrong, &special, 1.0, 1.0).is_err());
            assert!(by(Compare::AllClose, &special, wrong, 1.0, 1.0).is_err());
        }
    }

    #[test]
    fn tolerance_is_relative_to_the_expected_value() {
        let expected = f32s(&[2], &[100.0, 0.0]);
        assert_eq!(by(Compare::AllClose, &f32s(&[2], &[100.5, 0.01]), &expected, 0.01, 0.02), Ok(()));
        let message = by(Compare::AllClose, &f32s(&[2], &[103.0, 1.0]), &expected, 0.01, 0.02);
        let text = "2 of 2 elements of float32[2] differ: the first at [0] is 103.0, expected 100.0";
        assert_eq!(message, Err(text.to_owned()));
    }

    #[test]
    fn the_worst_difference_is_named_with_its_place() {
        let expected = f32s(&[2, 2], &[1.0, 2.0, 3.0, 4.0]);
        let message = by(Compare::Exact, &f32s(&[2, 2], &[1.0, 2.5, 3.0, f32::NAN]), &expected, 0.0, 0.0);
        let text = "2 of 4 elements of float32[2, 2] differ: the first at [0, 1] is 2.5, expected 2.0; \
                    the worst at [1, 1] is NaN, expected 4.0";
        assert_eq!(message, Err(text.to_owned()));
    }

    #[test]
    fn a_signed_zero_counts_only_where_asked() {
        let (plus, minus) = (f32s(&[1], &[0.0]), f32s(&[1], &[-0.0]));
        assert_eq!(by(Compare::Exact, &plus, &minus, 0.0, 0.0), Ok(()));
        assert!(by(Compare::SignedZero, &plus, &minus, 0.0, 0.0).is_err());
        assert_eq!(by(Compare::SignedZero, &minus, &minus, 0.0, 0.0), Ok(()));
    }

    #[test]
    fn a_column_may_change_sign_as_a_whole_only() {
        let expected = f32s(&[2, 2], &[1.0, 2.0, 3.0, 4.0]);
        assert_eq!(
            by(Compare::UpToColumnSign, &f32s(&[2, 2], &[-1.0, 2.0, -3.0, 4.0]), &expected, 1e-6, 0.0),
            Ok(())
        );
        assert!(
            by(Compare::UpToColumnSign, &f32s(&[2, 2], &[-1.0, 2.0, 3.0, 4.0]), &expected, 1e-6, 0.0)
                .is_err()
        );
    }

    #[test]
    fn order_is_free_only_where_asked() {
        let (a, b) = (f32s(&[3], &[3.0, 1.0, 2.0]), f32s(&[3], &[1.0, 2.0, 3.0]));
        assert_eq!(by(Compare::UpToOrder, &a, &b, 0.0, 0.0), Ok(()));
        assert!(by(Compare::AllClose, &a, &b, 0.0, 0.0).is_err());
        assert!(by(Compare::UpToOrder, &f32s(&[3], &[3.0, 1.0, 1.0]), &b, 0.0, 0.0).is_err());
    }

    #[test]
    fn dtype_and_shape_come_first() {
        let a = f32s(&[2], &[1.0, 2.0]);
        let message = by(Compare::AllClose, &a, &f32s(&[1, 2], &[1.0, 2.0]), 0.0, 0.0);
        assert_eq!(message, Err("is float32[2], expected float32[1, 2]".to_owned()));
        let ints = Array { dtype: DType::Int32, shape: vec![2], bytes: a.bytes.clone() };
        assert!(by(Compare::AllClose, &a, &ints, 0.0, 0.0).is_err());
    }

    #[test]
    fn integers_are_compared_exactly() {
        let long = |x: i64| Array { dtype: DType::Int64, shape: vec![], bytes: x.to_le_bytes().to_vec() };
        assert_eq!(by(Compare::AllClose, &long(i64::MAX), &long(i64::MAX), 1.0, 1.0), Ok(()));
        assert!(by(Compare::AllClose, &long(i64::MAX - 1), &long(i64::MAX), 1.0, 1.0).is_err());
    }
}
