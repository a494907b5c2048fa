//! Running sums, products and log-sum-exps along one axis, each line from its start (or its end) in order.

use std::marker::PhantomData;

use half::{bf16, f16};

use super::clones::clones;
use super::half_float::HalfFloat;
use super::parallel;
use super::reduce::{Monoid, Reduction};

/// Lines whose running values stand side by side.
const TILE: usize = 256;

/// Where a line starts, and whether an element counts in its own result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScanOrder {
    /// Result i covers the elements before i; the first is the identity.
    pub exclusive: bool,
    /// From the end of the axis to its start.
    pub reverse: bool,
}

/// `cumsum` ([`Sum`](super::reduce::Sum)), `cumprod` ([`Prod`](super::reduce::Prod)) and
/// `cumulative_logsumexp` ([`LogSumExp`]) along the middle extent of `x`, [.., extent, inner].
///
/// f16 and bf16 run in f32 and are rounded where a result is stored. Integers wrap.
///
/// # Panics
/// If `x` and `out` differ in length or do not divide into lines.
pub fn scan<O: Reduction<T>, T: Copy + Send + Sync>(
    x: &[T],
    extent: usize,
    inner: usize,
    order: ScanOrder,
    out: &mut [T],
) {
    assert_eq!(x.len(), out.len(), "elements and results");
    let size = extent * inner;
    if x.is_empty() || size == 0 {
        return;
    }
    assert_eq!(x.len() % size, 0, "whole lines");
    let one = |x: &[T], out: &mut [T]| {
        if inner == 1 {
            line::<O, T>(x, order, out);
        } else {
            lines(PhantomData::<O>, x, inner, order, out);
        }
    };
    // A nanosecond an element: each waits for the one before.
    let task = parallel::together(x.len() / size, x.len()) * size;
    parallel::pieces(out, task, x.len(), &|first, out| {
        out.chunks_mut(size).zip(x[first..].chunks(size)).for_each(|(out, x)| one(x, out));
    });
}

/// One step: the result at an element, and the running value after it.
#[inline(always)]
fn step<O: Reduction<T>, T: Copy>(acc: &mut <O::Monoid as Monoid>::Acc, x: T, exclusive: bool) -> T {
    let next = O::Monoid::join(*acc, O::lift(x));
    let result = if exclusive { *acc } else { next };
    *acc = next;
    O::finish(result, 1)
}

/// One line that lies together.
fn line<O: Reduction<T>, T: Copy>(x: &[T], order: ScanOrder, out: &mut [T]) {
    let mut acc = O::Monoid::IDENTITY;
    let each = |(out, &x): (&mut T, &T)| *out = step::<O, T>(&mut acc, x, order.exclusive);
    let pairs = out.iter_mut().zip(x);
    if order.reverse { pairs.rev().for_each(each) } else { pairs.for_each(each) }
}

clones! {
    /// `inner` lines side by side.
    fn lines[O: Reduction<T>, T: Copy](
        _of: PhantomData<O>, x: &[T], inner: usize, order: ScanOrder, out: &mut [T],
    ) {
        for first in (0..inner).step_by(TILE) {
            let width = TILE.min(inner - first);
            let mut acc = [O::Monoid::IDENTITY; TILE];
            let each = |(out, x): (&mut [T], &[T])| {
                let (out, x) = (&mut out[first..first + width], &x[first..first + width]);
                for ((out, &x), acc) in out.iter_mut().zip(x).zip(&mut acc) {
                    *out = step::<O, T>(acc, x, order.exclusive);
                }
            };
            let rows = out.chunks_exact_mut(inner).zip(x.chunks_exact(inner));
            if order.reverse { rows.rev().for_each(each) } else { rows.for_each(each) }
        }
    }
}

/// ln Σ eˣ, kept in range by the greater of two.
pub struct LogSumExp;

/// The join ln(eᵃ + eᵇ).
pub struct LogAddExp<A>(PhantomData<A>);

macro_rules! log_sum_exp {
    ($($acc:ident, $exp:path, $ln_1p:path;)*) => {$(
        impl Monoid for LogAddExp<$acc> {
            type Acc = $acc;
            const IDENTITY: $acc = $acc::NEG_INFINITY;
            #[inline(always)]
            fn join(a: $acc, b: $acc) -> $acc {
                let (high, low) = if a >= b { (a, b) } else { (b, a) };
                if high.is_infinite() && !low.is_nan() {
                    // Both -∞, or +∞ and anything: the difference below would be NaN.
                    high
                } else if a.is_nan() {
                    a
                } else {
                    high + $ln_1p($exp(low - high))
                }
            }
        }
    )*};
    ($($t:ty as $acc:ty, |$x:ident| $widen:expr, |$y:ident| $narrow:expr;)*) => {$(
        impl Reduction<$t> for LogSumExp {
            type Monoid = LogAddExp<$acc>;
            #[inline(always)]
            fn lift($x: $t) -> $acc {
                $widen
            }
            #[inline(always)]
            fn finish($y: $acc, _count: usize) -> $t {
                $narrow
            }
        }
    )*};
}

log_sum_exp! {
    f32, libm::expf, libm::log1pf;
    f64, libm::exp, libm::log1p;
}
log_sum_exp! {
    f32 as f32, |x| x, |y| y;
    f64 as f64, |x| x, |y| y;
    f16 as f32, |x| x.widen(), |y| f16::narrow(y);
    bf16 as f32, |x| x.widen(), |y| bf16::narrow(y);
}

#[cfg(test)]
mod tests {
    use super::super::reduce::{Prod, Sum};
    use super::super::threads::insisting;
    use super::*;

    const ORDERS: [ScanOrder; 4] = [
        ScanOrder { exclusive: false, reverse: false },
        ScanOrder { exclusive: true, reverse: false },
        ScanOrder { exclusive: false, reverse: true },
        ScanOrder { exclusive: true, reverse: true },
    ];

    fn run<O: Reduction<T>, T: Copy + Send + Sync + Default>(
        x: &[T],
        extent: usize,
        inner: usize,
        order: ScanOrder,
    ) -> Vec<T> {
        let mut out = vec![T::default(); x.len()];
        scan::<O, T>(x, extent, inner, order, &mut out);
        out
    }

    /// Every result again from its definition.
    fn naive(x: &[i64], extent: usize, inner: usize, order: ScanOrder) -> Vec<i64> {
        let place = |i: usize| (i / (extent * inner), i / inner % extent, i % inner);
        let covers = |i: usize, j: usize| {
            let (i, j) = if order.reverse { (j, i) } else { (i, j) };
            j < i || i == j && !order.exclusive
        };
        (0..x.len())
            .map(|i| {
                let (outer, at, k) = place(i);
                (0..extent).filter(|&j| covers(at, j)).map(|j| x[(outer * extent + j) * inner + k]).sum()
            })
            .collect()
    }

    #[test]
    fn sums_match_their_definition() {
        for [outer, extent, inner] in [[1, 1, 1], [3, 7, 1], [1, 5, 4], [2, 6, 300], [0, 3, 2], [2, 0, 3]] {
            let x: Vec<i64> = (0..(outer * extent * inner) as i64).map(|i| i * 37 % 19 - 9).collect();
            for order in ORDERS {
                assert_eq!(
                    run::<Sum, i64>(&x, extent, inner, order),
                    naive(&x, extent, inner, order),
                    "[{outer}, {extent}, {inner}] {order:?}"
                );
            }
        }
    }

    #[test]
    fn products_and_their_identity() {
        let [plain, exclusive, reverse, both] = ORDERS.map(|o| run::<Prod, f32>(&[2.0, 3.0, 4.0], 3, 1, o));
        assert_eq!(plain, [2.0, 6.0, 24.0]);
        assert_eq!(exclusive, [1.0, 2.0, 6.0]);
        assert_eq!(reverse, [24.0, 12.0, 4.0]);
        assert_eq!(both, [12.0, 4.0, 1.0]);
        assert_eq!(run::<Sum, u8>(&[200, 100], 2, 1, ORDERS[0]), [200, 44]);
    }

    #[test]
    fn half_precision_runs_in_f32() {
        let sums = run::<Sum, bf16>(&[bf16::ONE; 512], 512, 1, ORDERS[0]);
        assert_eq!(sums[511], bf16::from_f32(512.0));
    }

    #[test]
    fn log_sum_exp_as_tensorflow_has_it() {
        let close = |got: Vec<f32>, expected: &[f32]| {
            assert_eq!(got.len(), expected.len());
            for (g, e) in got.iter().zip(expected) {
                assert!(
                    g == e || g.is_nan() && e.is_nan() || (g - e).abs() < 1e-6,
                    "{got:?} is not {expected:?}"
                );
            }
        };
        let (inf, nan) = (f32::INFINITY, f32::NAN);
        let [plain, exclusive, reverse, both] =
            ORDERS.map(|o| run::<LogSumExp, f32>(&[1.0, 2.0, 3.0], 3, 1, o));
        close(plain, &[1.0, 2.313_261_7, 3.407_606]);
        close(exclusive, &[-inf, 1.0, 2.313_261_7]);
        close(reverse, &[3.407_606, 3.313_261_7, 3.0]);
        close(both, &[3.313_261_7, 3.0, -inf]);
        let edges = [-inf, -inf, 1.0, inf, 2.0, nan, 0.0];
        close(run::<LogSumExp, f32>(&edges, 7, 1, ORDERS[0]), &[-inf, -inf, 1.0, inf, inf, nan, nan]);
        // Far apart: the lesser vanishes without overflow.
        close(run::<LogSumExp, f32>(&[-1e30, 1e30], 2, 1, ORDERS[0]), &[-1e30, 1e30]);
        let halves = [1.0, 2.0, 3.0].map(f16::from_f32);
        let got = run::<LogSumExp, f16>(&halves, 3, 1, ORDERS[0]);
        assert_eq!(got, [1.0, 2.313_261_7, 3.407_606].map(f16::from_f32));
    }

    #[test]
    fn threads_change_no_bit() {
        let x: Vec<f32> = (0..120_000).map(|i| (i as f32 * 0.7).sin()).collect();
        for (extent, inner) in [(300, 1), (40, 30), (120_000, 1)] {
            let [one, three] = [1, 3].map(|n| insisting(n, || run::<Sum, f32>(&x, extent, inner, ORDERS[2])));
            assert_eq!(one, three);
        }
    }
}
