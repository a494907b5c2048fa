//! Chains of sums, differences, products and quotients of arrays, in one pass over all of them.
//!
//! What one link makes stays in registers of the processor for the next; of operands each element is read once for each link,
//! and of results only the last is written. Every link is rounded as it is alone, so that a chain has the bits of its links
//! one after the other. A link costs about as much as its arithmetic: of arrays in the first-level cache a pass for each
//! operation took three times as long (Zen 4: 4 instead of 1 to 1.5 processor cycles for 16 `f32`).
//!
//! One of the few files with `unsafe`: it reads and writes vectors through pointers.

use crate::clones::level;
#[cfg(target_arch = "x86_64")]
use crate::gemm::simd::{F32x8, F32x16, F64x4, F64x8};
use crate::gemm::simd::{Plain32, Plain64, Vector};

/// Most operands of a chain.
pub const MOST_OPERANDS: usize = 8;

/// What a link does with the sum so far, s, and its operand, x. (`some` counts on the order.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Does {
    /// s = x.
    Load,
    /// s + x.
    Add,
    /// s - x.
    Subtract,
    /// x - s.
    SubtractFrom,
    /// s · x.
    Multiply,
    /// s / x.
    Divide,
    /// x / s.
    DivideInto,
    /// s · s, without an operand.
    Square,
    /// Keeps s for a later link, without an operand.
    Keep,
}

/// The operand of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum With {
    /// The elements of the operand at this position, one for one.
    Elements(usize),
    /// The first element of the operand at this position.
    One(usize),
    /// What was kept last; zero before, and for links without an operand.
    Kept,
}

/// One step of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// What is done.
    pub does: Does,
    /// With what.
    pub with: With,
}

/// Links that are computed together.
#[derive(Clone, Debug)]
pub struct Chain {
    steps: Box<[Step]>,
    /// How many operands there are at least, and which of them are read along.
    operands: usize,
    along: [bool; MOST_OPERANDS],
}

impl Chain {
    /// The chain of these links. `None` if there are none, or operands beyond the most.
    pub fn new(links: &[Link]) -> Option<Chain> {
        let (mut operands, mut along) = (0, [false; MOST_OPERANDS]);
        let mut steps = Vec::with_capacity(links.len());
        for link in links {
            let (kind, operand) = match link.with {
                With::Elements(k) => (0, k),
                With::One(k) => (1, k),
                With::Kept => (2, 0),
            };
            if operand >= MOST_OPERANDS {
                return None;
            }
            if kind < 2 {
                operands = operands.max(operand + 1);
                along[operand] |= kind == 0;
            }
            steps.push(Step { code: 3 * link.does as u8 + kind, operand: operand as u8 });
        }
        (!links.is_empty()).then(|| Chain { steps: steps.into(), operands, along })
    }

    /// Writes what the chain makes of the operands.
    ///
    /// # Panics
    /// If there are fewer operands than it has, or one is shorter than `out` or, where only its first element is used, empty.
    pub fn run<T: Element>(&self, operands: &[&[T]], out: &mut [T]) {
        assert!(operands.len() >= self.operands, "operands of a chain");
        let mut from = [std::ptr::null(); MOST_OPERANDS];
        for ((from, operand), along) in from.iter_mut().zip(&operands[..self.operands]).zip(self.along) {
            assert!(
                operand.len() >= if along { out.len() } else { out.len().min(1) },
                "elements of an operand"
            );
            *from = operand.as_ptr();
        }
        // SAFETY: operands are as long as `out` where they are read along, and are not empty elsewhere; links name only those
        // that are there; `out` is borrowed and no operand is part of it.
        unsafe { T::run(&self.steps, &from, out.as_mut_ptr(), out.len()) }
    }
}

use sealed::Step;

/// `f32` or `f64`.
pub trait Element: Copy + Sized + sealed::Runs {}
impl Element for f32 {}
impl Element for f64 {}

mod sealed {
    use super::MOST_OPERANDS;

    /// A link as it is run: what it does and the kind of its operand as one number, and the operand's position.
    #[derive(Clone, Copy, Debug)]
    pub struct Step {
        pub(super) code: u8,
        pub(super) operand: u8,
    }

    pub trait Runs: Sized {
        /// Runs a chain over `n` elements.
        ///
        /// # Safety
        /// Operands that are read along are `n` readable elements, others that links name one, unless `n` is 0; `out` is `n`
        /// writable elements that are part of no operand.
        unsafe fn run(steps: &[Step], operands: &[*const Self; MOST_OPERANDS], out: *mut Self, n: usize);
    }
}

macro_rules! element {
    ($t:ty, $avx512:ident, $avx2:ident, $portable:ident) => {
        impl sealed::Runs for $t {
            unsafe fn run(steps: &[Step], operands: &[*const $t; MOST_OPERANDS], out: *mut $t, n: usize) {
                #[cfg(target_arch = "x86_64")]
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
                unsafe fn avx512(
                    steps: &[Step],
                    operands: &[*const $t; MOST_OPERANDS],
                    out: *mut $t,
                    n: usize,
                ) {
                    // SAFETY: passed on.
                    unsafe { all::<$avx512, Eight<_>>(steps, operands, out, n) }
                }
                #[cfg(target_arch = "x86_64")]
                #[target_feature(enable = "avx2,fma")]
                unsafe fn avx2(
                    steps: &[Step],
                    operands: &[*const $t; MOST_OPERANDS],
                    out: *mut $t,
                    n: usize,
                ) {
                    // SAFETY: passed on.
                    unsafe { all::<$avx2, Four<_>>(steps, operands, out, n) }
                }
                // SAFETY: `level` answers only with features of this processor; the rest is passed on.
                unsafe {
                    match level() {
                        #[cfg(target_arch = "x86_64")]
                        crate::clones::Level::Avx512 => avx512(steps, operands, out, n),
                        #[cfg(target_arch = "x86_64")]
                        crate::clones::Level::Avx2 => avx2(steps, operands, out, n),
                        _ => all::<$portable, Four<_>>(steps, operands, out, n),
                    }
                }
            }
        }
    };
}
element!(f32, F32x16, F32x8, Plain32);
element!(f64, F64x8, F64x4, Plain64);

/// The elements that are computed at a time: one vector, of which some lanes may be idle, or four.
trait Bundle<V: Vector>: Copy {
    const VECTORS: usize;
    unsafe fn zero() -> Self;
    unsafe fn splat(x: V::Elem) -> Self;
    unsafe fn load(p: *const V::Elem, lanes: usize) -> Self;
    unsafe fn store(self, p: *mut V::Elem, lanes: usize);
    unsafe fn add(self, x: Self) -> Self;
    unsafe fn sub(self, x: Self) -> Self;
    unsafe fn mul(self, x: Self) -> Self;
    unsafe fn div(self, x: Self) -> Self;
}

#[derive(Clone, Copy)]
struct One<V>(V);
#[derive(Clone, Copy)]
struct Four<V>(V, V, V, V);
/// For 32 registers.
#[derive(Clone, Copy)]
struct Eight<V>(Four<V>, Four<V>);

macro_rules! each {
    ($bundle:ident, $($part:tt)*) => { each!(@op $bundle, [$($part)*], add sub mul div); };
    (@op $bundle:ident, $parts:tt, $($op:ident)*) => { $( each!(@one $bundle, $parts, $op); )* };
    (@one $bundle:ident, [$($part:tt)*], $op:ident) => {
        #[inline(always)]
        unsafe fn $op(self, x: Self) -> Self {
            // SAFETY: the caller runs on a machine with the instructions.
            unsafe { $bundle($(self.$part.$op(x.$part)),*) }
        }
    };
}

impl<V: Vector> Bundle<V> for One<V> {
    const VECTORS: usize = 1;
    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: the caller runs on a machine with the instructions, here and below.
        One(unsafe { V::zero() })
    }
    #[inline(always)]
    unsafe fn splat(x: V::Elem) -> Self {
        // SAFETY: as above.
        One(unsafe { V::splat(x) })
    }
    #[inline(always)]
    unsafe fn load(p: *const V::Elem, lanes: usize) -> Self {
        // SAFETY: so many lanes may be read, and below written.
        One(unsafe { if lanes < V::LEN { V::load_first(p, lanes) } else { V::load(p) } })
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut V::Elem, lanes: usize) {
        // SAFETY: as above.
        unsafe { if lanes < V::LEN { self.0.store_first(p, lanes) } else { self.0.store(p) } }
    }
    each!(One, 0);
}

impl<V: Vector> Bundle<V> for Four<V> {
    const VECTORS: usize = 4;
    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: as for one, here and below; four vectors may be read or written.
        let x = unsafe { V::zero() };
        Four(x, x, x, x)
    }
    #[inline(always)]
    unsafe fn splat(x: V::Elem) -> Self {
        // SAFETY: as above.
        let x = unsafe { V::splat(x) };
        Four(x, x, x, x)
    }
    #[inline(always)]
    unsafe fn load(p: *const V::Elem, _lanes: usize) -> Self {
        // SAFETY: as above.
        unsafe {
            Four(V::load(p), V::load(p.add(V::LEN)), V::load(p.add(2 * V::LEN)), V::load(p.add(3 * V::LEN)))
        }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut V::Elem, _lanes: usize) {
        // SAFETY: as above.
        unsafe {
            self.0.store(p);
            self.1.store(p.add(V::LEN));
            self.2.store(p.add(2 * V::LEN));
            self.3.store(p.add(3 * V::LEN));
        }
    }
    each!(Four, 0 1 2 3);
}

impl<V: Vector> Bundle<V> for Eight<V> {
    const VECTORS: usize = 8;
    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: as for four, here and below, of which these are two.
        unsafe { Eight(Four::zero(), Four::zero()) }
    }
    #[inline(always)]
    unsafe fn splat(x: V::Elem) -> Self {
        // SAFETY: as above.
        let x = unsafe { Four::splat(x) };
        Eight(x, x)
    }
    #[inline(always)]
    unsafe fn load(p: *const V::Elem, lanes: usize) -> Self {
        // SAFETY: as above.
        unsafe { Eight(Four::load(p, lanes), Four::load(p.add(4 * V::LEN), lanes)) }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut V::Elem, lanes: usize) {
        // SAFETY: as above.
        unsafe {
            self.0.store(p, lanes);
            self.1.store(p.add(4 * V::LEN), lanes);
        }
    }
    each!(Eight, 0 1);
}

/// # Safety
/// As for `Runs::run`, and the machine has the vector's instructions.
#[inline(always)]
unsafe fn all<V: Vector, B: Bundle<V>>(
    steps: &[Step],
    operands: &[*const V::Elem; MOST_OPERANDS],
    out: *mut V::Elem,
    n: usize,
) {
    let mut at = 0;
    while n - at >= B::VECTORS * V::LEN {
        // SAFETY: so many elements are left.
        unsafe { some::<V, B>(steps, operands, at, V::LEN).store(out.add(at), V::LEN) };
        at += B::VECTORS * V::LEN;
    }
    while at < n {
        let lanes = V::LEN.min(n - at);
        // SAFETY: as above.
        unsafe { some::<V, One<V>>(steps, operands, at, lanes).store(out.add(at), lanes) };
        at += lanes;
    }
}

/// The elements from `at` on.
///
/// # Safety
/// As for `all`; of operands that are read along so many elements may be read.
#[inline(always)]
unsafe fn some<V: Vector, B: Bundle<V>>(
    steps: &[Step],
    operands: &[*const V::Elem; MOST_OPERANDS],
    at: usize,
    lanes: usize,
) -> B {
    // SAFETY: the machine has the instructions; links name operands that are there, of which the elements from `at` on, or the
    // first, may be read.
    unsafe {
        let (mut s, mut kept) = (B::zero(), B::zero());
        for step in steps {
            let from = *operands.get_unchecked(step.operand as usize);
            macro_rules! of {
                (along) => {
                    B::load(from.add(at), lanes)
                };
                (one) => {
                    B::splat(*from)
                };
                (kept) => {
                    kept
                };
            }
            macro_rules! does {
                ($($along:literal $one:literal $none:literal $s:ident $x:ident $does:expr;)*) => {
                    // One jump, to code that has its operand at hand.
                    match step.code {
                        $($along => { let ($s, $x) = (s, of!(along)); s = $does; })*
                        $($one => { let ($s, $x) = (s, of!(one)); s = $does; })*
                        $($none => { let ($s, $x) = (s, of!(kept)); s = $does; })*
                        code if code / 3 == Does::Square as u8 => s = s.mul(s),
                        _ => kept = s,
                    }
                };
            }
            does! {
                0 1 2 _s x x;
                3 4 5 s x s.add(x);
                6 7 8 s x s.sub(x);
                9 10 11 s x x.sub(s);
                12 13 14 s x s.mul(x);
                15 16 17 s x s.div(x);
                18 19 20 s x x.div(s);
            }
        }
        s
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clones::at_each_level;

    fn link(does: Does, with: With) -> Link {
        Link { does, with }
    }

    /// All kinds of links, of every length up to some vectors, give the bits of single operations at every level.
    #[test]
    fn a_chain_has_the_bits_of_its_links() {
        use Does::{Add, Divide, DivideInto, Keep, Load, Multiply, Square, Subtract, SubtractFrom};
        use With::{Elements, Kept, One};
        macro_rules! check {
            ($t:ty) => {{
                let values = |seed: usize, n: usize| -> Vec<$t> {
                    (0..n).map(|i| ((i * 7919 + seed * 104_729) % 2003) as $t * 0.01 - 10.0).collect()
                };
                let chain = Chain::new(&[
                    link(Load, Elements(1)),
                    link(Divide, One(3)),
                    link(Square, Kept),
                    link(SubtractFrom, Elements(0)),
                    link(Keep, Kept),
                    link(Load, Elements(0)),
                    link(Add, One(2)),
                    link(Multiply, Elements(2)),
                    link(DivideInto, Kept),
                    link(Subtract, Elements(1)),
                    link(Add, Kept),
                ]);
                let chain = chain.expect("a chain");
                at_each_level(|level| {
                    for n in (0..150).chain([1000]) {
                        let (a, b, c, d) = (values(1, n), values(2, n), values(3, n.max(1)), values(4, 1));
                        let mut out = vec![0.0; n + 1];
                        chain.run(&[&a, &b, &c, &d], &mut out[..n]);
                        assert_eq!(out[n], 0.0, "nothing is written beyond the end");
                        for i in 0..n {
                            let first = b[i] / d[0];
                            let kept = a[i] - first * first;
                            let second = (a[i] + c[0]) * c[i];
                            let want = (kept / second - b[i]) + kept;
                            let same = want.to_bits() == out[i].to_bits() || want.is_nan() && out[i].is_nan();
                            assert!(same, "{want} {} at {i} of {n}, {level:?}", out[i]);
                        }
                    }
                });
            }};
        }
        check!(f32);
        check!(f64);
    }

    #[test]
    fn operands_are_checked() {
        assert!(Chain::new(&[]).is_none());
        assert!(Chain::new(&[link(Does::Load, With::Elements(MOST_OPERANDS))]).is_none());
        let chain = Chain::new(&[link(Does::Load, With::Elements(1))]).expect("a chain");
        let run = |operands: &[&[f32]]| {
            let operands: Vec<Vec<f32>> = operands.iter().map(|x| x.to_vec()).collect();
            let chain = chain.clone();
            std::panic::catch_unwind(move || {
                let operands: Vec<&[f32]> = operands.iter().map(Vec::as_slice).collect();
                chain.run(&operands, &mut [0.0; 3]);
            })
        };
        assert!(run(&[&[1.0], &[1.0, 2.0, 3.0]]).is_ok());
        assert!(run(&[&[1.0], &[1.0, 2.0]]).is_err());
        assert!(run(&[&[1.0, 2.0, 3.0]]).is_err());
    }
}
