//! Whether two tensors agree: to the bit, or as closely as an op promises.

use super::Answer;
use tenfold_core::op::Exact;
use tenfold_core::{DType, Tensor};

/// Same dtype, shape and bits. A NaN is a NaN: Rust itself leaves open which sign and payload an operation gives it (the
/// reference's section on NaN bit patterns), and the compiler exchanges the operands of a sum.
///
/// # Errors
///
/// A sentence with the number of elements that differ and the first of them.
pub fn same_bits(got: &Tensor, want: &Tensor) -> Answer {
    if got.meta() != want.meta() {
        return Err(format!("is {}, not {}", got.meta(), want.meta()));
    }
    let text = |e: tenfold_core::Error| e.to_string();
    let (a, b) = (got.storage().map_err(text)?, want.storage().map_err(text)?);
    if a.bytes() == b.bytes() {
        return Ok(());
    }
    let size = got.dtype().size();
    let (a, b) = (a.bytes().chunks_exact(size), b.bytes().chunks_exact(size));
    let (xs, ys) = (got.to_f64_vec().map_err(text)?, want.to_f64_vec().map_err(text)?);
    let differs = |(i, (a, b)): &(usize, (&[u8], &[u8]))| a != b && !(xs[*i].is_nan() && ys[*i].is_nan());
    let differ: Vec<usize> = a.clone().zip(b.clone()).enumerate().filter(differs).map(|d| d.0).collect();
    let Some(at) = differ.first().copied() else { return Ok(()) };
    let hex = |bytes: Option<&[u8]>| -> String {
        bytes.unwrap_or_default().iter().rev().map(|b| format!("{b:02x}")).collect()
    };
    let (x, y) = (xs[at], ys[at]);
    let bits = format!("0x{}, not 0x{}", hex(a.clone().nth(at)), hex(b.clone().nth(at)));
    Err(format!("{} of {} elements differ; element {at} is {x:?}, not {y:?} ({bits})", differ.len(), a.len()))
}

/// [`same_bits`] of each pair.
///
/// # Errors
///
/// As there, with the position of the result.
pub fn same_bits_all(got: &[Tensor], want: &[Tensor]) -> Answer {
    if got.len() != want.len() {
        return Err(format!("{} results, not {}", got.len(), want.len()));
    }
    let pairs = got.iter().zip(want).enumerate();
    pairs.into_iter().try_for_each(|(i, (a, b))| same_bits(a, b).map_err(|e| format!("result {i}: {e}")))
}

/// The distance from 1 to the next number, for floats.
fn epsilon(dtype: DType) -> f64 {
    match dtype {
        DType::F16 => 2f64.powi(-10),
        DType::BF16 => 2f64.powi(-7),
        DType::F64 => f64::EPSILON,
        _ => f64::from(f32::EPSILON),
    }
}

/// Agreement within an op's own promise, `slack` times wider: units in the last place are counted at the element, or at
/// a hundredth of the largest one, where sums cancel.
///
/// # Errors
///
/// A sentence with the first element that is too far off.
pub fn within(exact: Exact, slack: f64, got: &Tensor, want: &Tensor) -> Answer {
    if got.meta() != want.meta() {
        return Err(format!("is {}, not {}", got.meta(), want.meta()));
    }
    let text = |e: tenfold_core::Error| e.to_string();
    let (a, b) = (got.to_f64_vec().map_err(text)?, want.to_f64_vec().map_err(text)?);
    let dtype = got.dtype();
    let eps = epsilon(dtype);
    let relative = match exact {
        _ if !dtype.is_float() => 0.0,
        Exact::Bits => (slack - 1.0) * eps,
        Exact::Ulp(n) => f64::from(n) * eps * slack,
        Exact::Relative(r) => r * slack * eps / f64::from(f32::EPSILON),
    };
    let largest = b.iter().filter(|v| v.is_finite()).fold(0.0f64, |m, v| m.max(v.abs()));
    let pairs = a.iter().zip(&b).enumerate();
    for (i, (a, b)) in pairs {
        let same = a == b || (a.is_nan() && b.is_nan());
        let near = (a - b).abs() <= relative * b.abs().max(largest * 0.01);
        if !same && !near {
            return Err(format!("element {i} is {a:?}, not {b:?} (allowed {relative:e} relative)"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenfold_core as tf;

    #[test]
    fn bits_tell_zeros_apart_and_nans_not() {
        let (plus, minus) = (tf::constant([1.0, 0.0]), tf::constant([1.0, -0.0]));
        let told = same_bits(&plus, &minus).expect_err("they differ");
        assert_eq!(told, "1 of 2 elements differ; element 1 is 0.0, not -0.0 (0x00000000, not 0x80000000)");
        let nans = [0x7fc00000, 0x7fc00001].map(|b| tf::constant(f32::from_bits(b)));
        assert!(same_bits(&nans[0], &nans[1]).is_ok() && same_bits(&nans[1], &tf::constant(1.0)).is_err());
        assert!(same_bits(&plus, &tf::constant([1, 0])).is_err_and(|e| e == "is f32[2], not i32[2]"));
    }

    #[test]
    fn a_promise_is_kept_or_broken() {
        let (x, y) = (tf::constant([1.0, 2.0]), tf::constant([1.0, 2.0000002]));
        assert!(within(Exact::Bits, 1.0, &x, &y).is_err());
        assert!(within(Exact::Ulp(1), 1.0, &x, &y).is_ok());
        assert!(within(Exact::Relative(1e-5), 1.0, &x, &tf::constant([1.0, 2.1])).is_err());
        assert!(within(Exact::Relative(1e-5), 1.0, &tf::constant(f32::NAN), &tf::constant(f32::NAN)).is_ok());
        assert!(within(Exact::Relative(1e-5), 1.0, &tf::constant(f32::NAN), &tf::constant(1.0)).is_err());
        assert!(within(Exact::Relative(1.0), 1.0, &tf::constant([1]), &tf::constant([2])).is_err());
    }
}
