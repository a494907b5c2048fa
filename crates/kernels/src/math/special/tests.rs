//! Values to 50 digits by mpmath (rounded), the edges of the domains, and `f32` as rounded `f64`.

#![allow(clippy::excessive_precision, reason = "the same arguments serve both types")]

use super::Special;

/// The largest relative error allowed; the worst seen are a tenth of it.
const LIMIT: f64 = 2e-13;

macro_rules! one {
    ($($name:ident: [$(($x:expr, $want:expr)),* $(,)?])*) => {$($(
        let got = Special::$name($x as f64);
        let want: f64 = $want;
        assert!((got - want).abs() <= LIMIT * want.abs(), "{}({}) = {got}, not {want}", stringify!($name), $x);
        // Half an ulp of the rounding, and what the rounding of the argument makes of the value is not counted.
        let narrow = $x as f32;
        let got = Special::$name(narrow);
        let want = Special::$name(f64::from(narrow)) as f32;
        assert!((got - want).abs() <= 2e-7 * want.abs() || got == want, "{}({narrow}) = {got}, not {want}", stringify!($name));
    )*)*};
}

macro_rules! more {
    ($($name:ident: [$(($a:literal, $($rest:literal),*)),* $(,)?])*) => {$($({
        more!(@check $name, $a; $($rest),*);
    })*)*};
    (@check $name:ident, $a:literal; $b:literal, $want:literal) => {
        more!(@close $name, f64::$name($a, $b), $want)
    };
    (@check $name:ident, $a:literal; $b:literal, $c:literal, $want:literal) => {
        more!(@close $name, f64::$name($a, $b, $c), $want)
    };
    (@close $name:ident, $got:expr, $want:literal) => {
        let (got, want): (f64, f64) = ($got, $want);
        assert!((got - want).abs() <= LIMIT * want.abs(), "{} = {got}, not {want}", stringify!($got));
    };
}

#[test]
fn functions_of_one_argument() {
    one! {
        lgamma: [
            (1e-05, 11.512919692895826), (0.3, 1.0957979948180756), (1.7, -0.09580769740706588), (5.5,
            3.9578139676187165), (40.25, 107.55163153760464), (1000000.0, 12815504.569147611), (-0.5,
            1.2655121234846454), (-2.75, 0.004487897535955773),
        ]
        digamma: [
            (1e-05, -100000.57719921567), (0.3, -3.502524222200133), (1.7, 0.2085478748734939), (5.5,
            1.6110931485817512), (40.25, 3.6826362084455626), (1000000.0, 13.815510057964191), (-0.5,
            0.03648997397857652), (-2.75, -1.959055264977997), (-1e-06, 999999.4227826903),
        ]
        bessel_i0: [
            (0.001, 1.0000002500000156), (0.7, 1.1263030183068092), (3.75, 9.118945860844567), (12.5,
            30596.335155785153), (19.5, 26760525.339838766), (21.5, 188195380.48055345), (300.0,
            4.475847367935052e+128), (-3.75, 9.118945860844567),
        ]
        bessel_i0e: [
            (0.7, 0.5593055265070683), (12.5, 0.1140219294622889), (19.5, 0.09093943209515648), (21.5,
            0.08655209768366086), (10000.0, 0.003989472674604732), (-3.75, 0.2144570512300487),
        ]
        bessel_i1: [
            (0.001, 0.0005000000625000026), (0.7, 0.37187967777700864), (3.75, 7.780015229824416), (12.5,
            29345.74964207113), (19.5, 26065069.264457166), (21.5, 183765294.56597084), (300.0,
            4.468381385036955e+128), (-3.75, -7.780015229824416),
        ]
        bessel_i1e: [
            (0.7, 0.18466998276274732), (12.5, 0.10936143099065089), (19.5, 0.08857608609431485), (21.5,
            0.08451467663832556), (10000.0, 0.003989273195983662), (-3.75, -0.1829684209308909),
        ]
        bessel_j0: [
            (0.001, 0.9999997500000156), (0.7, 0.8812008886074053), (3.75, -0.4014060549361743), (12.5,
            0.1468840547004211), (100.25, 0.038427302481501335), (-3.75, -0.4014060549361743),
        ]
        bessel_j1: [
            (0.001, 0.0004999999375000026), (0.7, 0.32899574154005895), (3.75, 0.03322934912967973), (12.5,
            -0.16548380461475973), (100.25, -0.06962028467960972), (-3.75, -0.03322934912967973),
        ]
        bessel_k0: [
            (0.001, 7.023688800562382), (0.7, 0.6605198599151016), (1.25, 0.29760308908410593), (3.75,
            0.014774250877128704), (19.5, 9.584824009312829e-10), (21.5, 1.2360625362497164e-10), (300.0,
            3.7236948548891435e-132),
        ]
        bessel_k0e: [
            (0.001, 7.030716002378251), (0.7, 1.3301236562420558), (1.25, 1.0387368461035982), (19.5,
            0.2820502832156702), (10000.0, 0.012532984717699286),
        ]
        bessel_k1: [
            (0.001, 999.9962381560856), (0.7, 1.050283535312918), (1.25, 0.4021240797841954), (3.75,
            0.01663819175468891), (19.5, 9.82758775436381e-10), (21.5, 1.2644884395473633e-10), (300.0,
            3.7298958583323724e-132),
        ]
        bessel_k1e: [
            (0.001, 1000.9967345590684), (0.7, 2.1150113128480523), (1.25, 1.40355094990059), (19.5,
            0.28919403285359757), (10000.0, 0.012533611351270506),
        ]
        bessel_y0: [
            (0.001, -4.471416611375923), (0.7, -0.19066492933739512), (3.75, 0.0852567569773627), (12.5,
            -0.1712143068446693), (100.25, -0.06981106912601158),
        ]
        bessel_y1: [
            (0.001, -636.6221672311394), (0.7, -1.1032498719076334), (3.75, 0.4158687793452271), (12.5,
            -0.1538382565375012), (100.25, -0.03877595658074313),
        ]
        dawsn: [
            (0.001, 0.0009999993333336), (0.9, 0.5407243187262987), (2.5, 0.2230837221674355), (6.25,
            0.08106609406101173), (7.5, 0.06727581164463062), (10000.0, 5.000000025e-05), (-2.5,
            -0.2230837221674355),
        ]
        expint: [
            (0.001, -6.329539364025038), (0.9, 1.6228117136968676), (2.5, 7.0737658945786), (39.5,
            3710918879133970.5), (41.5, 2.6064259707745416e+16), (700.0, 1.4509787360525608e+301),
        ]
        fresnel_sin: [
            (0.01, 5.235987746754931e-07), (0.9, 0.33977634439314025), (1.45, 0.7111094574612471), (1.55,
            0.6730753501691614), (3.5, 0.41524801197243755), (40.25, 0.4921296091793764), (-3.5,
            -0.41524801197243755),
        ]
        fresnel_cos: [
            (0.01, 0.009999999975325989), (0.9, 0.7648230212733265), (1.45, 0.49325861145765026), (1.55,
            0.4017725326636318), (3.5, 0.5325724350280009), (40.25, 0.5007736044927193), (-3.5,
            -0.5325724350280009),
        ]
        spence: [
            (0.001, 1.6370226052761176), (0.3, 0.8893776242860387), (0.75, 0.2676526390827326),
            (1.0009765625, -0.0009763241848443766), (1.9, -0.7521631792172615), (2.5, -1.1473806603755707),
            (100000.0, -67.9185353179729),
        ]
        erfinv: [
            (0.001, 0.0008862271574665521), (0.3, 0.2724627147267543), (0.5625, 0.5490130923685015),
            (0.96875, 1.523019401996956), (0.9999990463256836, 3.465505025803331), (-0.75,
            -0.8134198475976185),
        ]
        ndtri: [
            (1e-300, -37.0470962993612), (1e-10, -6.361340902404057), (0.1, -1.2815515655446004), (0.3,
            -0.5244005127080408), (0.625, 0.31863936396437514), (0.9375, 1.5341205443525463),
        ]
    }
}

#[test]
fn functions_of_two_and_three_arguments() {
    more! {
        zeta: [
            (1.0009765625, 0.5, 1025.9648322260853), (2.0, 1.0, 1.6449340668482264), (2.5, 0.001,
            31622777.94035882), (3.0, 7.25, 0.01091447614759887), (11.0, 30.0, 1.992959390042358e-16),
            (40.0, 12.0, 7.095906493130483e-44), (300.0, 2.0, 4.909093465297727e-91),
        ]
        polygamma: [
            (1.0, 0.25, 17.19732915450711), (1.0, 2.0, 0.6449340668482264), (2.0, 3.5, -0.1082040516417274),
            (5.0, 40.0, 2.4938943509996704e-07), (20.0, 0.7, -4.3557784316220093e+21),
        ]
        igamma: [
            (0.01, 0.5, 0.9943732438060329), (0.5, 0.25, 0.5204998778130465), (2.5, 1.5,
            0.3000141641213725), (2.5, 6.0, 0.9652122194937581), (30.0, 1.0, 1.4330814167223182e-33), (30.0,
            35.0, 0.8229545478999403), (4000.0, 4100.0, 0.9421881762120625),
        ]
        igammac: [
            (1e-08, 0.5, 5.597735977099587e-09), (0.01, 0.5, 0.0056267561939671844), (0.5, 0.25,
            0.4795001221869535), (2.5, 1.5, 0.6999858358786275), (2.5, 60.0, 3.138579772755296e-24), (30.0,
            35.0, 0.1770454521000597), (4000.0, 4100.0, 0.05781182378793743),
        ]
        betainc: [
            (0.5, 0.5, 0.25, 0.3333333333333333), (2.0, 3.0, 0.75, 0.94921875), (0.01, 7.0, 0.001953125,
            0.9626425004577226), (50.0, 60.0, 0.5, 0.8309072939016694), (50.0, 60.0, 0.125,
            1.087072252597174e-17), (7.0, 900.0, 0.0078125, 0.5624867122425189),
        ]
    }
}

#[test]
fn zeta_between_its_poles() {
    // Terms on both sides of the poles, against the plain sum.
    for (s, q) in [(2.0, -0.3), (3.0, -2.7), (4.0, -13.4), (7.0, -5.25)] {
        let plain: f64 = (0..200_000).map(|k| (q + f64::from(k)).powf(-s)).sum();
        let tail = (q + 2e5f64).powf(1.0 - s) / (s - 1.0);
        assert!((s.zeta(q) / (plain + tail) - 1.0).abs() < 1e-9, "zeta({s}, {q}) = {}", s.zeta(q));
    }
}

#[test]
fn parts_add_up_to_one() {
    for a in [1e-6f64, 0.05, 0.7, 3.0, 99.0, 99_999.0, 100_001.0, 1e9] {
        for r in [0.001, 0.5, 0.999, 1.0, 1.0001, 1.5, 100.0] {
            let x = a * r;
            assert!((a.igamma(x) + a.igammac(x) - 1.0).abs() < 1e-13, "{a} {x}");
            for b in [0.3, 8.0, 12_345.0] {
                let x = r / (r + 1.0);
                assert!((a.betainc(b, x) + b.betainc(a, 1.0 - x) - 1.0).abs() < 1e-10, "{a} {b} {x}");
            }
        }
    }
    // On both sides of the switch to the uniform expansion.
    let (below, above) = (99_999.9f64.igamma(99_700.0), 100_000.1f64.igamma(99_700.0));
    assert!(below > above && below - above < 1e-3 * below);
}

#[test]
fn igamma_has_its_derivative() {
    for a in [0.02f64, 0.7, 1.0, 5.5, 80.0, 3000.0, 2e5] {
        for r in [0.01, 0.4, 0.97, 1.0, 1.04, 2.0, 9.0, 90.0] {
            let x = a * r;
            // Fourth order differences.
            let h = 1e-3 * a.min(a.sqrt());
            let near = a.igamma(x) - (a - h).igamma(x) + ((a + h).igamma(x) - a.igamma(x));
            let far = (a + 2.0 * h).igamma(x) - (a - 2.0 * h).igamma(x);
            let want = (8.0 * near - far) / (12.0 * h);
            let got = a.igamma_grad_a(x);
            assert!((got - want).abs() <= 1e-6 * want.abs() + 1e-12 / h, "{a} {x}: {got}, not {want}");
        }
    }
    assert_eq!(2.0f32.igamma_grad_a(0.0), 0.0);
    assert!(0.0f32.igamma_grad_a(1.0).is_nan() && 1.0f32.igamma_grad_a(f32::NAN).is_nan());
}

#[test]
fn inverses_undo() {
    for i in 1..1000 {
        let x = f64::from(i) / 1000.0;
        assert!((libm::erf(x.erfinv()) / x - 1.0).abs() < 1e-15);
        assert_eq!((-x).erfinv(), -x.erfinv());
        let p = 10f64.powf(-300.0 * x);
        let back = 0.5 * libm::erfc(-p.ndtri() / std::f64::consts::SQRT_2);
        assert!((back / p - 1.0).abs() < 1e-12, "{p}");
    }
    assert_eq!((0.5f32.ndtri(), 0.0f32.erfinv()), (0.0, 0.0));
}

#[test]
fn edges_are_tensorflows() {
    let (inf, nan) = (f32::INFINITY, f32::NAN);
    macro_rules! edges {
        ($($name:ident($($x:expr),*) = $want:expr;)*) => {$(
            let (got, want) = (f32::$name($($x),*), $want);
            assert!(got == want || (got.is_nan() && want.is_nan()), "{} = {got}", stringify!($name($($x),*)));
        )*};
    }
    edges! {
        lgamma(inf) = inf; lgamma(-inf) = inf; lgamma(0.0) = inf; lgamma(-0.0) = inf; lgamma(-1.0) = inf;
        lgamma(nan) = nan; lgamma(-104.0) = inf; lgamma(1.0) = 0.0;
        digamma(inf) = inf; digamma(-inf) = nan; digamma(0.0) = nan; digamma(-0.0) = nan; digamma(-1.0) = nan;
        digamma(nan) = nan; digamma(1e-30) = -1e30;
        polygamma(0.0, 2.5) = f32::digamma(2.5); polygamma(0.5, 1.0) = nan; polygamma(-1.0, 1.0) = nan;
        polygamma(1.0, 0.0) = inf; polygamma(2.0, 0.0) = nan; polygamma(1.0, nan) = nan;
        zeta(1.0, 2.0) = inf; zeta(0.5, 2.0) = nan; zeta(2.0, 0.0) = inf; zeta(3.0, -1.0) = nan;
        zeta(2.5, -0.5) = nan; zeta(2.0, inf) = 0.0; zeta(nan, 1.0) = nan; zeta(2.0, nan) = nan;
        igamma(1.0, 0.0) = 0.0; igamma(0.0, 1.0) = nan; igamma(1.0, -1.0) = nan; igamma(1.0, inf) = 1.0;
        igammac(1.0, 0.0) = 1.0; igammac(0.0, 1.0) = nan; igammac(1.0, -1.0) = nan; igammac(1.0, inf) = 0.0;
        igamma(nan, 1.0) = nan; igammac(1.0, nan) = nan; igamma(1e30, 1.0) = 0.0; igammac(1e30, 1e31) = 0.0;
        betainc(1.0, 1.0, 0.0) = 0.0; betainc(1.0, 1.0, 1.0) = 1.0; betainc(0.0, 1.0, 0.5) = nan;
        betainc(1.0, -1.0, 0.5) = nan; betainc(1.0, 1.0, 1.5) = nan; betainc(1.0, 1.0, nan) = nan;
        betainc(1.0, 1.0, 0.25) = 0.25;
        erfinv(1.0) = inf; erfinv(-1.0) = -inf; erfinv(1.5) = nan; erfinv(-inf) = nan; erfinv(nan) = nan;
        ndtri(0.0) = -inf; ndtri(1.0) = inf; ndtri(-0.5) = nan; ndtri(2.0) = nan; ndtri(nan) = nan;
        bessel_i0(inf) = nan; bessel_i0(88.8) = inf; bessel_i0e(-inf) = 0.0; bessel_i0(0.0) = 1.0;
        bessel_i1(-inf) = nan; bessel_i1(-104.0) = -inf; bessel_i1e(inf) = 0.0; bessel_i1(-0.0) = 0.0;
        bessel_i0(nan) = nan; bessel_i1e(nan) = nan; bessel_k1e(nan) = nan;
        bessel_j0(inf) = 0.0; bessel_j1(-inf) = 0.0; bessel_j0(0.0) = 1.0; bessel_j1(nan) = nan;
        bessel_k0(0.0) = inf; bessel_k1e(0.0) = inf; bessel_k0e(-1.0) = nan; bessel_k1(inf) = 0.0;
        bessel_y0(0.0) = -inf; bessel_y1(0.0) = -inf; bessel_y0(-1.0) = nan; bessel_y1(inf) = 0.0;
        dawsn(0.0) = 0.0; dawsn(inf) = 0.0; dawsn(nan) = nan;
        expint(0.0) = -inf; expint(-1.0) = nan; expint(inf) = inf; expint(nan) = nan;
        fresnel_sin(inf) = 0.5; fresnel_cos(-inf) = -0.5; fresnel_sin(nan) = nan; fresnel_cos(0.0) = 0.0;
        spence(1.0) = 0.0; spence(-0.5) = nan; spence(inf) = -inf; spence(nan) = nan;
    }
    assert_eq!(f32::spence(0.0), (std::f64::consts::PI.powi(2) / 6.0) as f32);
    assert!(f32::dawsn(-0.0).is_sign_negative() && f32::erfinv(-0.0).is_sign_negative());
}
