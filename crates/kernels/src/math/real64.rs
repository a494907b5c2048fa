//! [`Real`] for `f64`.

use super::{Real, angle64, circle64, erf64, kernel64, log64};

/// Methods that are a function of another module, or the standard library's.
macro_rules! forward {
    ($($name:ident($($arg:ident),*) = $path:path;)*) => {
        $(#[inline(always)]
        fn $name(self $(, $arg: f64)*) -> f64 {
            $path(self $(, $arg)*)
        })*
    };
}

impl Real for f64 {
    const ZERO: f64 = 0.0;
    const ONE: f64 = 1.0;
    const NAN: f64 = f64::NAN;
    const INFINITY: f64 = f64::INFINITY;

    #[inline(always)]
    fn of(x: f64) -> f64 {
        x
    }

    #[inline(always)]
    fn wide(self) -> f64 {
        self
    }

    #[inline(always)]
    fn is_nan(self) -> bool {
        f64::is_nan(self)
    }

    #[inline(always)]
    fn nextafter(self, to: f64) -> f64 {
        let up = f64::next_up(self);
        let down = f64::next_down(self);
        let y = if to > self { up } else { to };
        let y = if to < self { down } else { y };
        if self.is_nan() { self } else { y }
    }

    #[inline(always)]
    fn sigmoid(self) -> f64 {
        let e = kernel64::exp(-self.abs());
        let top = if self < 0.0 { e } else { 1.0 };
        top.mul_add(-(e / (1.0 + e)), top)
    }

    #[inline(always)]
    fn is_near(self) -> bool {
        circle64::is_near(self)
    }

    forward! {
        mul_add(a, b) = f64::mul_add;
        abs() = f64::abs;
        sqrt() = f64::sqrt;
        floor() = f64::floor;
        ceil() = f64::ceil;
        rint() = f64::round_ties_even;
        trunc() = f64::trunc;

        exp() = kernel64::exp;
        exp2() = kernel64::exp2;
        tanh() = kernel64::tanh;
        expm1() = log64::expm1;
        sinh() = log64::sinh;
        cosh() = log64::cosh;

        ln() = log64::ln;
        log1p() = log64::log1p;
        log2() = log64::log2;
        log10() = log64::log10;
        softplus() = log64::softplus;
        asinh() = log64::asinh;
        acosh() = log64::acosh;
        atanh() = log64::atanh;
        pow(y) = log64::pow;

        erf() = erf64::erf;
        erfc() = erf64::erfc;
        sin() = circle64::sin;
        cos() = circle64::cos;
        tan() = circle64::tan;
        sin_near() = circle64::sin_near;
        cos_near() = circle64::cos_near;
        tan_near() = circle64::tan_near;
        asin() = angle64::asin;
        acos() = angle64::acos;
        atan() = angle64::atan;
        atan2(x) = angle64::atan2;
    }
}
