//! Chains of sums, differences, products, quotients and square roots of arrays, in one pass over all of them.
//!
//! What one link makes stays in registers of the processor for the next; of operands each element is read once for each link,
//! and results are written where a link says so, and at the end. Every link is rounded as it is alone, so that a chain has the bits of its links
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
/// Most results of a chain beside its last.
pub const MOST_RESULTS: usize = 4;

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
    /// The square root of s, without an operand.
    Root,
    /// Writes s as one of the results, and goes on with it.
    Store,
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
    /// Of [`Does::Store`]: the result at this position.
    Result(usize),
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
    /// How many operands there are at least, and how many results beside the last.
    operands: usize,
    results: usize,
}

impl Chain {
    /// The chain of these links. `None` if there are none, operands or results beyond the most, or a link writes no result that
    /// should, or one that should not.
    pub fn new(links: &[Link]) -> Option<Chain> {
        let (mut operands, mut results) = (0, 0);
        let mut steps = Vec::with_capacity(links.len());
        for link in links {
            let (kind, at) = match link.with {
                With::Elements(k) => (0, k),
                With::One(k) => (1, k),
                With::Kept => (2, 0),
                With::Result(k) => (2, k),
            };
            let result = matches!(link.with, With::Result(_));
            if at >= if result { MOST_RESULTS } else { MOST_OPERANDS } || result != (link.does == Does::Store)
            {
                return None;
            }
            match result {
                true => results = results.max(at + 1),
                false if kind < 2 => operands = operands.max(at + 1),
                false => {}
            }
            let alone = matches!(link.does, Does::Square | Does::Keep | Does::Root);
            let kind = if alone { 2 } else { kind };
            steps.push(Step { code: 3 * link.does as u8 + kind, at: at as u8 });
        }
        (!links.is_empty()).then(|| Chain { steps: steps.into(), operands, results })
    }

    /// Writes `n` elements of what the chain makes of the operands to `out`, and of its other results to `results`.
    ///
    /// # Safety
    /// Of operands `n` elements are readable, or the first one where links use only that, unless `n` is 0; of `out` and of results
    /// `n` elements are writable. None of these overlaps another, but that one may be the very memory of an operand that is
    /// read element by element, and by no link after it is written.
    ///
    /// # Panics
    /// If there are fewer operands or results than it has.
    pub unsafe fn run<T: Element>(&self, operands: &[*const T], results: &[*mut T], out: *mut T, n: usize) {
        assert!(operands.len() >= self.operands && results.len() >= self.results, "operands of a chain");
        // SAFETY: links name only operands and results that are there; the rest is the caller's word.
        unsafe {
            T::run(&self.steps, Memory { operands: operands.as_ptr(), results: results.as_ptr() }, out, n)
        }
    }
}

use sealed::{Memory, Step};

/// `f32` or `f64`.
pub trait Element: Copy + Sized + sealed::Runs {}
impl Element for f32 {}
impl Element for f64 {}

mod sealed {
    /// A link as it is run: what it does and the kind of its operand as one number, and the operand's or result's position.
    #[derive(Clone, Copy, Debug)]
    pub struct Step {
        pub(super) code: u8,
        pub(super) at: u8,
    }

    /// Where the operands and the results before the last are.
    #[derive(Clone, Copy)]
    pub struct Memory<T> {
        pub(super) operands: *const *const T,
        pub(super) results: *const *mut T,
    }

    pub trait Runs: Sized {
        /// Runs a chain over `n` elements.
        ///
        /// # Safety
        /// As for `Chain::run`; what links name is there.
        unsafe fn run(steps: &[Step], memory: Memory<Self>, out: *mut Self, n: usize);
    }
}

macro_rules! element {
    ($t:ty, $avx512:ident, $avx2:ident, $portable:ident) => {
        impl sealed::Runs for $t {
            unsafe fn run(steps: &[Step], memory: Memory<$t>, out: *mut $t, n: usize) {
                #[cfg(target_arch = "x86_64")]
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
                unsafe fn avx512(steps: &[Step], memory: Memory<$t>, out: *mut $t, n: usize) {
                    // SAFETY: passed on.
                    unsafe { all::<$avx512, Eight<_>>(steps, memory, out, n) }
                }
                #[cfg(target_arch = "x86_64")]
                #[target_feature(enable = "avx2,fma")]
                unsafe fn avx2(steps: &[Step], memory: Memory<$t>, out: *mut $t, n: usize) {
                    // SAFETY: passed on.
                    unsafe { all::<$avx2, Four<_>>(steps, memory, out, n) }
                }
                // SAFETY: `level` answers only with features of this processor; the rest is passed on.
                unsafe {
                    match level() {
                        #[cfg(target_arch = "x86_64")]
                        crate::clones::Level::Avx512 => avx512(steps, memory, out, n),
                        #[cfg(target_arch = "x86_64")]
                        crate::clones::Level::Avx2 => avx2(steps, memory, out, n),
                        _ => all::<$portable, Four<_>>(steps, memory, out, n),
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
    unsafe fn sqrt(self) -> Self;
}

#[derive(Clone, Copy)]
struct One<V>(V);
#[derive(Clone, Copy)]
struct Four<V>(V, V, V, V);
/// For 32 registers.
#[derive(Clone, Copy)]
struct Eight<V>(Four<V>, Four<V>);

macro_rules! each {
    ($bundle:ident, $($part:tt)*) => {
        each!(@op $bundle, [$($part)*], add sub mul div);
        #[inline(always)]
        unsafe fn sqrt(self) -> Self {
            // SAFETY: the caller runs on a machine with the instructions.
            unsafe { $bundle($(self.$part.sqrt()),*) }
        }
    };
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
unsafe fn all<V: Vector, B: Bundle<V>>(steps: &[Step], memory: Memory<V::Elem>, out: *mut V::Elem, n: usize) {
    let mut at = 0;
    while n - at >= B::VECTORS * V::LEN {
        // SAFETY: so many elements are left.
        unsafe { some::<V, B>(steps, memory, at, V::LEN).store(out.add(at), V::LEN) };
        at += B::VECTORS * V::LEN;
    }
    if n - at >= 4 * V::LEN {
        // SAFETY: as above.
        unsafe { some::<V, Four<V>>(steps, memory, at, V::LEN).store(out.add(at), V::LEN) };
        at += 4 * V::LEN;
    }
    while at < n {
        let lanes = V::LEN.min(n - at);
        // SAFETY: as above.
        unsafe { some::<V, One<V>>(steps, memory, at, lanes).store(out.add(at), lanes) };
        at += lanes;
    }
}

/// The elements from `at` on.
///
/// # Safety
/// As for `all`; of operands that are read along so many elements may be read, and of results written.
#[inline(always)]
unsafe fn some<V: Vector, B: Bundle<V>>(
    steps: &[Step],
    memory: Memory<V::Elem>,
    at: usize,
    lanes: usize,
) -> B {
    // SAFETY: the machine has the instructions; links name operands that are there, of which the elements from `at` on, or the
    // first, may be read, and results of which they may be written.
    unsafe {
        let (mut s, mut kept) = (B::zero(), B::zero());
        for step in steps {
            let k = step.at as usize;
            macro_rules! of {
                (along) => {
                    B::load((*memory.operands.add(k)).add(at), lanes)
                };
                (one) => {
                    B::splat(**memory.operands.add(k))
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
                        23 => s = s.mul(s),
                        29 => s = s.sqrt(),
                        32 => s.store((*memory.results.add(k)).add(at), lanes),
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
        use Does::{
            Add, Divide, DivideInto, Keep, Load, Multiply, Root, Square, Store, Subtract, SubtractFrom,
        };
        use With::{Elements, Kept, One, Result};
        macro_rules! check {
            ($t:ty) => {{
                let values = |seed: usize, n: usize| -> Vec<$t> {
                    (0..n).map(|i| ((i * 7919 + seed * 104_729) % 2003) as $t * 0.01 - 10.0).collect()
                };
                let chain = Chain::new(&[
                    link(Load, Elements(1)),
                    link(Divide, One(3)),
                    link(Square, Kept),
                    link(Store, Result(1)),
                    link(SubtractFrom, Elements(0)),
                    link(Keep, Kept),
                    link(Load, Elements(0)),
                    link(Add, One(2)),
                    link(Multiply, Elements(2)),
                    link(DivideInto, Kept),
                    link(Store, Result(0)),
                    link(Root, Kept),
                    link(Subtract, Elements(1)),
                    link(Add, Kept),
                ]);
                let chain = chain.expect("a chain");
                at_each_level(|level| {
                    for n in (0..150).chain([1000]) {
                        let (a, b, c, d) = (values(1, n), values(2, n), values(3, n.max(1)), values(4, 1));
                        // The last result takes the place of the operand that is read last.
                        let (mut quotient, mut square, mut last) =
                            (vec![0.0; n + 1], vec![0.0; n + 1], b.clone());
                        last.push(0.0);
                        let (operands, results) = (
                            [a.as_ptr(), last.as_ptr(), c.as_ptr(), d.as_ptr()],
                            [quotient.as_mut_ptr(), square.as_mut_ptr()],
                        );
                        // SAFETY: operands and results have `n` elements, and what is used as one number one.
                        unsafe { chain.run(&operands, &results, last.as_mut_ptr(), n) };
                        for end in [quotient[n], square[n], last[n]] {
                            assert_eq!(end, 0.0, "nothing is written beyond the end");
                        }
                        for i in 0..n {
                            let first = b[i] / d[0];
                            let kept = a[i] - first * first;
                            let second = (a[i] + c[0]) * c[i];
                            let wants =
                                [first * first, kept / second, ((kept / second).sqrt() - b[i]) + kept];
                            for (want, found) in wants.into_iter().zip([square[i], quotient[i], last[i]]) {
                                let same =
                                    want.to_bits() == found.to_bits() || want.is_nan() && found.is_nan();
                                assert!(same, "{want} {found} at {i} of {n}, {level:?}");
                            }
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
        assert!(Chain::new(&[link(Does::Store, With::Result(MOST_RESULTS))]).is_none());
        assert!(Chain::new(&[link(Does::Store, With::Elements(0))]).is_none());
        assert!(Chain::new(&[link(Does::Load, With::Result(0))]).is_none());
        let links = [link(Does::Load, With::Elements(1)), link(Does::Store, With::Result(0))];
        let chain = Chain::new(&links).expect("a chain");
        let run = |operands: usize, results: usize| {
            let chain = chain.clone();
            std::panic::catch_unwind(move || {
                let (x, mut y, mut z) = ([1.0f32; 3], [0.0; 3], [0.0; 3]);
                let (x, y) = ([x.as_ptr(); 2], [y.as_mut_ptr()]);
                // SAFETY: all have three elements.
                unsafe { chain.run(&x[..operands], &y[..results], z.as_mut_ptr(), 3) };
                z
            })
        };
        assert_eq!(run(2, 1).expect("enough"), [1.0; 3]);
        assert!(run(1, 1).is_err() && run(2, 0).is_err());
    }
}
