//! Counts: `bincount` and histograms.

use super::scatter::ScatterElement;
use super::{BadIndex, Index};

/// An element type that counts or weights are summed in.
pub trait Tally: ScatterElement {
    /// Nothing.
    const ZERO: Self;
    /// One occurrence.
    const ONE: Self;
}

macro_rules! tally {
    ($($t:ty, $zero:expr, $one:expr;)*) => {$(
        impl Tally for $t {
            const ZERO: Self = $zero;
            const ONE: Self = $one;
        }
    )*};
}

tally! {
    i32, 0, 1;
    i64, 0, 1;
    f32, 0.0, 1.0;
    f64, 0.0, 1.0;
}

/// `DenseBincount` of one row: in bin `v` of `out` how many of `values` are `v`, or the sum of their
/// `weights`; with `binary` whether there is one. Values past the last bin are ignored.
///
/// # Errors
/// The first negative value.
///
/// # Panics
/// If there are weights, but not one for each value.
pub fn bincount<I: Index, W: Tally>(
    values: &[I],
    weights: Option<&[W]>,
    binary: bool,
    out: &mut [W],
) -> Result<(), BadIndex> {
    if let Some(position) = values.iter().position(|v| v.value() < 0) {
        return Err(BadIndex { position, value: values[position].value() });
    }
    if let Some(weights) = weights {
        assert_eq!(weights.len(), values.len(), "one weight for each value");
    }
    out.fill(W::ZERO);
    for (i, value) in values.iter().enumerate() {
        if let Some(bin) = out.get_mut(value.value() as usize) {
            *bin = match weights {
                _ if binary => W::ONE,
                Some(weights) => bin.plus(weights[i]),
                None => bin.plus(W::ONE),
            };
        }
    }
    Ok(())
}

/// A type whose values histograms count.
pub trait BinValue: Copy + PartialOrd {
    /// `self - other`, rounded as the type's subtraction is, as f64.
    fn distance(self, other: Self) -> f64;
}

macro_rules! bin_value {
    ($($t:ty, |$a:ident, $b:ident| $distance:expr;)*) => {$(
        impl BinValue for $t {
            fn distance(self, other: Self) -> f64 {
                let ($a, $b) = (self, other);
                $distance
            }
        }
    )*};
}

bin_value! {
    f32, |a, b| (a - b).into();
    f64, |a, b| a - b;
    i32, |a, b| f64::from(a) - f64::from(b);
    i64, |a, b| (i128::from(a) - i128::from(b)) as f64;
}

/// `tf.histogram_fixed_width`: how many of `values` fall in each of `out.len()` equal bins of `range`; what
/// lies outside counts in the first or the last bin.
///
/// The caller has checked that there is a bin and that `range[0] < range[1]`.
///
/// # Errors
/// The position of the first NaN.
pub fn histogram_fixed_width<T: BinValue, W: Tally>(
    values: &[T],
    range: [T; 2],
    out: &mut [W],
) -> Result<(), usize> {
    let nan = |v: &T| v.partial_cmp(v).is_none();
    if let Some(position) = values.iter().position(nan) {
        return Err(position);
    }
    let [low, high] = range;
    let step = high.distance(low) / out.len() as f64;
    let last = (out.len() - 1) as f64;
    out.fill(W::ZERO);
    for &value in values {
        let value = if value > low { value } else { low };
        let bin = &mut out[(value.distance(low) / step).min(last) as usize];
        *bin = bin.plus(W::ONE);
    }
    Ok(())
}
