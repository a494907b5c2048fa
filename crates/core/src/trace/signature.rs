//! One trace of a function: its graph, what it is for, and the concrete programs made of it.

use super::Custom;
use super::function::Function;
use super::misses::Known;
use super::program::{Program, Wishes};
use super::visitor::{DimSpec, Leaf, LeafKind, TensorSpec, Visitor};
use crate::device::Device;
use crate::dim::Dim;
use crate::error::{Error, Result};
use crate::graph::{Graph, Value};
use crate::shape::{Meta, Shape};
use crate::tensor::Tensor;
use crate::variable::Variable;
use std::any::Any;
use std::fmt::{self, Display};
use std::sync::{Arc, Mutex};

/// How many concrete programs a trace with open dimensions keeps.
const PLANS: usize = 64;

/// One trace.
pub(crate) struct Trace {
    pub(crate) function: &'static str,
    /// Counts the function's traces.
    pub(crate) number: usize,
    pub(crate) graph: Graph,
    pub(crate) captures: Vec<Tensor>,
    pub(crate) variables: Vec<Variable>,
    customs: Vec<Custom>,
    pub(crate) device: Device,
    wishes: Wishes,
    /// The result with symbols of the trace in it.
    pub(crate) template: Box<dyn Any + Send + Sync>,
    pub(crate) known: Known,
    plans: Mutex<Vec<(Vec<Meta>, Arc<Program>)>>,
}

impl Trace {
    pub(crate) fn new(
        number: usize,
        traced: super::Traced<Box<dyn Any + Send + Sync>>,
        known: Known,
        function: &'static Function,
        device: Device,
    ) -> Result<Trace> {
        // A graph's inputs are on its device; captured host tensors are moved once.
        let moved = |x: &Tensor| match x.is_symbolic() {
            true => Ok(x.clone()),
            // The very tensor, where it can be: a tape knows it by its identity.
            false if x.device() == device => Ok(x.clone()),
            false => x.to(device),
        };
        let captures = traced.captures.iter().map(moved).collect::<Result<_>>()?;
        Ok(Trace {
            function: function.name(),
            number,
            graph: traced.graph,
            captures,
            variables: traced.variables,
            customs: traced.customs,
            device,
            wishes: function.options().into(),
            template: traced.result,
            known,
            plans: Mutex::default(),
        })
    }
    /// The program for tensors of these metas.
    ///
    /// # Errors
    ///
    /// If they do not fit the signature, or the graph cannot be bound to them.
    pub(crate) fn program(&self, tensors: &[Tensor]) -> Result<Arc<Program>> {
        let plans = || self.plans.lock().unwrap_or_else(|p| p.into_inner());
        let fits = |metas: &[Meta]| metas.iter().eq(tensors.iter().map(Tensor::meta));
        let found = plans().iter().find(|p| fits(&p.0)).map(|p| p.1.clone());
        if let Some(found) = found {
            return Ok(found);
        }
        let own = |x: &Tensor| x.is_symbolic() && !x.is_spec();
        // A symbolic argument means that the call is put into another graph, whose symbols these are.
        let given = tensors.iter().chain(&self.captures).map(Tensor::meta).collect::<Vec<_>>();
        let graph = match self.graph.is_concrete() || tensors.iter().any(own) {
            true => {
                let wanted = self.graph.inputs.iter().map(|v| self.graph.meta(*v));
                if !wanted.eq(given.iter().copied()) {
                    self.graph.bindings(&given)?;
                }
                self.graph.clone()
            }
            false => self.graph.bind(&given)?,
        };
        let customs = self.customs.iter().map(|c| bound(c, &graph)).collect();
        let (captures, variables) = (self.captures.clone(), self.variables.clone());
        let mut program = Program::new(self.function, graph, captures, variables, customs, self.device);
        program.wishes = self.wishes;
        let program = Arc::new(program);
        let mut plans = plans();
        if plans.len() >= PLANS {
            plans.remove(0);
        }
        plans.push((tensors.iter().map(|t| t.meta().clone()).collect(), program.clone()));
        Ok(program)
    }
}

/// The user's gradient for the graph with its symbols bound.
fn bound(custom: &Custom, graph: &Graph) -> Custom {
    let inside = |g, step: &(u32, &'static str)| &**Graph::node(g, step.0).attrs.graph(step.1);
    let graph = custom.path.iter().fold(graph, inside);
    let bind = |pullback: &Graph| {
        let of = |v: &Value| graph.meta(*v);
        let metas = std::iter::once(&custom.output).chain(&custom.operands).map(of);
        let metas: Vec<&Meta> = metas.chain(custom.captures.iter().map(Tensor::meta)).collect();
        match metas.iter().all(|m| m.shape.is_known()) {
            true => pullback.bind(&metas),
            false => Ok(pullback.clone()),
        }
    };
    let pullback = custom.pullback.as_ref().map_err(Clone::clone).and_then(bind);
    Custom { pullback, ..custom.clone() }
}

/// The metas that a trace's arguments get: the actual ones, where `specs` leave a dimension open a symbol.
pub(crate) fn metas(
    function: &'static str,
    named: &Visitor,
    specs: &[TensorSpec],
) -> Result<Vec<(String, Meta)>> {
    if let Some(spec) = specs.iter().find(|s| !named.paths.iter().any(|p| p == s.path)) {
        let text = format!(
            "the signature names `{}`, and there is no tensor of this name among the arguments",
            spec.path
        );
        return Err(Error::invalid(function, text).with_hint(format!("tensors: {}", named.paths.join(", "))));
    }
    let meta = |(path, x): (&String, &Tensor)| {
        let meta = match specs.iter().find(|s| s.path == path) {
            None => x.meta().clone(),
            Some(spec) => {
                let dim = |(axis, d): (usize, &DimSpec)| match d {
                    DimSpec::Named(name) => Dim::symbol(name),
                    DimSpec::Any => Dim::symbol(&format!("?{path}.{axis}")),
                    DimSpec::Fixed(n) => Dim::from(*n),
                };
                let dims: Vec<Dim> = spec.dims.iter().enumerate().map(dim).collect();
                Meta::new(spec.dtype.unwrap_or(x.dtype()), dims.into_iter().collect::<Shape>())
            }
        };
        (path.clone(), meta)
    };
    Ok(named.paths.iter().zip(&named.tensors).map(meta).collect())
}

/// What the traces of a function are for, one a line.
#[derive(Clone, Debug)]
pub struct Signatures(pub(crate) Vec<String>);

impl Signatures {
    /// The lines.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Display for Signatures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

/// `f(x: f32[batch, 3], n: 3i64) on CPU:0`.
pub(crate) fn line(trace: &Trace) -> String {
    let mut groups: Vec<(&str, Vec<&Leaf>)> = vec![];
    for leaf in &trace.known.leaves {
        let argument = leaf.path.split('.').next().unwrap_or("");
        match groups.last_mut() {
            Some(group) if group.0 == argument => group.1.push(leaf),
            _ => groups.push((argument, vec![leaf])),
        }
    }
    let mut inputs = trace.graph.inputs.iter().map(|v| trace.graph.meta(*v));
    let shown = groups.iter().map(|(argument, leaves)| {
        let texts: Vec<String> = leaves
            .iter()
            .map(|leaf| match leaf.kind {
                LeafKind::Tensor(_) => inputs.next().map(|m| m.to_string()).unwrap_or_default(),
                _ => leaf.text.clone(),
            })
            .collect();
        match leaves.len() {
            1 if leaves[0].path == *argument => format!("{argument}: {}", texts[0]),
            n if n <= 4 => {
                let parts = leaves.iter().zip(&texts).map(|(l, t)| {
                    match l.path[argument.len()..].trim_start_matches('.') {
                        "" => t.clone(),
                        part => format!("{part}: {t}"),
                    }
                });
                format!("{argument}: {{{}}}", parts.collect::<Vec<_>>().join(", "))
            }
            _ => {
                let count = |f: fn(&LeafKind) -> bool| leaves.iter().filter(|l| f(&l.kind)).count();
                let (t, v) = (
                    count(|k| matches!(k, LeafKind::Tensor(_))),
                    count(|k| matches!(k, LeafKind::Variable(_))),
                );
                format!("{argument}: {{{t} tensors, {v} variables, {} others}}", leaves.len() - t - v)
            }
        }
    });
    let shown: Vec<String> = shown.collect();
    let instance =
        if trace.known.instance.is_empty() { String::new() } else { format!(" as {}", trace.known.instance) };
    format!("{}({}) on {}{instance}", trace.function, shown.join(", "), trace.device)
}
