//! Attributes: the compile-time arguments of an op, named as TensorFlow names them.

use crate::dim::Dim;
use crate::dtype::DType;
use crate::graph::Graph;
use crate::shape::Shape;
use crate::tensor::Tensor;
use smallvec::SmallVec;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The value of an attribute.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Attr {
    /// An integer.
    Int(i64),
    /// A float, equal by bits.
    Float(f64),
    /// A truth value.
    Bool(bool),
    /// A word or a message.
    Str(&'static str),
    /// A dtype.
    DType(DType),
    /// A shape; symbols are allowed and bound with the graph.
    Shape(Box<Shape>),
    /// A list of integers.
    Ints(SmallVec<[i64; 4]>),
    /// A constant's values (on the host).
    Tensor(Tensor),
    /// A graph that the node runs, or not, or often. It names variables by the slots of the function that it is in.
    Graph(Arc<Graph>),
}

impl PartialEq for Attr {
    fn eq(&self, other: &Attr) -> bool {
        match (self, other) {
            (Attr::Int(a), Attr::Int(b)) => a == b,
            (Attr::Float(a), Attr::Float(b)) => a.to_bits() == b.to_bits(),
            (Attr::Bool(a), Attr::Bool(b)) => a == b,
            (Attr::Str(a), Attr::Str(b)) => a == b,
            (Attr::DType(a), Attr::DType(b)) => a == b,
            (Attr::Shape(a), Attr::Shape(b)) => a == b,
            (Attr::Ints(a), Attr::Ints(b)) => a == b,
            (Attr::Tensor(a), Attr::Tensor(b)) => a.same_literal(b),
            (Attr::Graph(a), Attr::Graph(b)) => Arc::ptr_eq(a, b) || a.computes_as(b),
            _ => false,
        }
    }
}

impl Eq for Attr {}

impl Hash for Attr {
    fn hash<H: Hasher>(&self, h: &mut H) {
        std::mem::discriminant(self).hash(h);
        match self {
            Attr::Int(a) => a.hash(h),
            Attr::Float(a) => a.to_bits().hash(h),
            Attr::Bool(a) => a.hash(h),
            Attr::Str(a) => a.hash(h),
            Attr::DType(a) => a.hash(h),
            Attr::Shape(a) => a.hash(h),
            Attr::Ints(a) => a.hash(h),
            Attr::Tensor(a) => a.meta().hash(h),
            Attr::Graph(a) => a.nodes.iter().for_each(|n| n.op.hash(h)),
        }
    }
}

macro_rules! into_attr {
    ($($t:ty => |$v:ident| $e:expr;)*) => { $(
        impl From<$t> for Attr {
            fn from($v: $t) -> Attr { $e }
        }
    )* };
}

into_attr! {
    i64 => |v| Attr::Int(v);
    usize => |v| Attr::Int(v as i64);
    f64 => |v| Attr::Float(v);
    bool => |v| Attr::Bool(v);
    &'static str => |v| Attr::Str(v);
    DType => |v| Attr::DType(v);
    Shape => |v| Attr::Shape(Box::new(v));
    &Shape => |v| Attr::Shape(Box::new(v.clone()));
    &[i64] => |v| Attr::Ints(v.into());
    Vec<i64> => |v| Attr::Ints(v.into());
    Tensor => |v| Attr::Tensor(v);
    Arc<Graph> => |v| Attr::Graph(v);
    Graph => |v| Attr::Graph(Arc::new(v));
}

/// The attributes of one call, in the order of the signature. Empty ones cost nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Attrs(SmallVec<[(&'static str, Attr); 2]>);

impl Attrs {
    /// No attributes.
    #[inline]
    pub fn new() -> Attrs {
        Attrs(SmallVec::new())
    }
    /// With one more.
    pub fn with(mut self, name: &'static str, value: impl Into<Attr>) -> Attrs {
        self.0.push((name, value.into()));
        self
    }
    /// The attribute of this name.
    pub fn get(&self, name: &str) -> Option<&Attr> {
        self.0.iter().find(|a| a.0 == name).map(|a| &a.1)
    }
    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Attr)> {
        self.0.iter().map(|a| (a.0, &a.1))
    }
    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// The integer `name`. The signature was checked at the door, so a wrong name is a bug of the op's file.
    #[track_caller]
    pub fn int(&self, name: &str) -> i64 {
        match self.get(name) {
            Some(Attr::Int(v)) => *v,
            other => panic!("attribute {name} is not an integer: {other:?}"),
        }
    }
    /// The float `name`.
    #[track_caller]
    pub fn float(&self, name: &str) -> f64 {
        match self.get(name) {
            Some(Attr::Float(v)) => *v,
            other => panic!("attribute {name} is not a float: {other:?}"),
        }
    }
    /// The truth value `name`.
    #[track_caller]
    pub fn bool(&self, name: &str) -> bool {
        match self.get(name) {
            Some(Attr::Bool(v)) => *v,
            other => panic!("attribute {name} is not a bool: {other:?}"),
        }
    }
    /// The string `name`.
    #[track_caller]
    pub fn str(&self, name: &str) -> &'static str {
        match self.get(name) {
            Some(Attr::Str(v)) => v,
            other => panic!("attribute {name} is not a string: {other:?}"),
        }
    }
    /// The dtype `name`.
    #[track_caller]
    pub fn dtype(&self, name: &str) -> DType {
        match self.get(name) {
            Some(Attr::DType(v)) => *v,
            other => panic!("attribute {name} is not a dtype: {other:?}"),
        }
    }
    /// The shape `name`.
    #[track_caller]
    pub fn shape(&self, name: &str) -> &Shape {
        match self.get(name) {
            Some(Attr::Shape(v)) => v,
            other => panic!("attribute {name} is not a shape: {other:?}"),
        }
    }
    /// The integers `name`.
    #[track_caller]
    pub fn ints(&self, name: &str) -> &[i64] {
        match self.get(name) {
            Some(Attr::Ints(v)) => v,
            other => panic!("attribute {name} is not a list of integers: {other:?}"),
        }
    }
    /// The constant `name`.
    #[track_caller]
    pub fn tensor(&self, name: &str) -> &Tensor {
        match self.get(name) {
            Some(Attr::Tensor(v)) => v,
            other => panic!("attribute {name} is not a tensor: {other:?}"),
        }
    }
    /// The graph `name`.
    #[track_caller]
    pub fn graph(&self, name: &str) -> &Arc<Graph> {
        match self.get(name) {
            Some(Attr::Graph(v)) => v,
            other => panic!("attribute {name} is not a graph: {other:?}"),
        }
    }
    /// The graphs among them, in order, each with its name.
    pub fn graphs(&self) -> impl Iterator<Item = (&'static str, &Arc<Graph>)> {
        self.0.iter().filter_map(|(name, attr)| match attr {
            Attr::Graph(graph) => Some((*name, graph)),
            _ => None,
        })
    }
    /// The attributes with other graphs in place of theirs.
    pub(crate) fn with_graphs<E>(self, mut f: impl FnMut(&Graph) -> Result<Graph, E>) -> Result<Attrs, E> {
        let mut all = self.0;
        for (_, attr) in all.iter_mut() {
            if let Attr::Graph(graph) = attr {
                *graph = Arc::new(f(graph)?);
            }
        }
        Ok(Attrs(all))
    }
    /// The attributes with another value for `name`.
    pub(crate) fn replaced(mut self, name: &str, value: impl Into<Attr>) -> Attrs {
        if let Some(found) = self.0.iter_mut().find(|a| a.0 == name) {
            found.1 = value.into();
        }
        self
    }
    /// The attributes with the bound symbols of shapes replaced, the others left; graphs stay as they are.
    pub(crate) fn partial(&self, bindings: &[(Dim, usize)]) -> Attrs {
        self.with_sizes(&|d| d.partial(bindings))
    }
    /// The attributes with other sizes in shapes; graphs stay as they are.
    pub(crate) fn with_sizes(&self, f: &dyn Fn(Dim) -> Dim) -> Attrs {
        let one = |(name, attr): &(&'static str, Attr)| match attr {
            Attr::Shape(s) => (*name, Attr::Shape(Box::new(s.iter().map(|d| f(*d)).collect()))),
            other => (*name, other.clone()),
        };
        Attrs(self.0.iter().map(one).collect())
    }
    /// The attributes with other sizes, in graphs too.
    pub(crate) fn with_all_sizes(&self, f: &dyn Fn(Dim) -> Dim) -> Attrs {
        let mut made = self.with_sizes(f);
        for (_, attr) in made.0.iter_mut() {
            if let Attr::Graph(graph) = attr {
                *graph = Arc::new(graph.with_sizes(f));
            }
        }
        made
    }
    /// Whether a shape depends on a size that only the run decides.
    pub(crate) fn are_run_time(&self) -> bool {
        self.0.iter().any(|(_, a)| match a {
            Attr::Shape(s) => s.iter().any(|d| d.is_run_time()),
            Attr::Graph(g) => !g.is_concrete() || g.nodes.iter().any(|n| n.attrs.are_run_time()),
            _ => false,
        })
    }
    /// Calls `f` for each size in shapes that only the run decides, in graphs too.
    pub(crate) fn each_run_time_size(&self, f: &mut dyn FnMut(Dim)) {
        for (_, attr) in &self.0 {
            match attr {
                Attr::Shape(s) => s.iter().for_each(|d| d.each_run_time_symbol(f)),
                Attr::Graph(g) => g.nodes.iter().for_each(|n| n.attrs.each_run_time_size(f)),
                _ => {}
            }
        }
    }
    /// The attributes with every symbol of a shape replaced by its number; graphs stay as they are.
    pub fn bind(&self, bindings: &[(Dim, usize)]) -> Option<Attrs> {
        let bound = |(name, attr): &(&'static str, Attr)| {
            Some(match attr {
                Attr::Shape(s) => (*name, Attr::Shape(Box::new(s.bind(bindings)?))),
                other => (*name, other.clone()),
            })
        };
        self.0.iter().map(bound).collect::<Option<SmallVec<_>>>().map(Attrs)
    }
}
