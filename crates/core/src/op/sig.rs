//! Signatures: what an op takes, checked once at the door.

use super::attr::{Attr, Attrs};
use super::infer::Fault;
use crate::dtype::DType;
use crate::shape::Meta;

/// Which dtypes an input takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// Any dtype.
    Any,
    /// Floats and integers.
    Number,
    /// f16, bf16, f32, f64.
    Float,
    /// Signed and unsigned integers.
    Int,
    /// Floats and signed integers.
    Signed,
    /// bool only.
    Bool,
    /// i32 or i64: positions and sizes.
    Index,
    /// f32 or f64: what decompositions take.
    Real,
}

impl Class {
    /// Whether `dtype` belongs.
    pub fn has(self, dtype: DType) -> bool {
        match self {
            Class::Any => true,
            Class::Number => dtype != DType::Bool,
            Class::Float => dtype.is_float(),
            Class::Int => dtype.is_int(),
            Class::Signed => dtype.is_signed(),
            Class::Bool => dtype == DType::Bool,
            Class::Index => matches!(dtype, DType::I32 | DType::I64),
            Class::Real => matches!(dtype, DType::F32 | DType::F64),
        }
    }
    /// The word for messages.
    pub fn word(self) -> &'static str {
        match self {
            Class::Any => "of any dtype",
            Class::Number => "a number",
            Class::Float => "float",
            Class::Int => "an integer",
            Class::Signed => "a signed number",
            Class::Bool => "bool",
            Class::Index => "i32 or i64",
            Class::Real => "f32 or f64",
        }
    }
    /// All dtypes of the class.
    pub fn dtypes(self) -> impl Iterator<Item = DType> {
        DType::ALL.into_iter().filter(move |d| self.has(*d))
    }
}

/// One input. Inputs of the same `group` (a letter) have the same dtype; `'_'` is no group.
#[derive(Clone, Copy, Debug)]
pub struct Input {
    /// Its name in messages and graphs.
    pub name: &'static str,
    /// The letter of its dtype group.
    pub group: char,
    /// The dtypes it takes.
    pub class: Class,
}

/// The kind of an attribute.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "each is the variant of Attr with the same name")]
pub enum AttrKind {
    Int,
    Float,
    Bool,
    Str,
    DType,
    Shape,
    Ints,
    Tensor,
    Graph,
}

impl AttrKind {
    fn of(attr: &Attr) -> AttrKind {
        match attr {
            Attr::Int(_) => AttrKind::Int,
            Attr::Float(_) => AttrKind::Float,
            Attr::Bool(_) => AttrKind::Bool,
            Attr::Str(_) => AttrKind::Str,
            Attr::DType(_) => AttrKind::DType,
            Attr::Shape(_) => AttrKind::Shape,
            Attr::Ints(_) => AttrKind::Ints,
            Attr::Tensor(_) => AttrKind::Tensor,
            Attr::Graph(_) => AttrKind::Graph,
        }
    }
}

/// The signature of an op. With `variadic` the last input may be given any number of times (at least once, or not at all
/// if it is `optional`).
#[derive(Clone, Copy, Debug)]
pub struct Sig {
    /// The inputs in order.
    pub inputs: &'static [Input],
    /// Whether the last input repeats.
    pub variadic: bool,
    /// Whether the repeated input may be missing.
    pub optional: bool,
    /// Attributes in order, all required.
    pub attrs: &'static [(&'static str, AttrKind)],
}

/// A signature in one line: `sig!(x: T number, y: T number; axis: Ints, keepdims: Bool)`; `_` for no dtype group;
/// a list is `sig!(values: T any ..; axis: Int)`, one that may be empty `sig!(values: T any ..0; axis: Int)`.
macro_rules! sig {
    (@class any) => { $crate::op::Class::Any };
    (@class number) => { $crate::op::Class::Number };
    (@class float) => { $crate::op::Class::Float };
    (@class int) => { $crate::op::Class::Int };
    (@class signed) => { $crate::op::Class::Signed };
    (@class bool) => { $crate::op::Class::Bool };
    (@class index) => { $crate::op::Class::Index };
    (@class real) => { $crate::op::Class::Real };
    (@group _) => { '_' };
    (@group $g:ident) => { stringify!($g).as_bytes()[0] as char };
    (@variadic) => { false };
    (@variadic $_:tt) => { true };
    (@optional) => { false };
    (@optional one) => { false };
    (@optional none) => { true };
    ($($name:ident: $g:tt $class:ident),* $(; $($attr:ident: $kind:ident),*)?) => {
        sig!(@make [$(($name, $g, $class))*] [$($(($attr, $kind))*)?] )
    };
    ($($name:ident: $g:tt $class:ident),* .. $(; $($attr:ident: $kind:ident),*)?) => {
        sig!(@make [$(($name, $g, $class))*] [$($(($attr, $kind))*)?] one)
    };
    ($($name:ident: $g:tt $class:ident),* ..0 $(; $($attr:ident: $kind:ident),*)?) => {
        sig!(@make [$(($name, $g, $class))*] [$($(($attr, $kind))*)?] none)
    };
    (@make [$(($name:ident, $g:tt, $class:ident))*] [$(($attr:ident, $kind:ident))*] $($v:tt)?) => {
        $crate::op::Sig {
            inputs: &[$($crate::op::Input {
                name: stringify!($name),
                group: sig!(@group $g),
                class: sig!(@class $class),
            }),*],
            variadic: sig!(@variadic $($v)?),
            optional: sig!(@optional $($v)?),
            attrs: &[$((stringify!($attr), $crate::op::AttrKind::$kind)),*],
        }
    };
}
pub(crate) use sig;

impl Sig {
    /// The declared input that the `i`th given one stands for.
    #[inline]
    pub fn input(&self, i: usize) -> Option<&'static Input> {
        match self.inputs.get(i) {
            None if self.variadic => self.inputs.last(),
            found => found,
        }
    }
    /// The name of the `i`th given input: `x`, or `values[2]` in a list.
    pub fn input_name(&self, i: usize) -> String {
        let last = self.inputs.len().wrapping_sub(1);
        match self.input(i) {
            Some(input) if self.variadic && i >= last => format!("{}[{}]", input.name, i - last),
            Some(input) => input.name.to_string(),
            None => format!("input {i}"),
        }
    }
    /// Arity, dtype classes and groups, attribute names and kinds.
    #[inline]
    pub(crate) fn check(&self, metas: &[&Meta], attrs: &Attrs) -> Result<(), Fault> {
        let least = self.inputs.len() - self.optional as usize;
        let arity_ok = match self.variadic {
            true => metas.len() >= least,
            false => metas.len() == least,
        };
        if !arity_ok {
            let many = if self.variadic { "at least " } else { "" };
            return Err(Fault::new(format!("takes {many}{least} inputs, got {}", metas.len())));
        }
        for (i, meta) in metas.iter().enumerate() {
            let Some(input) = self.input(i) else { continue };
            if !input.class.has(meta.dtype) {
                return Err(self.wrong_class(i, input, meta));
            }
            if input.group != '_' {
                let first = self.inputs.iter().position(|o| o.group == input.group).unwrap_or(i);
                if metas[first].dtype != meta.dtype {
                    return Err(self.mixed(first, i, metas));
                }
            }
        }
        if attrs.len() != self.attrs.len() || !self.attrs.iter().zip(attrs.iter()).all(matches) {
            return Err(self.wrong_attrs(attrs));
        }
        Ok(())
    }
    #[cold]
    fn wrong_class(&self, i: usize, input: &Input, meta: &Meta) -> Fault {
        let fault = Fault::new(format!("{} must be {}", self.input_name(i), input.class.word()));
        let to = match input.class {
            Class::Float | Class::Real => "tf::f32",
            Class::Bool => "tf::bool",
            Class::Int | Class::Index => "tf::i32",
            _ if meta.dtype == DType::Bool => "tf::i32",
            _ => return fault,
        };
        fault.hint(format!("cast first: {}.cast({to})", input.name))
    }
    #[cold]
    fn mixed(&self, first: usize, i: usize, metas: &[&Meta]) -> Fault {
        let (a, b) = (self.input_name(first), self.input_name(i));
        Fault::new(format!("{a} and {b} must have the same dtype"))
            .hint(format!("there is no silent promotion; cast one: {b}.cast(tf::{})", metas[first].dtype))
    }
    #[cold]
    fn wrong_attrs(&self, attrs: &Attrs) -> Fault {
        let given: Vec<_> = attrs.iter().map(|(n, a)| format!("{n}: {:?}", AttrKind::of(a))).collect();
        let wanted: Vec<_> = self.attrs.iter().map(|(n, k)| format!("{n}: {k:?}")).collect();
        Fault::new(format!("takes the attributes ({}), got ({})", wanted.join(", "), given.join(", ")))
    }
}

fn matches((wanted, given): (&(&'static str, AttrKind), (&'static str, &Attr))) -> bool {
    wanted.0 == given.0 && wanted.1 == AttrKind::of(given.1)
}
