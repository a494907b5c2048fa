//! [`Real`] for `f32`.

use super::{Real, exp32, log32, wide32};

/// Methods that are a function of another module, or the standard library's.
macro_rules! forward {
    ($($name:ident($($arg:ident),*) = $path:path;)*) => {
        $(#[inline(always)]
        fn $name(self $(, $arg: f32)*) -> f32 {
            $path(self $(, $arg)*)
        })*
    };
}

impl Real for f32 {
    const ZERO: f32 = 0.0;
    const ONE: f32 = 1.0;
    const NAN: f32 = f32::NAN;
    const INFINITY: f32 = f32::INFINITY;

    #[inline(always)]
    fn of(x: f64) -> f32 {
        x as f32
    }

    #[inline(always)]
    fn wide(self) -> f64 {
        self as f64
    }

    #[inline(always)]
    fn is_nan(self) -> bool {
        f32::is_nan(self)
    }

    #[inline(always)]
    fn nextafter(self, to: f32) -> f32 {
        let up = f32::next_up(self);
        let down = f32::next_down(self);
        let y = if to > self { up } else { to };
        let y = if to < self { down } else { y };
        if self.is_nan() { self } else { y }
    }

    forward! {
        mul_add(a, b) = f32::mul_add;
        abs() = f32::abs;
        sqrt() = f32::sqrt;
        floor() = f32::floor;
        ceil() = f32::ceil;
        rint() = f32::round_ties_even;
        trunc() = f32::trunc;

        exp() = exp32::exp;
        exp2() = exp32::exp2;
        expm1() = exp32::expm1;
        tanh() = exp32::tanh;
        sigmoid() = exp32::sigmoid;
        erf() = exp32::erf;

        ln() = log32::ln;
        log1p() = log32::log1p;
        softplus() = log32::softplus;

        log2() = wide32::log2;
        log10() = wide32::log10;
        sin() = wide32::sin;
        cos() = wide32::cos;
        tan() = wide32::tan;
        asin() = wide32::asin;
        acos() = wide32::acos;
        atan() = wide32::atan;
        atan2(x) = wide32::atan2;
        sinh() = wide32::sinh;
        cosh() = wide32::cosh;
        asinh() = wide32::asinh;
        acosh() = wide32::acosh;
        atanh() = wide32::atanh;
        erfc() = wide32::erfc;
        pow(y) = wide32::pow;
    }
}
