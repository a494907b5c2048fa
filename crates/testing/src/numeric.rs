//! Numeric derivatives: central differences, twice extrapolated.

/// A derivative and how far it may be off.
#[derive(Clone, Copy, Debug)]
pub struct Slope {
    /// The derivative.
    pub value: f64,
    /// A bound of its error, from how the differences settle and from rounding.
    pub error: f64,
}

/// The derivative of `f` at `x` from central differences at three steps, by Richardson's extrapolation: an error of
/// order `h⁶`, so that the step may be large enough for rounding to stay small.
///
/// Source: Richardson, "The approximate arithmetical solution by finite differences" (1911).
///
/// # Errors
///
/// Those of `f`.
///
/// ```
/// # use tenfold_testing::numeric::slope;
/// let s = slope(|x| Ok::<f64, ()>(x.sin()), 0.5).unwrap();
/// assert!((s.value - 0.5f64.cos()).abs() <= s.error && s.error < 1e-9);
/// ```
pub fn slope<E>(f: impl Fn(f64) -> Result<f64, E>, x: f64) -> Result<Slope, E> {
    let mut size = 0.0f64;
    let mut central = |h: f64| -> Result<f64, E> {
        // The step as it is after rounding.
        let (up, down) = (x + h, x - h);
        let (a, b) = (f(up)?, f(down)?);
        size = size.max(a.abs()).max(b.abs());
        Ok((a - b) / (up - down))
    };
    let h = 2e-3 * x.abs().clamp(0.05, 1e3);
    let (d0, d1, d2) = (central(h)?, central(h / 2.0)?, central(h / 4.0)?);
    let (r0, r1) = ((4.0 * d1 - d0) / 3.0, (4.0 * d2 - d1) / 3.0);
    let value = (16.0 * r1 - r0) / 15.0;
    // A few units in the last place of `f`, over the smallest step; and what the last extrapolation changed.
    let error = 64.0 * f64::EPSILON * size / h + 2.0 * (value - r1).abs();
    Ok(Slope { value, error })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smooth_functions_to_many_digits() {
        let check = |f: fn(f64) -> f64, x: f64, want: f64| {
            let s = slope(|x| Ok::<f64, ()>(f(x)), x).expect("defined");
            assert!((s.value - want).abs() <= s.error.max(1e-13), "{s:?}, not {want}");
            assert!(s.error < 1e-8 * want.abs().max(1.0), "{s:?}");
        };
        check(f64::exp, 1.0, 1f64.exp());
        check(f64::ln, 0.01, 100.0);
        check(|x| x * x * x, -20.0, 1200.0);
        check(|_| 1.0, 0.0, 0.0);
    }

    #[test]
    fn a_wrong_derivative_is_told_from_a_right_one() {
        let s = slope(|x| Ok::<f64, ()>(x.sqrt()), 4.0).expect("defined");
        assert!((s.value - 0.2500001).abs() > s.error);
    }
}
