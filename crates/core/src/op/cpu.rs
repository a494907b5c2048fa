//! Kernel families of the CPU, and the macros that instantiate per-element functions for every dtype.
//!
//! One of the few files with `unsafe`: the vectorised clones of a block function are called only on a machine
//! that has their instructions (see `crate::cpu::clones`).

use super::attr::Attrs;
use super::infer::Fault;
use crate::dtype::{DType, Element};
use crate::error::Kind;
use crate::shape::Meta;
use smallvec::SmallVec;

/// A per-element function over a block: equal lengths (in elements), already broadcast. Eager ops, fused
/// groups and single elements run the same one, so they give the same bits.
pub type BlockFn = fn(inputs: &[&[u8]], output: &mut [u8]);

/// How the CPU computes an op.
#[derive(Clone, Copy)]
pub enum Cpu {
    /// Per element over broadcast inputs: the block function for these input dtypes and this output dtype.
    Elementwise(fn(inputs: &[DType], output: DType) -> Option<BlockFn>),
    /// The result shares the first input's memory; only the meta changes.
    View,
    /// Strided copies: transpose, slice, pad, concat and their kin. The GPU runs the same description.
    Reindex(fn(inputs: &[&Meta], attrs: &Attrs, outputs: &[Meta]) -> Copies),
    /// A kernel of its own.
    Kernel(fn(&mut Call<'_, '_>) -> Result<(), Fault>),
    /// A kernel that hands its elements on as they are finished, so that what is computed of them one by one need not wait
    /// for all of them: see [`Call::finish`].
    Product(fn(&mut Call<'_, '_>) -> Result<(), Fault>),
    /// A kernel that decides sizes from values: it makes its results, where the shape rule says
    /// `RUN_TIME_DIM`.
    Dynamic(fn(&[View<'_>], &Attrs) -> Result<Vec<Made>, Fault>),
    /// Handled by the engine, for this reason.
    Engine(&'static str),
}

/// A result of a kernel that decides sizes from values.
pub struct Made {
    /// The sizes.
    pub shape: Sizes,
    /// The elements.
    pub bytes: Vec<u8>,
}

impl Made {
    /// These elements in this shape.
    pub fn new<S: bytemuck::NoUninit>(elements: &[S], shape: &[usize]) -> Made {
        Made { shape: shape.into(), bytes: bytemuck::cast_slice(elements).to_vec() }
    }
    /// Room for elements of these sizes, zeros; sizes that values ask for may be beyond all memory.
    ///
    /// # Errors
    ///
    /// `ResourceExhausted`, if there is no such room.
    pub fn room<S: bytemuck::Zeroable + Copy>(sizes: &[usize]) -> Result<Vec<S>, Fault> {
        let exhausted = || {
            Fault::new(format!("the result is too large: its sizes are {sizes:?}"))
                .kind(Kind::ResourceExhausted)
        };
        let n = sizes.iter().try_fold(1usize, |n, size| n.checked_mul(*size)).ok_or_else(exhausted)?;
        let mut elements = vec![];
        elements.try_reserve_exact(n).map_err(|_| exhausted())?;
        elements.resize(n, S::zeroed());
        Ok(elements)
    }
}

/// Strided copies that fill the outputs.
#[derive(Clone, Debug, Default)]
pub struct Copies {
    /// The value written before the copies where they do not cover an output.
    pub fill: Option<f64>,
    /// The copies, in order; they write disjoint parts.
    pub copies: Vec<AffineCopy>,
}

/// `output[out_offset + Σ i·out_strides] = input[in_offset + Σ i·in_strides]` for all `i` below `shape`, in
/// elements.
#[derive(Clone, Debug)]
pub struct AffineCopy {
    /// Which input.
    pub input: usize,
    /// Which output.
    pub output: usize,
    /// The extents of the loop.
    pub shape: SmallVec<[usize; 6]>,
    /// Start in the input.
    pub in_offset: isize,
    /// Steps in the input; 0 repeats, negative reverses.
    pub in_strides: SmallVec<[isize; 6]>,
    /// Start in the output.
    pub out_offset: isize,
    /// Steps in the output.
    pub out_strides: SmallVec<[isize; 6]>,
}

/// Sizes of a host tensor.
pub type Sizes = SmallVec<[usize; 6]>;

/// An input as a kernel sees it: contiguous, row-major.
pub struct View<'a> {
    /// The dtype.
    pub dtype: DType,
    /// The sizes.
    pub shape: &'a [usize],
    /// The elements.
    pub bytes: &'a [u8],
}

/// An output as a kernel sees it.
pub struct ViewMut<'a> {
    /// The dtype.
    pub dtype: DType,
    /// The sizes.
    pub shape: &'a [usize],
    /// The elements: initialised bytes of any value, to be overwritten.
    pub bytes: &'a mut [u8],
}

impl<'a> View<'a> {
    /// The elements in their storage type (`u8` for bool).
    #[inline]
    pub fn slice<T: Element>(&self) -> &'a [T::Store] {
        debug_assert_eq!(T::DTYPE, self.dtype);
        bytemuck::cast_slice(self.bytes)
    }
    /// The elements as plain data of the right size.
    #[inline]
    pub fn cast<S: bytemuck::Pod>(&self) -> &'a [S] {
        bytemuck::cast_slice(self.bytes)
    }
}

impl ViewMut<'_> {
    /// The elements in their storage type (`u8` for bool).
    #[inline]
    pub fn slice<T: Element>(&mut self) -> &mut [T::Store] {
        debug_assert_eq!(T::DTYPE, self.dtype);
        bytemuck::cast_slice_mut(self.bytes)
    }
    /// The elements as plain data of the right size.
    #[inline]
    pub fn cast<S: bytemuck::Pod>(&mut self) -> &mut [S] {
        bytemuck::cast_slice_mut(self.bytes)
    }
}

/// One call of a kernel.
pub struct Call<'a, 'b> {
    /// The inputs.
    pub inputs: &'a [View<'b>],
    /// The outputs, to be filled.
    pub outputs: &'a mut [ViewMut<'b>],
    /// The attributes.
    pub attrs: &'a Attrs,
    /// Of a [`Cpu::Product`] in a plan: what every run of finished elements is handed to, once, from whichever thread
    /// computed it.
    pub finish: Option<&'a Finish<'a>>,
}

/// A function of finished elements: the number of the first one, and their bytes.
pub type Finish<'a> = dyn Fn(usize, &mut [u8]) + Sync + 'a;

/// What a kernel of floating-point products does with finished elements, the first of which is number `from`.
pub(crate) fn epilogue<S, R>(
    finish: Option<&Finish<'_>>,
    from: usize,
    run: impl FnOnce(crate::cpu::gemm::Epilogue<'_, S>) -> R,
) -> R
where
    S: bytemuck::Pod,
{
    use crate::cpu::gemm::Epilogue;
    match finish {
        Some(f) => {
            let f = |place: usize, run: &mut [S]| f(from + place, bytemuck::cast_slice_mut(run));
            run(Epilogue::finish(&f))
        }
        None => run(Epilogue::none()),
    }
}

/// What a storage type computes in: itself, or `f32` for the half floats, or `bool` for bytes.
pub(crate) trait Lane: bytemuck::Pod {
    type Compute: Copy;
    fn up(self) -> Self::Compute;
    fn down(value: Self::Compute) -> Self;
}

macro_rules! lanes {
    ($($s:ty as $c:ty, |$v:ident| $up:expr, |$w:ident| $down:expr;)*) => { $(
        impl Lane for $s {
            type Compute = $c;
            #[inline(always)]
            fn up(self) -> $c { let $v = self; $up }
            #[inline(always)]
            fn down($w: $c) -> $s { $down }
        }
    )* };
}

lanes! {
    f32 as f32, |v| v, |w| w;
    f64 as f64, |v| v, |w| w;
    half::f16 as f32, |v| v.to_f32(), |w| half::f16::from_f32(w);
    half::bf16 as f32, |v| v.to_f32(), |w| half::bf16::from_f32(w);
    i8 as i8, |v| v, |w| w;
    i16 as i16, |v| v, |w| w;
    i32 as i32, |v| v, |w| w;
    i64 as i64, |v| v, |w| w;
    u16 as u16, |v| v, |w| w;
    u32 as u32, |v| v, |w| w;
    u64 as u64, |v| v, |w| w;
    u8 as u8, |v| v, |w| w;
    Truth as bool, |v| v.is_true(), |w| Truth(w as u8);
}

/// A byte that is a truth value.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(transparent)]
pub(crate) struct Truth(u8);

impl Truth {
    /// Whether it is true.
    #[inline(always)]
    pub(crate) fn is_true(self) -> bool {
        self.0 != 0
    }
}

/// The block function of one expression over a storage type: `block!(clones f32 => f32 [x, y] x + y)`.
/// `clones` makes AVX2 and AVX-512 versions of the same loop, chosen at lookup; `plain` does not.
macro_rules! block {
    (plain $s:ty => $o:ty, $xs:tt, $e:expr) => {{
        fn plain(inputs: &[&[u8]], output: &mut [u8]) {
            $crate::op::block_out!(inputs, output, $xs, $s => $o, $e);
        }
        plain as $crate::op::BlockFn
    }};
    (clones $s:ty => $o:ty, $xs:tt, $e:expr) => {{
        #[inline(always)]
        fn body(inputs: &[&[u8]], output: &mut [u8]) {
            $crate::op::block_out!(inputs, output, $xs, $s => $o, $e);
        }
        $crate::op::cloned!(body)
    }};
}
pub(crate) use block;

/// The block function of an inlined `body`, compiled for each vector unit; the best one that this machine has.
macro_rules! cloned {
    ($body:ident) => {{
        fn plain(inputs: &[&[u8]], output: &mut [u8]) {
            $body(inputs, output)
        }
        #[cfg(target_arch = "x86_64")]
        fn avx2(inputs: &[&[u8]], output: &mut [u8]) {
            #[target_feature(enable = "avx2,fma")]
            fn clone(inputs: &[&[u8]], output: &mut [u8]) {
                $body(inputs, output)
            }
            // SAFETY: `level()` chose this clone because the machine has the features.
            unsafe { clone(inputs, output) }
        }
        #[cfg(target_arch = "x86_64")]
        fn avx512(inputs: &[&[u8]], output: &mut [u8]) {
            #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
            fn clone(inputs: &[&[u8]], output: &mut [u8]) {
                $body(inputs, output)
            }
            // SAFETY: as above.
            unsafe { clone(inputs, output) }
        }
        match $crate::cpu::clones::level() {
            #[cfg(target_arch = "x86_64")]
            $crate::cpu::clones::Level::Avx512 => avx512 as $crate::op::BlockFn,
            #[cfg(target_arch = "x86_64")]
            $crate::cpu::clones::Level::Avx2 => avx2 as $crate::op::BlockFn,
            _ => plain as $crate::op::BlockFn,
        }
    }};
}
pub(crate) use cloned;

/// Elements that are widened at a time.
const HALVES: usize = 256;

/// Runs `f`, a function of f32, over half floats, whose results it rounds once.
pub(crate) fn half_through<S: Lane<Compute = f32>>(f: BlockFn, inputs: &[&[u8]], output: &mut [u8]) {
    for (i, out) in bytemuck::cast_slice_mut::<u8, S>(output).chunks_mut(HALVES).enumerate() {
        let mut wide = [0f32; HALVES];
        widened::<S>(f, inputs, i * HALVES, bytemuck::cast_slice_mut(&mut wide[..out.len()]));
        for (out, wide) in out.iter_mut().zip(wide) {
            *out = S::down(wide);
        }
    }
}

/// Runs `f`, a test of f32, over half floats.
pub(crate) fn half_tested_through<S: Lane<Compute = f32>>(f: BlockFn, inputs: &[&[u8]], output: &mut [u8]) {
    for (i, out) in output.chunks_mut(HALVES).enumerate() {
        widened::<S>(f, inputs, i * HALVES, out);
    }
}

/// `f` over the elements from `start` on, as f32, for as many as fit the output: at most [`HALVES`].
fn widened<S: Lane<Compute = f32>>(f: BlockFn, inputs: &[&[u8]], start: usize, output: &mut [u8]) {
    let mut wide = [[0f32; HALVES]; 3];
    for (wide, input) in wide.iter_mut().zip(inputs) {
        for (wide, x) in wide.iter_mut().zip(&bytemuck::cast_slice::<u8, S>(input)[start..]) {
            *wide = x.up();
        }
    }
    let n = (bytemuck::cast_slice::<u8, S>(inputs[0]).len() - start).min(HALVES);
    let views: SmallVec<[&[u8]; 3]> =
        wide[..inputs.len()].iter().map(|w| bytemuck::cast_slice(&w[..n])).collect();
    f(&views, output);
}

/// The loop of a block function for one, two or three inputs of one storage type.
macro_rules! block_out {
    ($ins:ident, $out:ident, [$x:ident], $s:ty => $o:ty, $e:expr) => {
        let a: &[$s] = bytemuck::cast_slice($ins[0]);
        let y: &mut [$o] = bytemuck::cast_slice_mut($out);
        for (y, a) in y.iter_mut().zip(a) {
            let $x = $crate::op::Lane::up(*a);
            *y = $crate::op::Lane::down($e);
        }
    };
    ($ins:ident, $out:ident, [$x:ident, $z:ident], $s:ty => $o:ty, $e:expr) => {
        let (a, b): (&[$s], &[$s]) = (bytemuck::cast_slice($ins[0]), bytemuck::cast_slice($ins[1]));
        let y: &mut [$o] = bytemuck::cast_slice_mut($out);
        for ((y, a), b) in y.iter_mut().zip(a).zip(b) {
            let ($x, $z) = ($crate::op::Lane::up(*a), $crate::op::Lane::up(*b));
            *y = $crate::op::Lane::down($e);
        }
    };
    ($ins:ident, $out:ident, [$x:ident, $z:ident, $w:ident], $s:ty => $o:ty, $e:expr) => {
        let (a, b): (&[$s], &[$s]) = (bytemuck::cast_slice($ins[0]), bytemuck::cast_slice($ins[1]));
        let c: &[$s] = bytemuck::cast_slice($ins[2]);
        let y: &mut [$o] = bytemuck::cast_slice_mut($out);
        for (((y, a), b), c) in y.iter_mut().zip(a).zip(b).zip(c) {
            let ($x, $z, $w) = ($crate::op::Lane::up(*a), $crate::op::Lane::up(*b), $crate::op::Lane::up(*c));
            *y = $crate::op::Lane::down($e);
        }
    };
}
pub(crate) use block_out;

/// The block functions of an op for every dtype, as the function that `Cpu::Elementwise` wants.
///
/// `blocks!([x, y] float => x + y, int => x.wrapping_add(y))`: each arm is a dtype class of the first input
/// and an expression in that class's own type; f16 and bf16 go through the f32 function and are rounded once.
/// With `-> bool` before the arms the expressions are truth values. Classes: `float` (f16, bf16, f32, f64),
/// `slow` (the same, for long functions that no vector unit helps), `real` (f32, f64), `int` (all eight),
/// `sint`, `uint`, `bool`.
///
/// `blocks!([x] near => .., any => ..)` is `float` with two expressions, which agree where `Real::is_near(x)` holds: a block of
/// f64 in which it does everywhere takes the first, all else the second.
macro_rules! blocks {
    ($xs:tt -> bool; $($class:ident => $e:expr),+ $(,)?) => {
        |inputs: &[$crate::DType], _output: $crate::DType| -> Option<$crate::op::BlockFn> {
            None$(.or_else(|| $crate::op::blocks!(@$class inputs[0], $xs, test, $e)))+
        }
    };
    ([$x:ident] near => $near:expr, any => $any:expr) => {
        |inputs: &[$crate::DType], _output: $crate::DType| -> Option<$crate::op::BlockFn> {
            #[inline(always)]
            fn double(inputs: &[&[u8]], output: &mut [u8]) {
                let all: &[f64] = bytemuck::cast_slice(inputs[0]);
                // Looks at all of them, for speed.
                if all.iter().fold(true, |near, &x| near & $crate::cpu::math::Real::is_near(x)) {
                    $crate::op::block_out!(inputs, output, [$x], f64 => f64, $near);
                } else {
                    $crate::op::block_out!(inputs, output, [$x], f64 => f64, $any);
                }
            }
            match inputs[0] {
                $crate::DType::F64 => Some($crate::op::cloned!(double)),
                other => $crate::op::blocks!(@but_double clones same other, [$x], $any),
            }
        }
    };
    ($xs:tt $($class:ident => $e:expr),+ $(,)?) => {
        |inputs: &[$crate::DType], _output: $crate::DType| -> Option<$crate::op::BlockFn> {
            None$(.or_else(|| $crate::op::blocks!(@$class inputs[0], $xs, same, $e)))+
        }
    };
    (@float $d:expr, $xs:tt, $out:tt, $e:expr) => { $crate::op::blocks!(@floats clones $out $d, $xs, $e) };
    (@slow $d:expr, $xs:tt, $out:tt, $e:expr) => { $crate::op::blocks!(@floats plain $out $d, $xs, $e) };
    (@floats $how:ident $out:ident $d:expr, $xs:tt, $e:expr) => {
        match $d {
            $crate::DType::F64 => Some($crate::op::blocks!(@one $how $out f64, $xs, $e)),
            other => $crate::op::blocks!(@but_double $how $out other, $xs, $e),
        }
    };
    (@but_double $how:ident $out:ident $d:expr, $xs:tt, $e:expr) => {{
        fn single() -> $crate::op::BlockFn {
            $crate::op::blocks!(@one $how $out f32, $xs, $e)
        }
        match $d {
            $crate::DType::F32 => Some(single()),
            $crate::DType::F16 => Some($crate::op::blocks!(@through $out half::f16, single)),
            $crate::DType::BF16 => Some($crate::op::blocks!(@through $out half::bf16, single)),
            _ => None,
        }
    }};
    (@one $how:ident same $s:ty, $xs:tt, $e:expr) => { $crate::op::block!($how $s => $s, $xs, $e) };
    (@one $how:ident test $s:ty, $xs:tt, $e:expr) => {
        $crate::op::block!($how $s => $crate::op::Truth, $xs, $e)
    };
    (@through same $s:ty, $single:ident) => {{
        fn through(inputs: &[&[u8]], output: &mut [u8]) {
            $crate::op::half_through::<$s>($single(), inputs, output);
        }
        through as $crate::op::BlockFn
    }};
    (@through test $s:ty, $single:ident) => {{
        fn through(inputs: &[&[u8]], output: &mut [u8]) {
            $crate::op::half_tested_through::<$s>($single(), inputs, output);
        }
        through as $crate::op::BlockFn
    }};
    (@real $d:expr, $xs:tt, $out:tt, $e:expr) => {
        $crate::op::blocks!(@rows clones $out $d, $xs, $e; F32 f32, F64 f64)
    };
    (@int $d:expr, $xs:tt, $out:tt, $e:expr) => {
        $crate::op::blocks!(@rows plain $out $d, $xs, $e;
            I8 i8, I16 i16, I32 i32, I64 i64, U8 u8, U16 u16, U32 u32, U64 u64)
    };
    (@sint $d:expr, $xs:tt, $out:tt, $e:expr) => {
        $crate::op::blocks!(@rows plain $out $d, $xs, $e; I8 i8, I16 i16, I32 i32, I64 i64)
    };
    (@uint $d:expr, $xs:tt, $out:tt, $e:expr) => {
        $crate::op::blocks!(@rows plain $out $d, $xs, $e; U8 u8, U16 u16, U32 u32, U64 u64)
    };
    (@bool $d:expr, $xs:tt, $out:tt, $e:expr) => {
        $crate::op::blocks!(@rows plain test $d, $xs, $e; Bool $crate::op::Truth)
    };
    (@rows $how:ident same $d:expr, $xs:tt, $e:expr; $($v:ident $s:ty),+) => {
        match $d {
            $($crate::DType::$v => Some($crate::op::block!($how $s => $s, $xs, $e)),)+
            _ => None,
        }
    };
    (@rows $how:ident test $d:expr, $xs:tt, $e:expr; $($v:ident $s:ty),+) => {
        match $d {
            $($crate::DType::$v => Some($crate::op::block!($how $s => $crate::op::Truth, $xs, $e)),)+
            _ => None,
        }
    };
}
pub(crate) use blocks;

#[cfg(test)]
mod tests {
    use super::*;

    /// An element's bits do not depend on whether its block has a far angle in it.
    #[test]
    fn a_block_with_a_far_angle_gives_the_bits_of_single_ones() {
        let x: Vec<f64> =
            (0..700).map(|i| f64::from(i) * 1.37 - 400.0).chain([1e300, f64::INFINITY]).collect();
        let of = |op: &crate::op::OpDef, x: &[f64]| -> Vec<u64> {
            let Cpu::Elementwise(choose) = op.cpu else { panic!("{} is element-wise", op.name) };
            let run = choose(&[DType::F64], DType::F64).expect("a function of f64");
            let mut y = vec![0f64; x.len()];
            run(&[bytemuck::cast_slice(x)], bytemuck::cast_slice_mut(&mut y));
            y.iter().map(|y| if y.is_nan() { u64::MAX } else { y.to_bits() }).collect()
        };
        for op in [&crate::ops::SIN, &crate::ops::COS, &crate::ops::TAN] {
            let alone: Vec<u64> = x.iter().flat_map(|&x| of(op, &[x])).collect();
            assert_eq!(alone.iter().filter(|&&y| y == u64::MAX).count(), 1);
            assert!(of(op, &x) == alone && of(op, &x[..700]) == alone[..700], "{}", op.name);
        }
    }
}
