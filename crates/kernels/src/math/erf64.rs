//! The error function of `f64`, branch-free: what vectors of `f64` are computed with.

use super::kernel64::{horner, reduce, scale, second_order};

/// erf c for |c| below 0.85: c + c·P(c²).
#[inline(always)]
fn near(c: f64) -> f64 {
    let z = c * c;
    let p = horner!(f64, z;
        0.128_379_167_095_512_6, -0.376_126_389_031_837_4, 0.112_837_916_709_544_93, -0.026_866_170_644_973_524,
        0.005_223_977_623_408_71, -8.548_326_868_599_297e-4, 1.205_532_549_492_497_2e-4,
        -1.492_541_153_355_161_3e-5, 1.645_701_390_776_483_7e-6, -1.629_344_427_388_491_2e-7,
        1.414_727_217_516_688_7e-8, -8.727_804_892_971_983e-10);
    p.mul_add(c, c)
}

/// erfc a for a from 0.6 on: e^-a² (1 + p) / (1 + 2a), where 1 + p is a polynomial in (a-4)/(a+4), which for all a that do not
/// give 0 is at most 0.75. (Shepherd and Laframboise, Mathematics of Computation 36, 1981.)
#[inline(always)]
fn right(a: f64) -> f64 {
    let a = if a > 27.5 { 27.5 } else { a };
    let t = (a - 4.0) / (a + 4.0);
    let p = horner!(f64, t;
        0.232_995_118_625_552_5, -0.139_621_116_840_562_86, 0.015_379_652_102_620_996, 0.068_097_054_254_734_68,
        -0.101_039_066_036_367_73, 0.093_732_834_996_872_7, -0.066_330_365_811_154_47, 0.037_167_515_561_483_06,
        -0.016_197_734_063_710_445, 0.005_031_969_762_284_736, -7.577_733_091_379_332e-4,
        -1.992_555_261_952_098_2e-4, 1.506_221_071_505_786_6e-4, -2.440_316_536_962_711e-5,
        -1.122_443_672_270_174_5e-5, 5.718_019_430_428_633e-6, 3.008_226_971_606_71e-7, -8.355_403_600_708_081e-7,
        6.309_931_892_048_124e-8, 1.157_954_549_181_774_7e-7, -7.770_852_409_868_655e-9,
        -1.387_063_343_675_277e-8, -1.882_255_175_039_353_3e-9);
    // The quotient in two parts: what rounding took away is put back.
    let d = 2.0f64.mul_add(a, 1.0);
    let d_low = 2.0f64.mul_add(a, 1.0 - d);
    let q = (1.0 + p) / d;
    let q_low = ((-q).mul_add(d, 1.0) + p - q * d_low) / d;
    // a² likewise, which a plain product does not know well enough where e^-a² is small.
    let square = a * a;
    let (t, r) = reduce(-square);
    let r = r - a.mul_add(a, -square);
    let e = scale((second_order(r) * r).mul_add(r, r) + 1.0, t);
    e.mul_add(q, e * q_low)
}

#[inline(always)]
pub(super) fn erf(x: f64) -> f64 {
    let a = x.abs();
    let a = if a > 6.0 { 6.0 } else { a };
    (if a < 0.85 { near(a) } else { 1.0 - right(a) }).copysign(x)
}

#[inline(always)]
pub(super) fn erfc(x: f64) -> f64 {
    let a = x.abs();
    let far = right(a);
    let far = if x < 0.0 { 2.0 - far } else { far };
    if a < 0.6 { 1.0 - near(x) } else { far }
}
