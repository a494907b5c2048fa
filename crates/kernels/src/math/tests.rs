//! Errors against `f64` references, special values, and equal bits at every level.

use super::Real;
use crate::clones::{at_each_level, clones};

/// Numbers of every magnitude and sign, denser where functions bend, and all the special ones.
fn samples32(count: u32) -> Vec<f32> {
    let mut x = vec![
        0.0,
        f32::INFINITY,
        f32::NAN,
        f32::MAX,
        f32::MIN_POSITIVE,
        f32::from_bits(1),
        f32::from_bits(0x007F_FFFF),
        1.0,
        1.0f32.next_up(),
        1.0f32.next_down(),
        0.5,
        2.0,
        3.0,
        88.722_84,
        88.722_85,
        103.972_08,
        104.0,
        89.416,
        9.01,
        9.1,
        16_777_216.0,
        8_388_609.0,
    ];
    // Every exponent, with mantissas that change from one to the next.
    let mut state = 0x9E37_79B9_u32;
    for i in 0..count {
        state = state.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
        let everywhere = f32::from_bits((i.wrapping_mul(0x7F80_0000 / count) & 0x7FFF_0000) | (state >> 16));
        let near = 20.0 * i as f32 / count as f32 + (state >> 8) as f32 * 1e-10;
        x.extend([everywhere, near, 110.0 * i as f32 / count as f32]);
    }
    x.iter().flat_map(|&x| [x, -x]).collect()
}

/// The distance of `got` from `want` in ulp of `got`'s type at `want`; 0 where both are the same special value.
fn ulp32(got: f32, want: f64) -> f64 {
    if (got.is_nan() && want.is_nan()) || got as f64 == want || (want as f32 == got && got.is_infinite()) {
        return 0.0;
    }
    let exponent = (want.abs().max(f32::MIN_POSITIVE as f64)).log2().floor() as i32;
    (got as f64 - want).abs() / 2f64.powi(exponent - 23)
}

fn ulp64(got: f64, want: f64) -> f64 {
    if (got.is_nan() && want.is_nan()) || got == want {
        return 0.0;
    }
    let exponent = ((want.abs().max(f64::MIN_POSITIVE)).log2().floor() as i32).max(-1022);
    // In two steps: the ulp of a small number is denormal.
    (got - want).abs() * 2f64.powi(-exponent / 2) * 2f64.powi(52 - exponent + exponent / 2)
}

macro_rules! check32 {
    ($($name:ident <= $limit:literal, $reference:expr;)*) => {$({
        let mut worst = (0.0, 0.0);
        for x in samples32(20_000) {
            let got: f32 = Real::$name(x);
            let want: f64 = $reference(x as f64);
            let error = ulp32(got, want);
            // NaN where a number should be is an error, too.
            if error > worst.0 || error.is_nan() { worst = (error, x); }
        }
        let x = worst.1;
        println!("f32 {:10} {:.3} ulp at {x:?}", stringify!($name), worst.0);
        assert!(worst.0 <= $limit, "{}({x:?}) = {:?}, not {:?}", stringify!($name), Real::$name(x), $reference(x as f64));
    })*};
}

/// The limits are those that the documentation of [`Real`] states.
#[test]
fn f32_functions_stay_within_their_error() {
    check32! {
        exp <= 0.95, f64::exp;
        exp2 <= 0.85, f64::exp2;
        expm1 <= 1.33, f64::exp_m1;
        ln <= 0.73, f64::ln;
        log1p <= 1.24, f64::ln_1p;
        log2 <= 0.51, f64::log2;
        log10 <= 0.51, f64::log10;
        sqrt <= 0.5, f64::sqrt;
        rsqrt <= 1.46, |x: f64| 1.0 / x.sqrt();
        sin <= 0.51, f64::sin;
        cos <= 0.51, f64::cos;
        tan <= 0.51, f64::tan;
        asin <= 0.51, f64::asin;
        acos <= 0.51, f64::acos;
        atan <= 0.51, f64::atan;
        sinh <= 0.51, f64::sinh;
        cosh <= 0.51, f64::cosh;
        tanh <= 0.97, f64::tanh;
        asinh <= 0.51, libm::asinh;
        acosh <= 0.51, f64::acosh;
        atanh <= 0.51, libm::atanh;
        sigmoid <= 1.41, |x: f64| if x < 0.0 { x.exp() / (1.0 + x.exp()) } else { 1.0 / (1.0 + (-x).exp()) };
        softplus <= 1.45, |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
        log_sigmoid <= 1.45, |x: f64| -((-x).max(0.0) + (-x.abs()).exp().ln_1p());
        erf <= 0.93, libm::erf;
        erfc <= 0.51, libm::erfc;
    }
}

macro_rules! check64 {
    ($($name:ident <= $limit:literal, $reference:expr;)*) => {$({
        let mut worst = (0.0, 0.0);
        for x in samples64() {
            let got: f64 = Real::$name(x);
            let want: f64 = $reference(x);
            let error = ulp64(got, want);
            // NaN where a number should be is an error, too.
            if error > worst.0 || error.is_nan() { worst = (error, x); }
        }
        let x = worst.1;
        println!("f64 {:10} {:.3} ulp at {x:?}", stringify!($name), worst.0);
        assert!(worst.0 <= $limit, "{}({x:?}) = {:?}, not {:?}", stringify!($name), Real::$name(x), $reference(x));
    })*};
}

/// Numbers as in [`samples32`], over the range of `f64`.
fn samples64() -> Vec<f64> {
    let mut x: Vec<f64> = samples32(10_000).into_iter().map(f64::from).collect();
    x.extend(samples32(10_000).into_iter().map(|x| f64::from(x).powi(7) * (1.0 + f64::from(x) * 1e-9)));
    x.extend([709.78, 709.783, -745.1, -745.2, -720.3, 1_023.999_999, -1074.5, -1040.1, f64::MAX, f64::MIN]);
    x.extend([f64::from_bits(1), f64::from_bits(0x000F_FFFF_FFFF_FFFF), f64::MIN_POSITIVE]);
    x
}

#[test]
fn f64_functions_stay_within_their_error() {
    // The reference errs by up to 1 ulp itself.
    check64! {
        exp <= 2.0, f64::exp;
        exp2 <= 2.0, f64::exp2;
        expm1 <= 2.0, f64::exp_m1;
        ln <= 2.0, f64::ln;
        log1p <= 2.0, f64::ln_1p;
        log2 <= 2.0, f64::log2;
        log10 <= 2.0, f64::log10;
        sin <= 2.0, f64::sin;
        cos <= 2.0, f64::cos;
        tan <= 2.0, f64::tan;
        asin <= 2.0, f64::asin;
        acos <= 2.0, f64::acos;
        atan <= 2.0, f64::atan;
        sinh <= 2.0, f64::sinh;
        cosh <= 2.0, f64::cosh;
        tanh <= 2.0, f64::tanh;
        asinh <= 2.0, libm::asinh;
        atanh <= 2.0, libm::atanh;
        softplus <= 2.0, |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
        log_sigmoid <= 2.0, |x: f64| -((-x).max(0.0) + (-x.abs()).exp().ln_1p());
        erf <= 2.0, libm::erf;
        acosh <= 2.0, |x: f64| match x {
            _ if x < 1.0 => f64::NAN,
            _ if x > 1e150 => x.ln() + std::f64::consts::LN_2,
            _ => (x - 1.0 + ((x - 1.0) * (x + 1.0)).sqrt()).ln_1p(),
        };
        sigmoid <= 2.0, |x: f64| {
            let e = (-x.abs()).exp();
            if x < 0.0 { e - e * (e / (1.0 + e)) } else { 1.0 - e / (1.0 + e) }
        };
    }
}

/// The largest errors of functions in ulp, and where, against lines of recorded values (mpmath 1.3 and 1.4.1, 220 bits and more): `inputs`
/// arguments, then each function's value in two parts, all as the bits of numbers.
fn worst_of_recorded<const N: usize>(
    text: &str,
    inputs: usize,
    functions: [fn(&[f64]) -> f64; N],
) -> [(f64, Vec<f64>); N] {
    let mut worst = std::array::from_fn(|_| (0.0, Vec::new()));
    for line in text.lines() {
        let numbers =
            line.split(' ').map(|bits| f64::from_bits(u64::from_str_radix(bits, 16).expect("bits")));
        let numbers: Vec<f64> = numbers.collect();
        let (x, values) = numbers.split_at(inputs);
        assert_eq!(values.len(), 2 * N);
        for (worst, (value, function)) in worst.iter_mut().zip(values.chunks(2).zip(functions)) {
            let (high, low) = (value[0], value[1]);
            // The first difference is exact, or far beyond what is allowed; near the smallest numbers there is no low part.
            let unit = (high.abs().next_up() - high.abs()).max(f64::from_bits(1));
            let error = ((function(x) - high) / unit - low / unit).abs();
            if error > worst.0 || error.is_nan() {
                *worst = (error, x.to_vec());
            }
        }
    }
    println!("f64 {worst:?}");
    worst
}

#[test]
fn error_functions_of_f64_stay_within_their_error() {
    let [erf, erfc] =
        worst_of_recorded(include_str!("erf64.txt"), 1, [|x| Real::erf(x[0]), |x| Real::erfc(x[0])]);
    assert!(erf.0 <= 0.77 && erfc.0 <= 1.52, "{erf:?}, {erfc:?}");
    assert_eq!((Real::erfc(30.0f64), Real::erfc(-30.0f64), Real::erf(-9.0f64)), (0.0, 2.0, -1.0));
}

/// At angles of all sizes, next to multiples of a quarter turn (the nearest one that a number comes to, too), and in each window
/// of the bits of 2/π.
#[test]
fn circular_functions_of_f64_stay_within_their_error() {
    let functions: [fn(&[f64]) -> f64; 3] = [|x| Real::sin(x[0]), |x| Real::cos(x[0]), |x| Real::tan(x[0])];
    let [sin, cos, tan] = worst_of_recorded(include_str!("circle64.txt"), 1, functions);
    assert!(sin.0 <= 0.69 && cos.0 <= 0.67 && tan.0 <= 0.74, "{sin:?}, {cos:?}, {tan:?}");
}

#[test]
fn inverse_circular_functions_of_f64_stay_within_their_error() {
    let functions: [fn(&[f64]) -> f64; 2] = [|x| Real::asin(x[0]), |x| Real::acos(x[0])];
    let [asin, acos] = worst_of_recorded(include_str!("arc64.txt"), 1, functions);
    assert!(asin.0 <= 0.61 && acos.0 <= 0.60, "{asin:?}, {acos:?}");
    let [atan2] = worst_of_recorded(include_str!("angle64.txt"), 2, [|x| Real::atan2(x[0], x[1])]);
    let slopes: Vec<&str> =
        include_str!("angle64.txt").lines().filter(|line| line.contains(" 3ff0000000000000 ")).collect();
    assert!(slopes.len() > 30);
    let [atan] = worst_of_recorded(&slopes.join("\n"), 2, [|x| Real::atan(x[0])]);
    assert!(atan2.0 <= 0.72 && atan.0 <= 0.60, "{atan2:?}, {atan:?}");
}

/// The shorter functions of angles that are not far are the same to the bit.
#[test]
fn near_angles_are_reduced_as_all_are() {
    let samples = samples64().into_iter().chain([2f64.powi(30).next_down(), -0.0]);
    let near: Vec<f64> = samples.filter(|&x| Real::is_near(x)).collect();
    assert!(near.len() > 50_000 && near.iter().any(|x| x.abs() > 1e9));
    assert!(![2f64.powi(30), f64::INFINITY, f64::NAN].into_iter().any(Real::is_near));
    for &x in &near {
        let short = (Real::sin_near(x), Real::cos_near(x), Real::tan_near(x));
        let long = (Real::sin(x), Real::cos(x), Real::tan(x));
        assert_eq!(
            (bits64(short.0), bits64(short.1), bits64(short.2)),
            (bits64(long.0), bits64(long.1), bits64(long.2)),
            "{x:?}"
        );
    }
}

/// C99's table for atan2, and the edges of the domains.
#[test]
fn edges_of_the_circular_functions_of_f64() {
    use std::f64::consts::{FRAC_PI_2, FRAC_PI_4, PI};
    let inf = f64::INFINITY;
    let table = [
        (0.0, 0.0, 0.0),
        (0.0, -0.0, PI),
        (0.0, 1.0, 0.0),
        (0.0, -1.0, PI),
        (1.0, 0.0, FRAC_PI_2),
        (1.0, -0.0, FRAC_PI_2),
        (1.0, inf, 0.0),
        (1.0, -inf, PI),
        (inf, 1.0, FRAC_PI_2),
        (inf, -1.0, FRAC_PI_2),
        (inf, inf, FRAC_PI_4),
        (inf, -inf, 3.0 * FRAC_PI_4),
        (0.0, inf, 0.0),
        (0.0, -inf, PI),
        (f64::MAX, f64::from_bits(1), FRAC_PI_2),
        (f64::from_bits(1), f64::MAX, 0.0),
        (f64::MAX, f64::MAX, FRAC_PI_4),
        (f64::from_bits(1), f64::from_bits(1), FRAC_PI_4),
    ];
    for (y, x, angle) in table {
        assert_eq!(bits64(Real::atan2(y, x)), bits64(angle), "({x}, {y})");
        assert_eq!(bits64(Real::atan2(-y, x)), bits64(-angle), "({x}, -{y})");
    }
    assert!(Real::atan2(f64::NAN, 1.0).is_nan() && Real::atan2(inf, f64::NAN).is_nan());
    assert_eq!((Real::atan(inf), Real::atan(-f64::MAX)), (FRAC_PI_2, -FRAC_PI_2));
    assert_eq!((Real::asin(1.0), Real::asin(-1.0), Real::acos(1.0)), (FRAC_PI_2, -FRAC_PI_2, 0.0));
    assert_eq!((Real::acos(-1.0), Real::acos(0.0), Real::acos(-0.0)), (PI, FRAC_PI_2, FRAC_PI_2));
    for x in [1.0f64.next_up(), -2.0, inf, -inf, f64::NAN] {
        assert!(Real::asin(x).is_nan() && Real::acos(x).is_nan(), "{x}");
    }
    for x in [inf, -inf, f64::NAN] {
        assert!(Real::sin(x).is_nan() && Real::cos(x).is_nan() && Real::tan(x).is_nan(), "{x}");
    }
    let tiny = f64::from_bits(1);
    assert_eq!(
        (Real::sin(tiny), Real::tan(-tiny), Real::atan(tiny), Real::asin(-tiny)),
        (tiny, -tiny, tiny, -tiny)
    );
    assert_eq!((Real::cos(0.0f64), Real::cos(tiny)), (1.0, 1.0));
}

#[test]
fn two_argument_functions_stay_within_their_error() {
    let x = samples32(40);
    let (mut pow, mut atan2) = (0f64, 0f64);
    for &a in &x {
        for &b in &x {
            let (wa, wb) = (f64::from(a), f64::from(b));
            pow = pow.max(ulp32(Real::pow(a, b), wa.powf(wb)));
            atan2 = atan2.max(ulp32(Real::atan2(a, b), wa.atan2(wb)));
            let sign = (Real::pow(a, b).is_sign_negative(), wa.powf(wb).is_sign_negative());
            assert!(sign.0 == sign.1 || Real::pow(a, b).is_nan(), "{a}^{b}");
            if !(a.is_nan() || b.is_nan()) {
                assert_eq!(Real::atan2(a, b).is_sign_negative(), wa.atan2(wb).is_sign_negative());
                let r = Real::floor_mod(a, b);
                assert!(r == 0.0 || r.is_nan() || (r < 0.0) == (b < 0.0), "{a} mod {b} = {r}");
            }
        }
    }
    println!("f32 pow {pow:.3}, atan2 {atan2:.3} ulp");
    assert!(pow <= 0.6 && atan2 <= 0.6);
}

/// Every magnitude to many powers, and powers just below the largest and the smallest number.
#[test]
fn powers_of_f64_stay_within_their_error() {
    let x: Vec<f64> = samples64().into_iter().step_by(97).collect();
    let y = samples32(60).into_iter().map(|y| f64::from(y) * 0.737);
    let y: Vec<f64> = y.chain([2.0, 3.0, -1.0, 0.5, 7.0, 1e17, -1e17, 1e300]).collect();
    let mut worst = (0.0, 0.0, 0.0);
    let mut check = |a: f64, b: f64| {
        let (got, want): (f64, f64) = (Real::pow(a, b), a.powf(b));
        let error = ulp64(got, want);
        if error > worst.0 || error.is_nan() {
            worst = (error, a, b);
        }
        assert!(got.is_nan() || got.is_sign_negative() == want.is_sign_negative(), "{a}^{b}");
    };
    for &a in &x {
        y.iter().for_each(|&b| check(a, b));
        // Results all over the range.
        let log = a.abs().ln();
        for result in [-744.0, -708.0, -300.0, -1.0, 0.1, 5.0, 650.0, 709.7, 710.0] {
            check(a.abs(), result / log);
        }
    }
    println!("f64 pow {:.3} ulp at {:?} to {:?}", worst.0, worst.1, worst.2);
    assert!(worst.0 <= 2.0, "{:?} to the power of {:?} errs by {} ulp", worst.1, worst.2, worst.0);
}

/// A number's bits, with one pattern for all NaNs.
fn bits32(x: f32) -> u64 {
    if x.is_nan() { u64::MAX } else { u64::from(x.to_bits()) }
}

fn bits64(x: f64) -> u64 {
    if x.is_nan() { u64::MAX } else { x.to_bits() }
}

macro_rules! same_bits {
    ($t:ty, $bits:ident, $x:expr; $($name:ident)*; $($binary:ident)*) => {{
        $(
            clones! {
                fn $name(x: &[$t], y: &mut [$t]) {
                    for (y, &x) in y.iter_mut().zip(x) {
                        *y = Real::$name(x);
                    }
                }
            }
            let alone: Vec<u64> = $x.iter().map(|&x| $bits(Real::$name(x))).collect();
            at_each_level(|level| {
                let mut y = vec![0.0; $x.len()];
                $name(&$x, &mut y);
                for ((&x, &y), &alone) in $x.iter().zip(&y).zip(&alone) {
                    assert_eq!($bits(y), alone, "{} of {x:?} at {level:?}", stringify!($name));
                }
            });
        )*
        // The second argument runs through the samples with another step than the first.
        let other: Vec<$t> = (0..$x.len()).map(|i| $x[i * 7919 % $x.len()]).collect();
        $(
            clones! {
                fn $binary(x: &[$t], b: &[$t], y: &mut [$t]) {
                    for ((y, &x), &b) in y.iter_mut().zip(x).zip(b) {
                        *y = Real::$binary(x, b);
                    }
                }
            }
            let alone: Vec<u64> =
                $x.iter().zip(&other).map(|(&x, &b)| $bits(Real::$binary(x, b))).collect();
            at_each_level(|level| {
                let mut y = vec![0.0; $x.len()];
                $binary(&$x, &other, &mut y);
                for (i, &alone) in alone.iter().enumerate() {
                    assert_eq!($bits(y[i]), alone, "{}({:?}, {:?}) at {level:?}", stringify!($binary), $x[i], other[i]);
                }
            });
        )*
    }};
}

#[test]
fn every_level_gives_the_bits_of_a_single_call() {
    let narrow = samples32(1_500);
    same_bits! { f32, bits32, narrow;
        exp exp2 expm1 ln log1p log2 log10 sqrt rsqrt sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh
        sigmoid softplus log_sigmoid erf erfc floor ceil rint trunc sign abs;
        pow atan2 floor_div floor_mod maximum minimum xlogy xlog1py xdivy divide_no_nan multiply_no_nan nextafter
    }
    let wide: Vec<f64> = samples64().into_iter().step_by(17).collect();
    same_bits! { f64, bits64, wide;
        exp exp2 expm1 ln log1p log2 log10 sqrt rsqrt sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh
        sigmoid softplus log_sigmoid erf erfc floor ceil rint trunc sign abs;
        pow atan2 floor_div floor_mod maximum minimum xlogy xlog1py xdivy divide_no_nan multiply_no_nan nextafter
    }
}

/// f(±0) = ±0 with its sign, for every odd function, and f is odd to the bit.
#[test]
fn odd_functions_are_odd() {
    macro_rules! odd {
        ($t:ty, $bits:ident, $x:expr; $($name:ident)*) => {$(
            assert_eq!($bits(Real::$name(-0.0 as $t)), $bits(-0.0 as $t), stringify!($name));
            for &x in &$x {
                assert_eq!($bits(Real::$name(-x)), $bits(-Real::$name(x)), "{} of {x}", stringify!($name));
            }
        )*};
    }
    odd! { f32, bits32, samples32(500); sin tan asin atan sinh tanh asinh atanh erf rint trunc }
    odd! { f64, bits64, samples64()[..2000]; sin tan asin atan sinh tanh asinh atanh erf rint trunc }
    for x in [-0.0f32, 0.0] {
        assert_eq!(bits32(Real::expm1(x)), bits32(x));
        assert_eq!(bits32(Real::log1p(x)), bits32(x));
        assert_eq!(bits32(Real::sqrt(x)), bits32(x));
    }
}

#[test]
fn special_values() {
    let (inf, nan) = (f32::INFINITY, f32::NAN);
    assert_eq!(Real::exp(-inf), 0.0);
    assert_eq!(Real::exp(inf), inf);
    assert_eq!(Real::exp(-103.0f32), f32::from_bits(1));
    assert_eq!(Real::ln(0.0f32), -inf);
    assert_eq!(Real::log1p(-1.0f32), -inf);
    assert!(Real::ln(-1.0f32).is_nan() && Real::log1p(-1.5f32).is_nan() && Real::ln(-inf).is_nan());
    assert_eq!((Real::tanh(inf), Real::tanh(-9.02f32), Real::erf(4.0f32)), (1.0, -1.0, 1.0));
    assert_eq!((Real::sigmoid(-inf), Real::sigmoid(inf), Real::sigmoid(0.0f32)), (0.0, 1.0, 0.5));
    assert!(Real::sin(inf).is_nan() && Real::cos(-inf).is_nan() && Real::acosh(0.5f32).is_nan());
    assert_eq!((Real::pow(nan, 0.0), Real::pow(1.0, nan), Real::pow(-1.0, inf)), (1.0, 1.0, 1.0));
    assert_eq!(Real::pow(3.0f32, 4.0), 81.0);
    assert!(Real::sign(-0.0f32).is_sign_positive());
    assert_eq!((Real::sign(-3.0f32), Real::sign(0.0f32), Real::sign(1e-45f32)), (-1.0, 0.0, 1.0));
    assert!(Real::sign(nan).is_nan() && Real::maximum(nan, 1.0).is_nan() && Real::minimum(1.0, nan).is_nan());
    assert_eq!((Real::rint(2.5f32), Real::rint(-3.5f32), Real::rint(0.5f32)), (2.0, -4.0, 0.0));
    assert_eq!((Real::floor_div(-7.0f64, 2.0), Real::floor_mod(-7.0f64, 2.0)), (-4.0, 1.0));
    assert_eq!((Real::floor_mod(7.0f64, -2.0), Real::floor_mod(6.0f64, -2.0)), (-1.0, 0.0));
    assert_eq!((Real::xlogy(0.0, nan), Real::xlog1py(0.0, -1.0), Real::xdivy(0.0, 0.0f32)), (0.0, 0.0, 0.0));
    assert_eq!((Real::divide_no_nan(nan, 0.0), Real::multiply_no_nan(inf, 0.0)), (0.0, 0.0));
    assert!(Real::multiply_no_nan(0.0, nan).is_nan());
    assert_eq!(Real::nextafter(0.0f32, -1.0), -f32::from_bits(1));
    assert_eq!(Real::nextafter(1.0f64, 1.0), 1.0);
    assert!(Real::nextafter(nan, 1.0).is_nan() && Real::nextafter(1.0, nan).is_nan());
}
