//! What may be an argument or a result of a traced function.

use super::visitor::{Rebuild, Visitor};
use crate::device::Device;
use crate::dim::Dim;
use crate::dtype::DType;
use crate::error::{OrRaise, Result, catch};
use crate::random::Generator;
use crate::shape::Shape;
use crate::tensor::Tensor;
use crate::variable::Variable;
use half::{bf16, f16};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Display;
use std::hash::{BuildHasher, Hash};
use std::marker::PhantomData;
use std::sync::Arc;

/// A value that a traced function can take or return: tensors, variables, host values, and structures of them.
///
/// The cache key of a call is what [`visit`](Structure::visit) shows: dtype and shape of tensors, the identity of
/// variables, type and bits of host values, lengths and variants. [`rebuild`](Structure::rebuild) puts symbols in the
/// places of tensors while tracing, and the run's results in the places of symbols.
///
/// `#[derive(Module)]` and `#[derive(Structure)]` write it for structs and enums. An object that keeps state of its own
/// shows an [identity](Visitor::identity) and gives a handle to itself back.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument or a result of a traced function",
    label = "not a tensor, variable, host value or structure of them",
    note = "derive `tf::Module` (or `tf::Structure`) for it; references are allowed for a whole argument only"
)]
pub trait Structure {
    /// Shows every part, always in the same order.
    fn visit(&self, v: &mut Visitor);
    /// The same with the tensors that `r` gives, taken in the order of the visit.
    fn rebuild(&self, r: &mut Rebuild<'_>) -> Self
    where
        Self: Sized;
    /// How a function with this result runs: an error panics, unless the result can hold it.
    #[doc(hidden)]
    #[track_caller]
    fn settle(body: impl FnOnce() -> Result<Self>) -> Self
    where
        Self: Sized,
    {
        body().or_raise()
    }
    /// The result, or the error that it holds.
    #[doc(hidden)]
    fn outcome(self) -> Result<Self>
    where
        Self: Sized,
    {
        Ok(self)
    }
}

/// How a borrowed argument is held while the body is traced.
#[doc(hidden)]
pub trait Lend: Structure {
    /// The owned form.
    type Held: std::borrow::Borrow<Self>;
    /// The owned form with symbols for tensors.
    fn hold(&self, r: &mut Rebuild<'_>) -> Self::Held;
}

impl<T: Structure> Lend for T {
    type Held = T;
    fn hold(&self, r: &mut Rebuild<'_>) -> T {
        self.rebuild(r)
    }
}

impl<T: Structure> Lend for [T] {
    type Held = Vec<T>;
    fn hold(&self, r: &mut Rebuild<'_>) -> Vec<T> {
        self.iter().map(|x| x.rebuild(r)).collect()
    }
}

impl Lend for str {
    type Held = String;
    fn hold(&self, _: &mut Rebuild<'_>) -> String {
        self.to_owned()
    }
}

impl Structure for Tensor {
    fn visit(&self, v: &mut Visitor) {
        v.tensor(self);
    }
    fn rebuild(&self, r: &mut Rebuild<'_>) -> Tensor {
        r.tensor()
    }
}

impl Structure for Variable {
    fn visit(&self, v: &mut Visitor) {
        v.variable(self);
    }
    fn rebuild(&self, _: &mut Rebuild<'_>) -> Variable {
        self.clone()
    }
}

impl Structure for Generator {
    fn visit(&self, v: &mut Visitor) {
        v.generator(self.state());
    }
    fn rebuild(&self, _: &mut Rebuild<'_>) -> Generator {
        self.clone()
    }
}

macro_rules! host_values {
    ($($t:ty => |$x:ident| $bits:expr, $text:expr;)*) => { $(
        impl Structure for $t {
            fn visit(&self, v: &mut Visitor) {
                let $x = *self;
                v.value(stringify!($t), $bits, &$text);
            }
            fn rebuild(&self, _: &mut Rebuild<'_>) -> $t { *self }
        }
    )* };
}

host_values! {
    i8 => |x| x as u64, format_args!("{x}i8");
    i16 => |x| x as u64, format_args!("{x}i16");
    i32 => |x| x as u64, format_args!("{x}i32");
    i64 => |x| x as u64, format_args!("{x}i64");
    isize => |x| x as u64, format_args!("{x}isize");
    u8 => |x| x.into(), format_args!("{x}u8");
    u16 => |x| x.into(), format_args!("{x}u16");
    u32 => |x| x.into(), format_args!("{x}u32");
    u64 => |x| x, format_args!("{x}u64");
    usize => |x| x as u64, format_args!("{x}usize");
    f16 => |x| x.to_bits().into(), format_args!("{x:?}f16");
    bf16 => |x| x.to_bits().into(), format_args!("{x:?}bf16");
    f32 => |x| x.to_bits().into(), format_args!("{x:?}f32");
    f64 => |x| x.to_bits(), format_args!("{x:?}f64");
    bool => |x| x.into(), x;
    char => |x| x.into(), format_args!("{x:?}");
    DType => |x| x as u64, x;
    Dim => |x| x.key(), x;
    Device => |x| x.key(), x;
    fn(&Tensor) -> Tensor => |x| x as usize as u64, format_args!("fn at {:#x}", x as usize);
    fn(&Tensor, &Tensor) -> Tensor => |x| x as usize as u64, format_args!("fn at {:#x}", x as usize);
    fn(Tensor) -> Tensor => |x| x as usize as u64, format_args!("fn at {:#x}", x as usize);
}

impl Structure for str {
    fn visit(&self, v: &mut Visitor) {
        v.text(self);
    }
}

impl Structure for &'static str {
    fn visit(&self, v: &mut Visitor) {
        v.text(self);
    }
    fn rebuild(&self, _: &mut Rebuild<'_>) -> &'static str {
        self
    }
}

impl Structure for String {
    fn visit(&self, v: &mut Visitor) {
        v.text(self);
    }
    fn rebuild(&self, _: &mut Rebuild<'_>) -> String {
        self.clone()
    }
}

impl Structure for Shape {
    fn visit(&self, v: &mut Visitor) {
        v.shape("Shape", self.rank());
        self.iter().for_each(|d| d.visit(v));
    }
    fn rebuild(&self, _: &mut Rebuild<'_>) -> Shape {
        self.clone()
    }
}

impl<T> Structure for PhantomData<T> {
    fn visit(&self, _: &mut Visitor) {}
    fn rebuild(&self, _: &mut Rebuild<'_>) -> PhantomData<T> {
        PhantomData
    }
}

impl<T: Structure> Structure for [T] {
    fn visit(&self, v: &mut Visitor) {
        v.shape("list", self.len());
        for (i, x) in self.iter().enumerate() {
            v.field(i, |v| x.visit(v));
        }
    }
}

impl<T: Structure> Structure for Vec<T> {
    fn visit(&self, v: &mut Visitor) {
        self.as_slice().visit(v);
    }
    fn rebuild(&self, r: &mut Rebuild<'_>) -> Vec<T> {
        self.iter().map(|x| x.rebuild(r)).collect()
    }
}

impl<T: Structure, const N: usize> Structure for [T; N] {
    fn visit(&self, v: &mut Visitor) {
        self.as_slice().visit(v);
    }
    fn rebuild(&self, r: &mut Rebuild<'_>) -> [T; N] {
        self.each_ref().map(|x| x.rebuild(r))
    }
}

impl<T: Structure> Structure for Option<T> {
    fn visit(&self, v: &mut Visitor) {
        v.shape("option", self.is_some() as usize);
        if let Some(x) = self {
            x.visit(v);
        }
    }
    fn rebuild(&self, r: &mut Rebuild<'_>) -> Option<T> {
        self.as_ref().map(|x| x.rebuild(r))
    }
}

/// A function that returns this gives every error as `Err`: raised by an op, while tracing, or by the graph's run.
impl<T: Structure> Structure for Result<T> {
    fn visit(&self, v: &mut Visitor) {
        v.shape("result", self.is_ok() as usize);
        match self {
            Ok(x) => x.visit(v),
            Err(e) => v.text(e.message()),
        }
    }
    fn rebuild(&self, r: &mut Rebuild<'_>) -> Result<T> {
        match self {
            Ok(x) => Ok(x.rebuild(r)),
            Err(e) => Err(e.clone()),
        }
    }
    fn settle(body: impl FnOnce() -> Result<Self>) -> Self {
        catch(body)??
    }
    fn outcome(self) -> Result<Self> {
        self.map(Ok)
    }
}

macro_rules! pointers {
    ($($p:ident),*) => { $(
        impl<T: Structure> Structure for $p<T> {
            fn visit(&self, v: &mut Visitor) {
                (**self).visit(v);
            }
            fn rebuild(&self, r: &mut Rebuild<'_>) -> $p<T> {
                $p::new((**self).rebuild(r))
            }
        }
    )* };
}

pointers!(Box, Arc);

impl<K, V, S> Structure for HashMap<K, V, S>
where
    K: Structure + Ord + Hash + Display,
    V: Structure,
    S: BuildHasher + Default,
{
    fn visit(&self, v: &mut Visitor) {
        v.shape("map", self.len());
        for (key, x) in in_order(self) {
            key.visit(v);
            v.field(key, |v| x.visit(v));
        }
    }
    fn rebuild(&self, r: &mut Rebuild<'_>) -> Self {
        // The keys were visited too, so they are rebuilt in turn.
        in_order(self).into_iter().map(|(key, x)| (key.rebuild(r), x.rebuild(r))).collect()
    }
}

/// A hash map's entries by key, because its own order changes from run to run.
fn in_order<K: Ord, V, S>(map: &HashMap<K, V, S>) -> Vec<(&K, &V)> {
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_by_key(|e| e.0);
    entries
}

impl<K: Structure + Ord + Display, V: Structure> Structure for BTreeMap<K, V> {
    fn visit(&self, v: &mut Visitor) {
        v.shape("map", self.len());
        for (key, x) in self {
            key.visit(v);
            v.field(key, |v| x.visit(v));
        }
    }
    fn rebuild(&self, r: &mut Rebuild<'_>) -> Self {
        self.iter().map(|(key, x)| (key.rebuild(r), x.rebuild(r))).collect()
    }
}

macro_rules! tuples {
    ($(($($t:ident $i:tt),*))*) => { $(
        impl<$($t: Structure),*> Structure for ($($t,)*) {
            fn visit(&self, v: &mut Visitor) {
                let _ = &v;
                $(v.field($i, |v| self.$i.visit(v));)*
            }
            #[allow(clippy::unused_unit, reason = "the empty tuple is a tuple")]
            fn rebuild(&self, r: &mut Rebuild<'_>) -> ($($t,)*) {
                let _ = &r;
                ($(self.$i.rebuild(r),)*)
            }
        }
    )* };
}

tuples! {
    ()
    (A 0)
    (A 0, B 1)
    (A 0, B 1, C 2)
    (A 0, B 1, C 2, D 3)
    (A 0, B 1, C 2, D 3, E 4)
    (A 0, B 1, C 2, D 3, E 4, F 5)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7)
}
